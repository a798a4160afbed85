import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { decodeMultiStream, encode } from '@msgpack/msgpack'
import { forwardLines } from '../src/recorder/sources/forward/entries.ts'
import { ForwardSource } from '../src/recorder/sources/forward/listen.ts'
import { Wal } from '../src/recorder/wal/wal.ts'

/*
 * Events a second over the Forward protocol with acknowledgements, after fsync, over the loopback: `bench/forward.ts [--json]
 * [--seconds N]`. The sender is a process of its own. What counts is the receiver's processor time: how many events one core
 * takes. The measure is Fluentd's own figure into a file buffer, which was not measured here.
 */

/** Fluentd with require_ack_response into a file buffer, events of 328 bytes, one core: the range that was measured. */
const FLUENTD_EVENTS_PER_SECOND = [74_000, 88_000] as const
const EVENT_BYTES = 328
/** As the recorder's image starts it. */
const LIMITS = ['--max-old-space-size=96', '--max-semi-space-size=4']
const ADDRESS = '127.0.0.1'
const PORT = 24_290

const CASES = {
  'packed, 1 MB chunks': { chunkEvents: 3200, window: 4 },
  'packed, 64 KB chunks': { chunkEvents: 200, window: 32 },
  'forward, 64 KB arrays': { chunkEvents: 200, window: 32 },
  'message, one event each': { chunkEvents: 1, window: 1024 },
} as const
type CaseName = keyof typeof CASES

interface Received {
  readonly events: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakMegabytes: number
}

interface Result {
  readonly name: string
  readonly perSecond: number
  readonly perCoreSecond: number
  readonly ratios: readonly [number, number]
  readonly peakMegabytes?: number
}

async function main(): Promise<void> {
  const [role, argument = '', duration] = process.argv.slice(2)
  if (role === 'receiver') return receiver(argument)
  if (role === 'sender') return sender(argument as CaseName, Number(duration))
  const { values } = parseArgs({ options: { json: { type: 'boolean' }, seconds: { type: 'string' } } })
  const seconds = Number(values.seconds ?? 3)
  const results: Result[] = []
  for (const name of Object.keys(CASES) as CaseName[]) results.push(await receive(name, seconds))
  results.push(convert())
  if (values.json) console.log(JSON.stringify({ fluentd: FLUENTD_EVENTS_PER_SECOND, results }, null, 2))
  else print(results)
}

function print(results: readonly Result[]): void {
  const [low, high] = FLUENTD_EVENTS_PER_SECOND
  console.log(
    `Forward, events of ${EVENT_BYTES} bytes; Fluentd's figure: ${low} to ${high} a second and core`,
  )
  console.table(
    results.map(({ name, perSecond, perCoreSecond, ratios, peakMegabytes }) => ({
      case: name,
      'events/s': Math.round(perSecond),
      'events/s and core': Math.round(perCoreSecond),
      'times Fluentd': `${ratios[1].toFixed(1)} to ${ratios[0].toFixed(1)}`,
      'peak MB': peakMegabytes ?? '',
    })),
  )
}

function result(name: string, perSecond: number, perCoreSecond: number): Result {
  const [low, high] = FLUENTD_EVENTS_PER_SECOND
  return { name, perSecond, perCoreSecond, ratios: [perCoreSecond / low, perCoreSecond / high] }
}

/** Receiver and sender, a process each. */
async function receive(name: CaseName, seconds: number): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-forward-'))
  const receiver = fork(import.meta.filename, ['receiver', directory], { execArgv: LIMITS })
  const sender = fork(import.meta.filename, ['sender', name, String(seconds)])
  try {
    await once(receiver, 'message')
    const answer = once(receiver, 'message')
    sender.send('go')
    await once(sender, 'exit')
    receiver.send('report')
    const [received] = (await answer) as [Received]
    const { events, cpuSeconds, peakMegabytes } = received
    return { ...result(name, events / received.seconds, events / cpuSeconds), peakMegabytes }
  } finally {
    await Promise.all([receiver, sender].map(ended))
    await rm(directory, { recursive: true })
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

async function receiver(data: string): Promise<void> {
  const wal = await Wal.open({ data, maxBytes: 2 ** 29 })
  const source = await ForwardSource.start({ port: PORT, addresses: [ADDRESS] }, wal)
  const cpu = process.cpuUsage()
  let began = 0
  const timer = setInterval(() => {
    if (began === 0 && source.counts.received > 0) began = performance.now()
  }, 1)
  process.on('message', () => {
    clearInterval(timer)
    const { user, system } = process.cpuUsage(cpu)
    const received: Received = {
      events: source.counts.stored,
      seconds: (performance.now() - began) / 1000,
      cpuSeconds: (user + system) / 1e6,
      peakMegabytes: Math.round(process.resourceUsage().maxRSS / 1024),
    }
    process.send?.(received)
  })
  process.send?.('ready')
}

/** Keeps some chunks under way, all with the same entries and ids of their own, until the time is over. */
async function sender(name: CaseName, seconds: number): Promise<void> {
  await once(process, 'message')
  const { chunkEvents, window } = CASES[name]
  const message = messageOf(name, chunkEvents)
  const socket = connect(PORT, ADDRESS)
  await once(socket, 'connect')
  const until = performance.now() + seconds * 1000
  let underWay = 0
  const send = (): void => {
    underWay += 1
    socket.write(message.head)
    socket.write(randomId())
  }
  for (let i = 0; i < window; i++) send()
  for await (const _ of decodeMultiStream(socket)) {
    underWay -= 1
    if (performance.now() < until) send()
    if (underWay === 0) break
  }
  socket.destroy()
}

let ids = 0
/** 24 characters, as many as 16 bytes are in base64. */
function randomId(): Buffer {
  ids += 1
  return Buffer.from(`id ${String(ids).padStart(21, '0')}`, 'latin1')
}

/** A message up to the chunk id at its end. */
function messageOf(name: CaseName, count: number): { readonly head: Buffer } {
  const events = Array.from({ length: count }, (_, i) => [1_700_000_000 + i, event(i)])
  const option = Buffer.concat([
    Buffer.from([0x82]),
    pack('size'),
    pack(count),
    pack('chunk'),
    Buffer.from([0xb8]),
  ])
  const tag = pack('bench.web')
  if (name.startsWith('packed')) {
    const entries = pack(Buffer.concat(events.map(pack)))
    return { head: Buffer.concat([Buffer.from([0x93]), tag, entries, option]) }
  }
  if (name.startsWith('forward'))
    return { head: Buffer.concat([Buffer.from([0x93]), tag, pack(events), option]) }
  return { head: Buffer.concat([Buffer.from([0x94]), tag, pack(events[0]).subarray(1), option]) }
}

/** A line of a web server's log: an entry of 328 bytes. */
function event(i: number): Record<string, unknown> {
  const fields = {
    host: `192.0.2.${100 + (i % 100)}`,
    method: 'GET',
    path: `/articles/${1000 + (i % 1000)}`,
    code: 200,
    size: 10_000 + (i % 1000),
    referer: 'https://www.example.org/articles/',
    agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  }
  const missing = EVENT_BYTES - pack([1_700_000_000, { ...fields, message: '' }]).length - 1
  return { ...fields, message: 'x'.repeat(missing) }
}

/** How fast stored chunks become NDJSON, when they are converted. */
function convert(): Result {
  const count = 20_000
  const body = Buffer.concat(Array.from({ length: count }, (_, i) => pack([1_700_000_000 + i, event(i)])))
  const chunk = { tag: 'bench.web', mode: 'packed', senderAddress: '192.0.2.1' } as const
  let rows = 0
  let cpu = process.cpuUsage()
  for (let round = 0; round < 30; round++) {
    // The first rounds are the compiler's.
    if (round === 5) {
      rows = 0
      cpu = process.cpuUsage()
    }
    for (const lines of forwardLines(chunk, body, 0)) rows += lines.rows
  }
  const { user, system } = process.cpuUsage(cpu)
  const perSecond = (rows * 1e6) / (user + system)
  return result('conversion to NDJSON', perSecond, perSecond)
}

function pack(value: unknown): Buffer {
  return Buffer.from(encode(value))
}

await main()
