import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Lab, openLab } from '../../src/lab/lab.ts'
import { editedYaml } from './support/edit-yaml.ts'
import { applyYaml, baseline } from './support/router-yaml.ts'

/* softflowd beside our own watcher: both count the same packets, each in its own way. */

const CONTAINER = 'sekisho-softflowd-home-1'
const CONTROL = ['docker', 'exec', CONTAINER, 'softflowctl', '-c', '/run/softflowd/ctl']

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
  await applyYaml(
    lab,
    await editedYaml(lab, (document) => document.setIn(['modules', 'softflowd'], { interfaces: ['home'] })),
  )
})

afterAll(() => lab && baseline(lab))

interface Row {
  readonly port: number
  readonly up: number
  readonly down: number
}

async function query(sql: string): Promise<Row[]> {
  const stdout = await lab.router.execOk(['sekisho', 'query', sql, '--json'])
  const lines = stdout.split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Row)
}

test('one connection has the same bytes by both, each way', async () => {
  const { laptop, router } = lab
  // A page many times over one connection.
  const fetch = [
    'curl',
    '-4',
    '-sf',
    '-o',
    '/dev/null',
    '-w',
    '%{local_port}\\n',
    'http://www.example.org/?[1-300]',
  ]
  const ports = (await laptop.execOk(fetch)).trim().split('\n').map(Number)
  const [port = 0] = ports
  expect([ports.length, new Set(ports).size]).toEqual([300, 1])
  expect(port).toBeGreaterThan(0)
  // Both keep a connection that has ended for a while: now they tell.
  await router.execOk([...CONTROL, 'expire-all'])
  await router.execOk(['sekisho', 'who', 'www.example.org', '--json'])
  const theirs = `SELECT ${port}::DOUBLE AS port,
      sum(octetDeltaCount) FILTER (sourceTransportPort = ${port})::DOUBLE AS up,
      sum(octetDeltaCount) FILTER (destinationTransportPort = ${port})::DOUBLE AS down
    FROM netflow WHERE time > now() - INTERVAL 5 MINUTE AND protocolIdentifier = 6
      AND exporterAddress = '127.0.0.1' AND 80 IN (sourceTransportPort, destinationTransportPort)
      AND ${port} IN (sourceTransportPort, destinationTransportPort)`
  const ours = `SELECT sourceTransportPort::DOUBLE AS port, sum(octetDeltaCount)::DOUBLE AS up,
      sum(reverseOctetDeltaCount)::DOUBLE AS down
    FROM flows WHERE time > now() - INTERVAL 5 MINUTE AND sourceTransportPort = ${port}
      AND destinationTransportPort = 80 AND protocolIdentifier = 6 GROUP BY ALL`
  // It reads what it captures in pieces: a connection may not be there yet when it is told to tell.
  const told = async () => {
    await router.execOk([...CONTROL, 'expire-all'])
    return (await query(theirs))[0]?.down ?? 0
  }
  await expect.poll(told, { timeout: 20_000, interval: 500 }).toBeGreaterThan(50_000)
  await expect.poll(() => query(ours), { timeout: 20_000, interval: 500 }).toHaveLength(1)
  expect(await query(theirs)).toEqual(await query(ours))
})

test('it may read packets, and nothing else', async () => {
  const { router } = lab
  const pid = (await router.execOk(['docker', 'inspect', '-f', '{{.State.Pid}}', CONTAINER])).trim()
  const capabilities = await router.execOk(['grep', '-E', '^Cap(Prm|Eff|Bnd)', `/proc/${pid}/status`])
  // CAP_NET_RAW is the 14th.
  expect(capabilities.match(/:\t0{12}2000$/gm)).toHaveLength(3)
})

test('it ends at once when it is told, as at a shutdown', async () => {
  const { router } = lab
  await router.execOk(['docker', 'stop', '--time', '60', CONTAINER])
  const ended = await router.execOk(['docker', 'inspect', '-f', '{{.State.ExitCode}}', CONTAINER])
  await router.execOk(['docker', 'start', CONTAINER])
  // 137 is SIGKILL's, after the minute.
  expect(ended.trim()).toBe('0')
})
