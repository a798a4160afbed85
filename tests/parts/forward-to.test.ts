import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FluentServer } from '@fluent-org/logger'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { ForwardTarget } from '../../src/recorder/forward-to/settings.ts'
import { keptDirectory } from '../../src/recorder/layout.ts'
import { forwardLines } from '../../src/recorder/sources/forward/entries.ts'
import { eventTime, packedMode } from '../../src/recorder/sources/forward/fixtures.ts'
import type { RecorderStatus } from '../../src/recorder/status.ts'
import { ForwardClient, ownAddress } from '../forward-client.ts'
import { freeTcpPort } from '../free-port.ts'
import { loggedFrames } from '../recorder-log.ts'
import { recorderSettings } from '../recorder-settings.ts'
import { selfSigned } from '../self-signed.ts'

/*
 * forward_to with whole processes: to another implementation's server, to a recorder of ours, and to nobody.
 */

const MAIN = join(import.meta.dirname, '../../src/recorder/main.ts')
const LIMITS = ['--max-old-space-size=96', '--max-semi-space-size=4']
const KILLS = process.env.SEKISHO_FULL === '1' ? 40 : 4

interface Recorder {
  readonly root: string
  readonly address: string
  child: ChildProcess
}

let folder: string
const recorders: Recorder[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'forward-to-'))
})

afterEach(async () => {
  for (const recorder of recorders.splice(0)) await end(recorder, 'SIGKILL')
  await rm(folder, { recursive: true })
})

function target(changes: Pick<ForwardTarget, 'address'> & Partial<ForwardTarget>): ForwardTarget {
  const [host = '', port = ''] = changes.address.split(':')
  return { host, port: Number(port), compress: true, ...changes }
}

/** A recorder of its own that sends to these. */
async function start(
  name: string,
  forwardTo: readonly ForwardTarget[],
  maxBytes = 2 ** 30,
  address = ownAddress(),
): Promise<Recorder> {
  const root = join(folder, name)
  for (const part of ['data', 'run', 'containers']) mkdirSync(join(root, part), { recursive: true })
  const settings = recorderSettings(root, {
    site: name,
    maxBytes,
    syslog: { address, port: 5514 },
    netflow: { address, port: 2055 },
    forward: { port: 24224, addresses: [address] },
    forwardTo,
  })
  writeFileSync(join(root, 'settings.json'), JSON.stringify(settings))
  const recorder = { root, address, child: run(root) }
  recorders.push(recorder)
  return recorder
}

function run(root: string): ChildProcess {
  const argv = [...LIMITS, MAIN, join(root, 'settings.json'), 'no NFLOG in this test']
  return spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'ignore'] })
}

async function end({ child }: Recorder, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

async function restart(recorder: Recorder, signal: NodeJS.Signals): Promise<void> {
  await end(recorder, signal)
  recorder.child = run(recorder.root)
}

function status({ root }: Recorder): RecorderStatus {
  return JSON.parse(readFileSync(join(root, 'run/status.json'), 'utf8')) as RecorderStatus
}

async function client(address: string): Promise<ForwardClient> {
  let found: ForwardClient | undefined
  await expect
    .poll(async () => (found = await ForwardClient.connect(address).catch(() => undefined)), {
      timeout: 20_000,
    })
    .toBeDefined()
  if (!found) throw new Error('not connected')
  return found
}

/** Has events with these numbers stored: they are acknowledged when it returns. */
async function store(address: string, numbers: readonly number[], more: object = {}): Promise<void> {
  const sender = await client(address)
  for (let at = 0; at < numbers.length; at += 50) {
    const chunk = `${at} ${Math.random()}`
    const entries = numbers
      .slice(at, at + 50)
      .map((n) => [eventTime(1_790_000_000, n), { n, ...more }] as const)
    sender.send(packedMode('test.numbers', entries, { chunk }))
    expect(await sender.answer()).toEqual({ ack: chunk })
  }
  sender.socket.destroy()
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}

interface Received {
  readonly tag: string
  readonly record: Record<string, unknown> & { readonly record?: { readonly n: number } }
}

/** The numbers of the test's events that another recorder was sent, in its log. */
async function arrived({ root }: Recorder): Promise<number[]> {
  const numbers: number[] = []
  for (const { meta, body } of await loggedFrames(join(root, 'data'))) {
    if (!meta.forward) continue
    for (const { lines } of forwardLines(meta.forward, body, meta.at))
      for (const line of lines.toString().split('\n').slice(0, -1)) {
        const { tag, record } = JSON.parse(line) as Received
        if (tag === 'sekisho.events' && record.tag === 'test.numbers') numbers.push(record.record?.n ?? -1)
      }
  }
  return numbers
}

it("brings every record to another implementation's server, over TLS with a shared key and a user", async () => {
  const { cert, keyText, certText } = await selfSigned(folder, 'logs.example.org')
  for (const [name, text] of [
    ['key', 'a shared key\n'],
    ['password', 'of someone\n'],
    ['wrong', 'other'],
  ] as const)
    writeFileSync(join(folder, name), text)
  const got: (Received & { readonly time: unknown })[] = []
  class Peer extends FluentServer {
    override onEntry(tag: string, time: unknown, record: Received['record']): void {
      got.push({ tag, time, record })
    }
  }
  const port = await freeTcpPort()
  const security = {
    serverHostname: 'logs',
    sharedKey: 'a shared key',
    authorize: true,
    userDict: { someone: 'of someone' },
  }
  const listenOptions = { port, host: '127.0.0.1' }
  const peer = new Peer({ security, tlsOptions: { key: keyText, cert: certText }, listenOptions })
  await peer.listen()
  const tls = { caFile: cert, serverName: 'logs.example.org' }
  const known = {
    tls,
    sharedKeyFile: join(folder, 'key'),
    username: 'someone',
    passwordFile: join(folder, 'password'),
  }
  const address = `127.0.0.1:${port}`
  const sender = await start('home', [
    target({ address, ...known, kinds: ['events'] }),
    target({ address: `localhost:${port}`, ...known, kinds: ['syslog'], compress: false }),
    target({ address: `127.0.0.2:${port}`, ...known }),
  ])
  await store(sender.address, range(0, 500), { big: 2 ** 40, text: '日本語' })
  await expect.poll(() => got.length, { timeout: 30_000 }).toBe(500)
  await peer.close()
  await store(sender.address, range(500, 1000))
  const syslog = (await import('node:net')).connect({ host: sender.address, port: 5514 })
  syslog.end('<13>1 2026-11-26T01:02:03.004005Z gate app 1 - - hello\n')
  await expect.poll(() => status(sender).forwardTo?.[0]?.state, { timeout: 30_000 }).toContain('ECONNREFUSED')
  const again = new Peer({ security, tlsOptions: { key: keyText, cert: certText }, listenOptions })
  await again.listen()
  await expect.poll(() => got.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(1001)
  const events = got.filter(({ tag }) => tag === 'sekisho.events')
  expect(new Set(events.map(({ record }) => record.record?.n))).toEqual(new Set(range(0, 1000)))
  expect(events[7]?.record).toEqual({
    site: 'home',
    tag: 'test.numbers',
    senderAddress: expect.stringMatching(/^127\./) as string,
    record: { n: 7, big: 2 ** 40, text: '日本語' },
  })
  expect(events[7]?.time).toMatchObject({ epoch: 1_790_000_000, nano: 7 })
  const [line] = got.filter(({ tag }) => tag === 'sekisho.syslog')
  expect(line?.record).toMatchObject({ site: 'home', hostname: 'gate', appName: 'app', msg: 'hello' })
  expect(line?.time).toMatchObject({ nano: 4_005_000 })
  await again.close()
}, 120_000)

it('says what is wrong with a receiver that does not let us in, and sends it nothing', async () => {
  writeFileSync(join(folder, 'key'), 'another key\n')
  const got: unknown[] = []
  class Peer extends FluentServer {
    override onEntry(_: string, __: unknown, record: unknown): void {
      got.push(record)
    }
  }
  const ports = [await freeTcpPort(), await freeTcpPort(), await freeTcpPort()] as const
  const locked = new Peer({
    security: { serverHostname: 'logs', sharedKey: 'a shared key', authorize: false, userDict: {} },
    listenOptions: { port: ports[0], host: '127.0.0.1' },
  })
  await locked.listen()
  const sockets: Socket[] = []
  const noise = await listen(ports[1], (socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined).write(Buffer.alloc(200_000, 0xc1))
  })
  const mute = await listen(ports[2], (socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined).destroy()
  })
  const sharedKeyFile = join(folder, 'key')
  const sender = await start('home', [
    target({ address: `127.0.0.1:${ports[0]}`, sharedKeyFile }),
    target({ address: `localhost:${ports[0]}` }),
    target({ address: `127.0.0.1:${ports[1]}` }),
    target({ address: `127.0.0.1:${ports[2]}` }),
  ])
  await store(sender.address, range(0, 10))
  const states = (): string[] => (status(sender).forwardTo ?? []).map(({ state }) => state)
  await expect
    .poll(states, { timeout: 30_000 })
    .toEqual([
      expect.stringMatching(/refuses us|closed the connection/),
      expect.stringMatching(/shared key|closed the connection/),
      expect.stringContaining('does not speak the Forward protocol'),
      expect.stringMatching(/closed the connection|ECONNRESET|EPIPE/),
    ])
  expect(status(sender).forwardTo).toMatchObject(states().map(() => ({ forwarded: 0, lost: 0 })))
  expect(got).toEqual([])
  // Nobody who waits for them holds up what is recorded.
  await store(sender.address, range(10, 20))
  for (const socket of sockets) socket.destroy()
  noise.close()
  mute.close()
  await locked.close()
}, 60_000)

async function listen(port: number, serve: (socket: Socket) => void): Promise<Server> {
  const server = createServer(serve).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

it('loses nothing when either side is killed at any moment', async () => {
  const receiver = await start('center', [])
  const sender = await start('home', [target({ address: `${receiver.address}:24224` })])
  const total = KILLS * 1000
  for (let kill = 0; kill < KILLS; kill++) {
    await store(sender.address, range(kill * 1000, (kill + 1) * 1000))
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 700))
    await restart(kill % 2 === 0 ? sender : receiver, 'SIGKILL')
  }
  const found = async (): Promise<number> => new Set(await arrived(receiver)).size
  await expect.poll(found, { timeout: 60_000, interval: 500 }).toBe(total)
  // A stop in good order leaves nothing to be sent again.
  await restart(sender, 'SIGTERM')
  const before = (await arrived(receiver)).length
  await store(sender.address, [total])
  await expect.poll(found, { timeout: 30_000, interval: 500 }).toBe(total + 1)
  expect(await arrived(receiver)).toHaveLength(before + 1)
}, 150_000)

it('gives up the oldest when a receiver is away for too long, counted, with the archive complete', async () => {
  const address = ownAddress()
  // 8 MiB for the log, in segments of 1 MiB.
  const sender = await start('home', [target({ address: `${address}:24224` })], 16 * 2 ** 20)
  const rows = 12_000
  const archived = (): number => status(sender).archive.counts.rows
  for (let at = 0; at < rows; at += 3000) {
    await store(sender.address, range(at, at + 3000), { padding: 'x'.repeat(1000) })
    sender.child.kill('SIGHUP')
    // Else the log would be over its budget for want of conversion.
    await expect.poll(archived, { timeout: 60_000, interval: 200 }).toBeGreaterThanOrEqual(at + 3000)
  }
  expect(status(sender).log.dropped.rows).toBe(0)
  const names = await readdir(keptDirectory(join(sender.root, 'data')))
  expect(names.filter((name) => name.endsWith('.wal')).length).toBeLessThanOrEqual(8)
  const receiver = await start('center', [], 2 ** 30, address)
  const figures = () => {
    const { forwarded = 0, lost = 0 } = status(sender).forwardTo?.[0] ?? {}
    return { forwarded, lost }
  }
  await expect
    .poll(() => figures().forwarded + figures().lost, { timeout: 90_000, interval: 500 })
    .toBeGreaterThanOrEqual(rows)
  const numbers = await arrived(receiver)
  const { lost } = figures()
  expect(lost).toBeGreaterThan(1000)
  // The oldest went but for the batch that was under way; and none of those that came after them.
  const kept = new Set(numbers)
  expect(kept.size + lost).toBeGreaterThanOrEqual(rows)
  const missing = range(0, rows).filter((n) => !kept.has(n))
  expect(missing.length).toBeLessThanOrEqual(lost)
  expect(range(Math.max(...missing) + 1, rows).every((n) => kept.has(n))).toBe(true)
}, 180_000)
