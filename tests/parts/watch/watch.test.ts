import { type ChildProcess, execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { DnsRecord } from '../../../src/recorder/records/dns.ts'
import { WatchSource } from '../../../src/recorder/sources/watch/listen.ts'
import { Wal } from '../../../src/recorder/wal/wal.ts'
import { loggedRecords } from '../../recorder-log.ts'
import { watchSettings } from '../../watch-settings.ts'
import { Cable } from './bed.ts'
import { CLIENT, query, response, SERVER } from './dns-message.ts'
import { ethernet, ipv4, udp } from './frames.ts'

/*
 * The watchers as their container starts them, in a network namespace of their own, and the recorder's source with a real
 * log: what a laptop asks over a cable is found in the log.
 */

const WATCH = join(import.meta.dirname, '../../../src/watch')
const IPV4 = 0x0800
const UDP = 17
const NET_ADMIN = 1 << 12

let root: string
let cable: Cable
let wal: Wal
let source: WatchSource
let watch: ChildProcess

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'watch-'))
  for (const name of ['run', 'data']) mkdirSync(join(root, name))
  const settings = watchSettings(join(root, 'run'), {
    recorderSocket: join(root, 'run/watch.sock'),
    networks: [
      { name: 'home', device: 'lan0', prefix: '10.0.0.0/24' },
      { name: 'servers', device: 'lan1', prefix: '10.0.1.0/24' },
      { name: 'guest', device: 'lan2', prefix: '10.0.2.0/24' },
    ],
    dns: { timeoutSecs: 1 },
  })
  writeFileSync(join(root, 'watch.json'), JSON.stringify(settings))
  await record()
  cable = await Cable.open()
  for (const place of ['router', 'server'] as const) {
    const server = cable.spawn(place, process.execPath, ['--input-type=module', '-e', SERVER])
    if (server.stdout) await once(server.stdout, 'data')
  }
  const limits = [
    '--max-old-space-size=96',
    '--max-semi-space-size=4',
    '--disable-warning=ExperimentalWarning',
  ]
  watch = cable.spawn('router', process.execPath, [
    ...limits,
    join(WATCH, 'start.ts'),
    join(root, 'watch.json'),
  ])
  await healthy()
})

afterAll(async () => {
  await cable?.close()
  await source?.stop()
  await wal?.close()
  await rm(root, { recursive: true })
})

async function record(): Promise<void> {
  wal = await Wal.open({ data: join(root, 'data'), flushMs: 100 })
  source = await WatchSource.start(join(root, 'run/watch.sock'), wal)
}

async function healthy(): Promise<void> {
  const argv = [join(WATCH, 'health.ts'), join(root, 'watch.json')]
  for (let last = 'never asked', end = performance.now() + 30_000; last !== ''; ) {
    if (performance.now() > end) throw new Error(last)
    last = await promisify(execFile)(process.execPath, argv).then(() => '', String)
  }
}

/** The process of a watcher: a child of the supervisor. */
function pidOf(name: 'dns' | 'flows'): number {
  const children = readFileSync(`/proc/${watch.pid}/task/${watch.pid}/children`, 'utf8')
  const pid = children
    .split(' ')
    .filter(Boolean)
    .find((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes(`/${name}/main.ts`))
  return Number(pid)
}

function ask(transport: 'udp' | 'tcp', address: string, name: string): Promise<string> {
  const message = query(7, name).toString('hex')
  const argv = ['--input-type=module', '-e', CLIENT, transport, address, message]
  return cable.in('laptop', process.execPath, argv)
}

function send(...frames: readonly Buffer[]): Promise<string> {
  const argv = [join(import.meta.dirname, 'send.ts'), 'eth0']
  return cable.in(
    'laptop',
    process.execPath,
    argv,
    frames.map((frame) => `${frame.toString('hex')}\n`).join(''),
  )
}

/** The records of a name, once there are any. */
async function recorded(name: string): Promise<DnsRecord[]> {
  const find = async (): Promise<DnsRecord[]> =>
    (await loggedRecords<DnsRecord>(join(root, 'data'), 'dns')).filter(({ queryName }) => queryName === name)
  await expect.poll(async () => (await find()).length, { timeout: 20_000, interval: 200 }).toBeGreaterThan(0)
  return find()
}

function status(name: 'watch' | 'dns') {
  return JSON.parse(readFileSync(join(root, `run/${name}.json`), 'utf8'))
}

it('reads what comes from the network without a capability', () => {
  const effective = (pid: number): number =>
    Number.parseInt(/^CapEff:\t(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '', 16)
  expect(effective(pidOf('dns'))).toBe(0)
  expect(effective(pidOf('flows'))).toBe(NET_ADMIN)
  for (const pid of [pidOf('dns'), pidOf('flows')]) {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    expect(text).toContain('NoNewPrivs:\t1\n')
    expect(/^CapBnd:\t(\w+)$/m.exec(text)?.[1]).toBe(/^CapEff:\t(\w+)$/m.exec(text)?.[1])
  }
})

it.each([
  ['udp', '10.0.0.1', '10.0.0.2'],
  ['udp', 'fd01::1', 'fd01::2'],
  ['tcp', '10.0.0.1', '10.0.0.2'],
  ['tcp', 'fd01::1', 'fd01::2'],
] as const)('has a question over %s to %s once, with its answer', async (transport, server, client) => {
  const name = `${transport}.${server.replaceAll(/\W+/g, '-')}.example.org`
  await ask(transport, server, name)
  const records = await recorded(name)
  expect(records).toHaveLength(1)
  expect(records[0]).toMatchObject({
    clientAddress: client,
    serverAddress: server,
    localResolver: true,
    transport,
    queryType: 'A',
    responseCode: 'NOERROR',
    status: 'answered',
    answers: [{ type: 'A', ttl: 300, data: '192.0.2.1' }],
    interface: 'lan0',
  })
  expect(Math.abs(Date.now() - Date.parse(records[0]?.time ?? ''))).toBeLessThan(60_000)
})

it('has what goes from one network to another once, and tells of it', async () => {
  // Queries and responses come in at two devices: they must not change places.
  const names = Array.from({ length: 10 }, (_, i) => `between${i}.example.org`)
  await Promise.all(names.map((name) => ask('udp', '10.0.1.2', name)))
  // Each of the packets went out at the other device.
  await expect.poll(() => status('dns').echoes, { timeout: 10_000 }).toBe(2 * names.length)
  for (const name of names) {
    const records = await recorded(name)
    expect(records).toMatchObject([
      { clientAddress: '10.0.0.2', serverAddress: '10.0.1.2', status: 'answered', interface: 'lan0' },
    ])
    expect(records[0]?.localResolver).not.toBe(true)
  }
  const events = await loggedRecords(join(root, 'data'), 'events')
  expect(events).toMatchObject([
    { tag: 'dns.bypass', senderAddress: '10.0.0.2', record: { serverAddress: '10.0.1.2' } },
  ])
})

it('has what comes in a VLAN, and what has no answer', async () => {
  const tagged = ethernet(IPV4, ipv4(UDP, udp(40_000, 53, query(9, 'vlan.example.org'))), [0x8100, 7])
  await send(tagged)
  expect(await recorded('vlan.example.org')).toMatchObject([{ status: 'timeout', serverAddress: '10.0.0.1' }])
})

it('joins fragments', async () => {
  const asked = query(11, 'large.example.org')
  const datagram = udp(53, 40_001, response(asked, 100))
  const cut = 800
  const packets = [
    ethernet(IPV4, ipv4(UDP, udp(40_001, 53, asked))),
    // As if the router's answer came from outside: the frames of both directions come in here.
    ethernet(IPV4, ipv4(UDP, datagram.subarray(0, cut), 0, 0x2000, true)),
    ethernet(IPV4, ipv4(UDP, datagram.subarray(cut), 0, cut / 8, true)),
  ]
  await send(...packets)
  const [record] = await recorded('large.example.org')
  expect(record).toMatchObject({ status: 'answered', responseBytes: response(asked, 100).length })
  expect(record?.answers).toHaveLength(100)
})

it('sees a device that is made anew', async () => {
  await cable.unplug('laptop')
  await cable.plug('laptop')
  const pid = pidOf('dns')
  // Within a second it is noticed.
  await expect
    .poll(
      async () => {
        await ask('udp', '10.0.0.1', 'again.example.org')
        return loggedRecords<DnsRecord>(join(root, 'data'), 'dns')
      },
      { timeout: 20_000, interval: 500 },
    )
    .toContainEqual(expect.objectContaining({ queryName: 'again.example.org', interface: 'lan0' }))
  expect(pidOf('dns')).toBe(pid)
  await expect
    .poll(() => status('dns').interfaces, { timeout: 10_000 })
    .toMatchObject({
      lan0: { bound: true, kernelDrops: 0 },
      lan2: { bound: false },
    })
})

it('keeps what it sees while the recorder is away', async () => {
  await source.stop()
  await wal.close()
  await ask('udp', '10.0.0.1', 'kept.example.org')
  await record()
  expect(await recorded('kept.example.org')).toHaveLength(1)
  expect(source.counts).toMatchObject({ dropped: 0, malformed: 0 })
})

it('starts a watcher again that was killed, and ends one that is stopped', async () => {
  const killed = pidOf('dns')
  process.kill(killed, 'SIGKILL')
  await expect.poll(() => status('watch').children.dns.starts, { timeout: 20_000 }).toBe(2)
  await healthy()
  const stopped = pidOf('flows')
  process.kill(stopped, 'SIGSTOP')
  await expect
    .poll(() => status('watch').children.flows, { timeout: 30_000 })
    .toMatchObject({ starts: 2, ended: 1 })
  await healthy()
  expect(pidOf('dns')).not.toBe(killed)
  expect(pidOf('flows')).not.toBe(stopped)
  await ask('udp', '10.0.0.1', 'restarted.example.org')
  expect(await recorded('restarted.example.org')).toHaveLength(1)
})

it('takes its children along when it ends, and they finish their work', async () => {
  const pids = [pidOf('dns'), pidOf('flows')]
  await ask('udp', '10.0.0.1', 'last.example.org')
  const exited = once(watch, 'exit')
  watch.kill('SIGTERM')
  expect(await exited).toEqual([0, null])
  expect(await recorded('last.example.org')).toHaveLength(1)
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  expect(status('watch').state).toBe('stopped')
})
