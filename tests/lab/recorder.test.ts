import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Lab, openLab } from '../../src/lab/lab.ts'
import { WAN } from '../../src/lab/topology.ts'
import { baseline } from './support/router-yaml.ts'

/*
 * The recorder at work on the router: what containers, the host and strangers at the WAN leave behind is on record.
 */

const CONTAINER = 'sekisho-recorder-1'

interface Status {
  readonly sources: Readonly<
    Record<string, { state: string; received: number; stored: number; dropped: number; malformed: number }>
  >
}
type LogRecord = Readonly<Record<string, unknown>>

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
})

afterAll(async () => {
  await lab?.router.exec(['docker', 'start', CONTAINER])
})

async function status(): Promise<Status> {
  return JSON.parse(await lab.router.execOk(['cat', '/run/sekisho/recorder/status.json'])) as Status
}

/** The records of a kind that are like this one, as `sekisho logs` shows them. */
async function records(kind: string, like: LogRecord, options: readonly string[] = []): Promise<LogRecord[]> {
  const stdout = await lab.router.execOk(['sekisho', 'logs', kind, '--json', ...options])
  const all = stdout.split('\n').filter((line) => line !== '')
  return all
    .map((line) => JSON.parse(line) as LogRecord)
    .filter((record) => Object.entries(like).every(([key, value]) => record[key] === value))
}

async function untilRecorded(
  kind: string,
  like: LogRecord,
  options: readonly string[] = [],
  count = 1,
): Promise<LogRecord[]> {
  await expect
    .poll(async () => (await records(kind, like, options)).length, { timeout: 30_000, interval: 500 })
    .toBeGreaterThanOrEqual(count)
  return records(kind, like, options)
}

test('it is healthy, hears every source, and has no capability', async () => {
  await expect
    .poll(() => lab.router.execOk(['docker', 'inspect', '-f', '{{.State.Health.Status}}', CONTAINER]), {
      timeout: 30_000,
      interval: 500,
    })
    .toBe('healthy\n')
  const { sources } = await status()
  expect(Object.keys(sources)).toEqual(expect.arrayContaining(['container', 'drops', 'syslog']))
  for (const source of Object.values(sources))
    expect(source).toMatchObject({ state: 'up', malformed: 0, dropped: 0 })
  const pid = (await lab.router.execOk(['docker', 'inspect', '-f', '{{.State.Pid}}', CONTAINER])).trim()
  const capabilities = await lab.router.execOk(['grep', '-E', '^Cap', `/proc/${pid}/status`])
  expect(capabilities.match(/:\t0+$/gm)).toHaveLength(5)
})

test('a stranger at the WAN is on record, with port and address', async () => {
  const port = 4000 + Math.floor(Math.random() * 2000)
  await lab.attacker.exec(['nmap', '-Pn', '-n', '-sS', '--max-retries', '0', '-p', String(port), WAN.router4])
  const [drop] = await untilRecorded('drops', { destinationTransportPort: port }, ['--since', '5m'])
  expect(drop).toMatchObject({
    logPrefix: expect.stringMatching(/^sekisho:drop:/) as unknown,
    ingressInterface: 'wan0',
    sourceAddress: WAN.attacker4,
    destinationAddress: WAN.router4,
    protocolIdentifier: 6,
    tcpControlBits: 2,
  })
})

test("the host's syslog comes through rsyslog", async () => {
  const text = `hello ${Math.random()}`
  await lab.router.execOk(['logger', '-t', 'labtest', '-p', 'daemon.warning', text])
  const [message] = await untilRecorded('syslog', {}, ['--since', '5m', '--grep', text])
  expect(message).toMatchObject({
    appName: 'labtest',
    facility: 3,
    severity: 4,
    format: 'rfc5424',
    msg: expect.stringContaining(text) as unknown,
  })
})

test('while it is down containers start and syslog waits; then every line is there once', async () => {
  const { router } = lab
  await router.execOk(['docker', 'stop', CONTAINER])
  const text = `while down ${Math.random()}`
  for (let i = 0; i < 20; i++) await router.execOk(['logger', '-t', 'labtest', `${text} ${i}`])
  await router.execOk(['docker', 'restart', 'sekisho-unbound-1'])
  await router.execOk(['docker', 'start', CONTAINER])

  const messages = await untilRecorded('syslog', {}, ['--since', '5m', '--grep', text], 20)
  expect(new Set(messages.map(({ msg }) => String(msg).trim())).size).toBe(20)

  const inspect = ['docker', 'inspect', '-f', '{{.Id}} {{.LogPath}}', 'sekisho-unbound-1']
  const [id = '', path = ''] = (await router.execOk(inspect)).trim().split(' ')
  const written = (
    await router.execOk(['sh', '-c', 'cat "$1".2 "$1".1 "$1" 2>/dev/null || true', 'sh', path])
  )
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { log: string }).log.trimEnd())
  expect(written.length).toBeGreaterThan(1)
  const lines = await untilRecorded('container', { containerId: id.slice(0, 12) }, [], written.length)
  // Several of one microsecond have no order.
  expect(lines.map(({ log }) => log).toSorted()).toEqual(written.toSorted())
  expect(lines[0]).toMatchObject({
    containerName: 'sekisho-unbound-1',
    service: 'unbound',
    module: 'unbound',
  })
})

test('while it is down rsyslog may be restarted: what waits is on the disk, and every line is there once', async () => {
  const { router } = lab
  const text = `over a restart ${Math.random()}`
  const say = (from: number, to: number) =>
    router.execOk(['sh', '-c', `for i in $(seq ${from} ${to - 1}); do logger -t labtest "${text} $i"; done`])
  await router.execOk(['docker', 'stop', CONTAINER])
  await say(0, 100)
  await router.execOk(['systemctl', 'restart', 'rsyslog.service'])
  const queue = await router.execOk(['sh', '-c', 'cat /var/spool/rsyslog/sekisho-recorder.*'])
  expect(queue).toContain(`${text} 50`)
  await say(100, 120)
  await router.execOk(['systemctl', 'restart', 'rsyslog.service'])
  await router.execOk(['docker', 'start', CONTAINER])
  const messages = await untilRecorded('syslog', {}, ['--since', '5m', '--grep', text, '--limit', '500'], 120)
  expect(new Set(messages.map(({ msg }) => String(msg).trim())).size).toBe(120)
  expect(messages).toHaveLength(120)
})
