import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { KindName } from '../../src/recorder/records/kinds.ts'
import type { RecorderStatus } from '../../src/recorder/status.ts'
import { loggedRecords } from '../recorder-log.ts'

import { recorderSettings } from '../recorder-settings.ts'

/*
 * The whole process as its container starts it, in network and mount namespaces of its own: real NFLOG, real sockets, a
 * disk that is really full, SIGKILL at any moment.
 */

const RECORDER = join(import.meta.dirname, '../../src/recorder')
const run = promisify(execFile)
const id = 'd'.repeat(64)
const KILLS = process.env.SEKISHO_FULL === '1' ? 40 : 6

/** Of memory, as in its image. */
const LIMITS = ['--max-old-space-size=96', '--max-semi-space-size=4']

let root: string
let holder: ChildProcess
let recorder: ChildProcess | undefined

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'recorder-'))
  for (const name of ['data', 'run', `containers/${id}`]) mkdirSync(join(root, name), { recursive: true })
  writeFileSync(join(root, 'settings.json'), JSON.stringify(recorderSettings(root)))
  const user = process.getuid?.() === 0 ? [] : ['--map-root-user']
  // It ends by itself should the test be killed.
  holder = spawn('unshare', [...user, '--mount', '--net', 'sleep', '300'], { stdio: 'ignore' })
  await expect
    // Until then it is still in our own namespaces.
    .poll(() => readFileSync(`/proc/${holder.pid}/comm`, 'utf8'), { timeout: 5000 })
    .toBe('sleep\n')
  await inside('ip', ['link', 'set', 'lo', 'up'])
  await inside('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', join(root, 'data')])
})

afterEach(async () => {
  for (const child of [recorder, holder]) {
    if (!child || child.exitCode !== null || child.signalCode !== null) continue
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  await rm(root, { recursive: true })
})

function enter(argv: readonly string[]): string[] {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--preserve-credentials']
  return ['-t', String(holder.pid), ...user, '--mount', '--net', ...argv]
}

async function inside(program: string, args: readonly string[]): Promise<string> {
  return (await run('nsenter', enter([program, ...args]))).stdout
}

async function start(): Promise<void> {
  const script = join(RECORDER, 'start.ts')
  const argv = enter([process.execPath, ...LIMITS, script, join(root, 'settings.json')])
  recorder = spawn('nsenter', argv, { stdio: ['ignore', 'ignore', 'inherit'] })
}

async function end(signal: NodeJS.Signals): Promise<number | null> {
  if (!recorder) throw new Error('no recorder')
  const exited = once(recorder, 'exit')
  recorder.kill(signal)
  const [code] = (await exited) as [number | null]
  return code
}

async function healthy(): Promise<void> {
  const script = join(RECORDER, 'health.ts')
  await expect
    .poll(
      () => inside(process.execPath, [script, join(root, 'settings.json')]).then(() => 'healthy', String),
      {
        timeout: 20_000,
        interval: 200,
      },
    )
    .toBe('healthy')
}

async function status(): Promise<RecorderStatus> {
  return JSON.parse(await readFile(join(root, 'run/status.json'), 'utf8')) as RecorderStatus
}

/** A kind's records; the disk is seen through the namespace. */
function stored(kind: KindName): Promise<Record<string, unknown>[]> {
  return loggedRecords(join(`/proc/${holder.pid}/root`, root, 'data'), kind)
}

/** Runs a program text of Node inside. */
function script(text: string): Promise<string> {
  return inside(process.execPath, ['--input-type=module', '-e', text])
}

function dockerLine(text: string): void {
  const entry = { log: `${text}\n`, stream: 'stdout', time: new Date().toISOString() }
  appendFileSync(join(root, 'containers', id, `${id}-json.log`), `${JSON.stringify(entry)}\n`)
}

/** Rotates with so many files that none is deleted. */
function rotate(log: string): void {
  for (let age = 50; age > 0; age--) {
    const from = age === 1 ? log : `${log}.${age - 1}`
    if (existsSync(from)) renameSync(from, `${log}.${age}`)
  }
  writeFileSync(log, '')
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

it('records dropped packets without a capability: as many as the firewall counted', async () => {
  await inside('nft', [
    'add table inet t; add chain inet t in { type filter hook input priority 0; };' +
      'add counter inet t dropped;' +
      'add rule inet t in udp dport 9999 counter name dropped log prefix "t: " group 7 drop',
  ])
  await start()
  await healthy()
  const pid = recorder?.pid
  const capabilities = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^Cap\w+:\t0+$/gm)
  expect(capabilities).toHaveLength(5)

  await script(`
    import { createSocket } from 'node:dgram'
    const socket = createSocket('udp4')
    const socket6 = createSocket('udp6')
    const send = (s, to) => new Promise((done) => s.send('x', 9999, to, done))
    await send(socket6, '::1')
    for (let i = 0; i < 20000; i++) await send(socket, '127.0.0.1')
    socket.close(); socket6.close()`)
  const counted = /packets (\d+)/.exec(await inside('nft', ['list', 'counters']))?.[1]
  expect(Number(counted)).toBe(20_001)
  await expect.poll(async () => (await status()).sources.drops?.received, { timeout: 15_000 }).toBe(20_001)
  await end('SIGTERM')
  const { drops } = (await status()).sources
  const records = await stored('drops')
  expect(drops).toMatchObject({ received: 20_001, malformed: 0 })
  expect((drops?.stored ?? 0) + (drops?.dropped ?? 0)).toBe(20_001)
  expect(records).toHaveLength(drops?.stored ?? 0)
  expect(records.length).toBeGreaterThan(1000)
  expect(records[0]).toMatchObject({
    logPrefix: 't:',
    ingressInterface: 'lo',
    sourceAddress: '::1',
    destinationTransportPort: 9999,
    protocolIdentifier: 17,
  })
}, 60_000)

it('stores each line of a container once, killed again and again', async () => {
  let n = 0
  const writing = new AbortController()
  const log = join(root, 'containers', id, `${id}-json.log`)
  const writer = (async () => {
    while (!writing.signal.aborted) {
      for (let i = 0; i < 20; i++) dockerLine(`line ${n++}`)
      if (n % 2000 === 0) rotate(log)
      await sleep(5)
    }
  })()
  let before = 0
  for (let kill = 0; kill < KILLS; kill++) {
    await start()
    // Each run stores something, and is killed at any moment after.
    await expect
      .poll(async () => (await stored('container')).length, { timeout: 20_000 })
      .toBeGreaterThan(before)
    await sleep(Math.random() * 1500)
    await end('SIGKILL')
    before = (await stored('container')).length
  }
  writing.abort()
  await writer
  await start()
  await expect
    .poll(async () => (await stored('container')).length, { timeout: 20_000 })
    .toBeGreaterThanOrEqual(n)
  expect(await end('SIGTERM')).toBe(0)
  expect((await stored('container')).map(({ log }) => log)).toEqual(numbers(n).map((i) => `line ${i}`))
  expect((await status()).sources.container).toMatchObject({ malformed: 0, dropped: 0, details: { gaps: 0 } })
}, 300_000)

it('goes on over a full disk: senders that can wait lose nothing, datagrams wait in the kernel', async () => {
  await start()
  await healthy()
  await inside('mount', ['-o', 'remount,size=4m', join(root, 'data')])
  const filler = join(root, 'data/filler')
  await inside('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k']).catch(() => undefined)

  // Above all that is held: what the recorder keeps, and what two sockets buffer.
  const count = 60_000
  const tcp = script(`
    import { connect } from 'node:net'
    import { once } from 'node:events'
    const socket = connect(5514, '127.0.0.1')
    for (let i = 0; i < ${count}; i++) {
      const message = '<13>1 - - tcp - - - ' + i + ' ' + 'x'.repeat(200)
      if (!socket.write(message.length + ' ' + message)) await once(socket, 'drain')
    }
    socket.end()
    await once(socket, 'close')`)
  for (let i = 0; i < 200; i++) dockerLine(`full ${i}`)
  await expect.poll(async () => (await status()).storeError, { timeout: 15_000 }).toContain('ENOSPC')
  await expect
    .poll(async () => ((await status()).sources.syslog?.received ?? 0) > 1000, { timeout: 15_000 })
    .toBe(true)
  await sleep(1500)
  await script(`
    import { createSocket } from 'node:dgram'
    const socket = createSocket('udp4')
    for (let i = 0; i < 500; i++) await new Promise((done) => socket.send('<13>1 - - udp - - - ' + i, 5514, '127.0.0.1', done))
    socket.close()`)
  const before = (await status()).sources.syslog?.received ?? 0
  expect(before).toBeLessThan(count)
  const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${recorder?.pid}/status`, 'utf8'))?.[1]
  expect(Number(resident)).toBeLessThan(150 * 1024)
  await healthy()

  await inside('rm', [filler])
  await inside('mount', ['-o', 'remount,size=64m', join(root, 'data')])
  await tcp
  await expect.poll(async () => (await stored('container')).length, { timeout: 15_000 }).toBe(200)
  await expect
    .poll(async () => (await status()).sources.syslog?.stored, { timeout: 15_000 })
    .toBe(count + 500)
  expect(await end('SIGTERM')).toBe(0)
  const { syslog, container } = (await status()).sources
  expect(syslog).toMatchObject({ received: count + 500, stored: count + 500, dropped: 0, malformed: 0 })
  expect(container).toMatchObject({ received: 200, stored: 200, dropped: 0 })
  const messages = await stored('syslog')
  const sent = (app: string): number[] =>
    messages.flatMap(({ appName, msg }) => (appName === app ? Number.parseInt(String(msg), 10) : []))
  expect(sent('tcp')).toEqual(numbers(count))
  expect(sent('udp')).toEqual(numbers(500))
}, 90_000)

it('takes syslog over TCP and UDP, and counts what is none', async () => {
  await start()
  await healthy()
  // What start.ts got for both with the capability it had; the kernel doubles it.
  const room = Object.entries((await status()).sources).map(([name, { details }]) => [
    name,
    details.receiveBuffer,
  ])
  expect(Object.fromEntries(room)).toMatchObject({ syslog: 2 ** 25, netflow: 2 ** 26 })
  await script(`
    import { connect } from 'node:net'
    import { createSocket } from 'node:dgram'
    import { once } from 'node:events'
    const socket = connect(5514, '127.0.0.1')
    socket.write('<13>Nov 23 10:00:00 host app[1]: by line\\n29 <14>1 - - counted - - - a\\nb\\nc99999999 broken')
    await once(socket.resume(), 'close')
    const udp = createSocket('udp4')
    for (const text of ['<165>1 - - udp - - - hello', 'raw', ''])
      await new Promise((done) => udp.send(text, 5514, '127.0.0.1', done))
    udp.close()`)
  await expect.poll(async () => (await stored('syslog')).length, { timeout: 10_000 }).toBe(4)
  const records = await stored('syslog')
  expect(records.map(({ msg, format }) => [msg, format])).toEqual([
    ['by line', 'rfc3164'],
    ['a\nb\nc', 'rfc5424'],
    ['hello', 'rfc5424'],
    ['raw', 'raw'],
  ])
  await expect
    .poll(async () => (await status()).sources.syslog, { timeout: 10_000 })
    .toMatchObject({ received: 6, stored: 4, malformed: 2, dropped: 0 })
  expect(await end('SIGTERM')).toBe(0)
}, 60_000)

it('has all that a sender sent who stops when it sees the end', async () => {
  await start()
  await healthy()
  const sender = script(`
    import { connect } from 'node:net'
    import { setTimeout } from 'node:timers/promises'
    let stopped = false
    let sent = 0
    const socket = connect(5514, '127.0.0.1').resume()
    socket.on('end', () => { stopped = true }).on('close', () => console.log(sent))
    while (!stopped) {
      for (let i = 0; i < 10; i++) socket.write('<13>1 - - tcp - - - ' + sent++ + '\\n')
      await setTimeout(1)
    }`)
  await expect
    .poll(async () => (await status()).sources.syslog?.received ?? 0, { timeout: 15_000 })
    .toBeGreaterThan(100)
  expect(await end('SIGTERM')).toBe(0)
  const sent = Number(await sender)
  const messages = (await stored('syslog')).map(({ msg }) => Number.parseInt(String(msg), 10))
  expect(messages).toEqual(numbers(sent))
}, 60_000)
