import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Lab, openLab } from '../../src/lab/lab.ts'
import { DEVICES } from '../../src/lab/traffic/habits.ts'
import { traffic } from '../../src/lab/traffic/traffic.ts'
import { machineTraces } from './support/lab-traces.ts'
import { baseline } from './support/router-yaml.ts'

const SEKISHO = join(import.meta.dirname, '../../sekisho')

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
})
afterAll(() => baseline(lab))

/** The network namespaces that have a process in them: whoever is plugged in has one. */
const household = () => lab.runInRoot(['sh', '-c', 'readlink /proc/[0-9]*/ns/net 2>/dev/null | sort -u'])

test('a household lives once: each does something, the router knows all of it, and nothing stays', async () => {
  const found = [await machineTraces(), await household()]
  const lines: string[] = []
  await traffic(lab, { once: true, signal: new AbortController().signal, say: (line) => lines.push(line) })
  for (const device of DEVICES) expect(lines.filter((line) => line.startsWith(`${device} `))).toHaveLength(1)
  const leases = JSON.parse(await lab.router.execOk(['sekisho', 'leases', '--json'])) as {
    name: string
    mac: string
  }[]
  expect(leases.map(({ mac }) => mac)).toEqual(
    expect.arrayContaining(['00:00:5e:00:53:01', '00:00:5e:00:53:02', '00:00:5e:00:53:03']),
  )
  const seen = async () => {
    const { stdout } = await lab.router.exec(['sekisho', 'devices', '--json'])
    return ['tv', 'camera', 'sensor'].filter((name) => stdout.includes(`"${name}"`))
  }
  await expect.poll(seen, { timeout: 60_000, interval: 2000 }).toHaveLength(3)
  await expect.poll(household, { timeout: 10_000 }).toEqual(found[1])
  expect(await machineTraces()).toEqual(found[0])
})

test('what a run that was killed left goes with the next, which ends when it is told', async () => {
  const found = await household()
  const killed = spawn(SEKISHO, ['lab', 'traffic'], { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const chunk of killed.stdout) if (String(chunk).includes(' lives')) break
  killed.kill('SIGKILL')
  await expect.poll(household, { timeout: 10_000 }).not.toEqual(found)
  const stop = new AbortController()
  await traffic(lab, {
    once: false,
    signal: stop.signal,
    say: (line) => {
      if (line.startsWith('lives')) setTimeout(() => stop.abort(), 3000)
    },
  })
  await expect.poll(household, { timeout: 10_000 }).toEqual(found)
  for (const name of ['tv', 'camera', 'sensor'])
    expect(await lab.runInRoot(['ls', '/run/hosts'])).not.toContain(name)
})
