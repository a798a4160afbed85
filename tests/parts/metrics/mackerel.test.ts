import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { PosterStatus } from '../../../src/metrics/mackerel/poster.ts'
import { MackerelServer, type MackerelState } from '../../mackerel-server.ts'
import { metricsSettings } from '../../metrics-settings.ts'

/*
 * The program that posts to Mackerel, as its container runs it, against a server that keeps the rules of the documented
 * API: mackerel-server.ts.
 */

const PROGRAM = join(import.meta.dirname, '../../../src/metrics/mackerel/main.ts')
const KEY = '2R8VBzTestKeyTestKeyTestKey'
const WAIT = { timeout: 30_000, interval: 100 }

let folder: string
let server: MackerelServer
let port: number
let child: ChildProcess | undefined
let said = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sekisho-mackerel-'))
  await mkdir(join(folder, 'agent'))
  await writeFile(join(folder, 'key'), `${KEY}\n`)
  server = new MackerelServer({ key: KEY })
  port = await server.start()
  said = ''
})
afterEach(async () => {
  child?.kill('SIGKILL')
  await server.stop()
  await rm(folder, { recursive: true })
})

async function start(more: object = {}): Promise<void> {
  const settings = {
    ...metricsSettings(folder),
    apiUrl: `http://127.0.0.1:${port}`,
    apiKeyFile: join(folder, 'key'),
    roles: ['home:router'],
    monitors: true,
    hostMetrics: true,
    intervalSecs: 1,
    data: folder,
    status: join(folder, 'status.json'),
    ...more,
  }
  await writeFile(join(folder, 'settings.json'), JSON.stringify(settings))
  child = spawn(process.execPath, [PROGRAM, join(folder, 'settings.json')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += String(chunk)))
}

async function end(signal: NodeJS.Signals): Promise<void> {
  const ended = once(child as ChildProcess, 'exit')
  child?.kill(signal)
  await ended
}

async function status(): Promise<PosterStatus> {
  return JSON.parse(await readFile(join(folder, 'status.json'), 'utf8')) as PosterStatus
}

function onlyHost(state: MackerelState): string {
  const [id = '', ...others] = Object.keys(state.hosts)
  expect(others).toEqual([])
  return id
}

/** The times at which a metric came, in order, and how often each at most. */
function times(name: string): number[] {
  return Object.keys(server.state.values[onlyHost(server.state)]?.[name] ?? {}).map(Number)
}

function mostRepeats(): number {
  const all = Object.values(server.state.values[onlyHost(server.state)] ?? {}).flatMap((one) =>
    Object.values(one),
  )
  return Math.max(...all.map((one) => one.times))
}

const spooled = () => readdir(join(folder, 'spool'))

test('registers the host, its graphs and monitors, and posts what the server takes', async () => {
  await start()
  await expect.poll(() => times('loadavg1').length, WAIT).toBeGreaterThanOrEqual(2)
  const { hosts, graphDefs, monitors, refused, values } = server.state
  const id = onlyHost(server.state)
  expect(hosts[id]).toMatchObject({
    name: 'gate',
    roleFullnames: ['home:router'],
    interfaces: [{ name: 'lo' }],
  })
  expect(Object.keys(graphDefs)).toContain('custom.sekisho.dns_latency')
  // The organization's own monitor of connectivity is enough.
  expect(monitors.map((one) => ('metric' in one ? one.metric : one.type))).toEqual([
    'connectivity',
    'cpu%',
    'disk%',
    'memory%',
  ])
  // Its only 404 is the question whether it was here before.
  expect(refused).toEqual([expect.stringMatching(/^GET \/api\/v0\/hosts-by-custom-identifier\/\S+: 404 /)])
  const names = Object.keys(values[id] ?? {})
  expect(names).toEqual(
    expect.arrayContaining([
      'loadavg5',
      'cpu.user.percentage',
      'cpu.idle.percentage',
      'memory.used',
      'memory.total',
      'interface.lo.rxBytes.delta',
      'custom.sekisho.wan.rx',
      'custom.sekisho.posts.waiting',
    ]),
  )
  // A standard host has 200 metrics (mackerel.io/docs/entry/spec/about-host).
  expect(names.length).toBeLessThan(200)
  expect(said + (await readFile(join(folder, 'status.json'), 'utf8'))).not.toContain(KEY)
})

test('started again, it is the same host and makes no monitor twice', async () => {
  await start()
  await expect.poll(() => times('loadavg1').length, WAIT).toBeGreaterThanOrEqual(1)
  await end('SIGTERM')
  const before = times('loadavg1').length
  await start()
  await expect.poll(() => times('loadavg1').length, WAIT).toBeGreaterThan(before)
  expect(server.state.monitors).toHaveLength(4)
  expect(mostRepeats()).toBe(1)
})

test('an answer to the registration that is lost makes no second host', async () => {
  server.fault = ({ method, url }) => {
    if (method !== 'POST' || url !== '/api/v0/hosts') return undefined
    server.fault = undefined
    // It was registered, and the answer is lost.
    void fetch(`http://127.0.0.1:${port}/api/v0/hosts`, {
      method: 'POST',
      headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
      body: JSON.stringify({
        name: 'gate',
        meta: {},
        customIdentifier: identifier(),
        roleFullnames: ['home:router'],
      }),
    })
    return { status: 502, body: {} }
  }
  const identifier = () =>
    /sekisho-[0-9a-f-]{36}/.exec(server.state.refused.find((line) => line.includes('by-custom')) ?? '')?.[0]
  await start()
  await expect.poll(() => times('loadavg1').length, WAIT).toBeGreaterThanOrEqual(1)
})

test('over an outage nothing is lost, also when the process is killed in it, and all of it arrives once', async () => {
  await start()
  await expect.poll(() => times('loadavg1').length, WAIT).toBeGreaterThanOrEqual(1)
  await server.stop()
  const last = times('loadavg1').at(-1) ?? 0
  await expect.poll(async () => (await spooled()).length, WAIT).toBeGreaterThanOrEqual(2)
  await expect.poll(async () => (await status()).state, WAIT).toBe('waiting')
  expect((await status()).problem).toMatch(/ECONNREFUSED|socket|closed/i)
  await end('SIGKILL')
  const waited = (await spooled())
    .filter((name) => name.endsWith('.json'))
    .map((name) => Number.parseInt(name, 10))
  await start()
  await server.start(port)
  await expect.poll(() => times('loadavg1'), WAIT).toEqual(expect.arrayContaining(waited))
  await expect.poll(() => spooled(), WAIT).toEqual([])
  expect(waited.every((time) => time > last)).toBe(true)
  expect(mostRepeats()).toBe(1)
})

test('waits as long as the server says, and no shorter', async () => {
  const asked: number[] = []
  server.fault = ({ url }) => {
    if (url !== '/api/v0/tsdb') return undefined
    asked.push(performance.now())
    return asked.length > 1 ? undefined : { status: 429, body: {}, headers: { 'retry-after': '3' } }
  }
  await start()
  await expect.poll(() => times('loadavg1').length, WAIT).toBeGreaterThanOrEqual(1)
  expect((asked[1] ?? 0) - (asked[0] ?? 0)).toBeGreaterThanOrEqual(2990)
})

test('what the server refuses is given up and counted, and the rest arrives', async () => {
  await start()
  await expect.poll(() => times('loadavg1').length, WAIT).toBeGreaterThanOrEqual(1)
  await end('SIGTERM')
  const now = Math.floor(Date.now() / 1000)
  const spool = join(folder, 'spool')
  await mkdir(spool, { recursive: true })
  const point = (time: number, values: object) =>
    writeFile(join(spool, `${time}.json`), JSON.stringify({ time, values }))
  await point(now - 30, { loadavg1: 30 })
  await point(now - 20, { 'bad name': 1 })
  await point(now - 10, { loadavg1: 10 })
  await writeFile(join(spool, `${now - 5}.json`), '{ damaged')
  await point(now - 25 * 3600, { loadavg1: 1 })
  await start()
  await expect.poll(() => times('loadavg1'), WAIT).toEqual(expect.arrayContaining([now - 30, now - 10]))
  await expect.poll(async () => await status(), WAIT).toMatchObject({ refused: 1, givenUp: 2, waiting: 0 })
  expect(server.state.tooOld).toBe(0)
})

test('with a wrong key it waits for the right one, and says so without telling it', async () => {
  await writeFile(join(folder, 'key'), 'wrong-key-wrong-key\n')
  await start()
  await expect.poll(async () => (await status()).problem, WAIT).toContain('403')
  expect(said + (await readFile(join(folder, 'status.json'), 'utf8'))).not.toContain('wrong-key')
  await writeFile(join(folder, 'key'), `${KEY}\n`)
  await expect.poll(() => Object.keys(server.state.hosts).length, WAIT).toBe(1)
  await expect.poll(() => times('loadavg1').length, WAIT).toBeGreaterThanOrEqual(2)
})

test('a host that was retired at Mackerel is registered anew, and its points go there', async () => {
  await start()
  await expect.poll(() => times('loadavg1').length, WAIT).toBeGreaterThanOrEqual(1)
  const old = server.state.hosts[onlyHost(server.state)]
  if (old) old.isRetired = true
  await expect.poll(() => Object.keys(server.state.hosts).length, WAIT).toBe(2)
  const fresh = Object.entries(server.state.hosts).find(([, { isRetired }]) => !isRetired)?.[0] ?? ''
  const posted = () => Object.keys(server.state.values[fresh]?.loadavg1 ?? {}).length
  await expect.poll(posted, WAIT).toBeGreaterThanOrEqual(2)
  expect(await status()).toMatchObject({ hostId: fresh, refused: 0 })
})

test("an agent's host is used as it is", async () => {
  server.state.hosts['2eQGEaLxiYU'] = { name: 'old', meta: { a: 1 }, isRetired: false, createdAt: 1 }
  await writeFile(join(folder, 'id'), '2eQGEaLxiYU')
  await start({ hostIdFile: join(folder, 'id'), hostMetrics: false, roles: [] })
  await expect.poll(() => times('custom.sekisho.wan.rx').length, WAIT).toBeGreaterThanOrEqual(1)
  expect(times('loadavg1')).toEqual([])
  expect(server.state.hosts['2eQGEaLxiYU']).toMatchObject({ name: 'old', meta: { a: 1 } })
})

test('a server that says anything is waited out, and what it did not take arrives later', async () => {
  const odd: unknown[] = [
    null,
    [],
    'x',
    7,
    { host: null, monitors: [null, 1], id: ['a'] },
    { id: '../../etc' },
  ]
  let asked = 0
  server.fault = () => {
    asked += 1
    return { status: [200, 200, 500, 302, 200, 418][asked % 6] ?? 200, body: odd[asked % odd.length] }
  }
  await start({ hostMetrics: false })
  await expect.poll(() => asked, WAIT).toBeGreaterThanOrEqual(6)
  server.fault = undefined
  await expect.poll(() => times('custom.sekisho.wan.rx').length, WAIT).toBeGreaterThanOrEqual(5)
  await expect.poll(async () => (await status()).waiting, WAIT).toBe(0)
})

test('the key follows no redirect', async () => {
  const elsewhere: IncomingMessage[] = []
  const other = new MackerelServer({ key: KEY })
  other.fault = (request) => {
    elsewhere.push(request)
    return { status: 200, body: {} }
  }
  const otherPort = await other.start()
  server.fault = () => ({ status: 307, body: {}, headers: { location: `http://127.0.0.1:${otherPort}/` } })
  await start()
  await expect.poll(async () => (await status()).problem, WAIT).toContain('307')
  expect(elsewhere).toEqual([])
  await other.stop()
})
