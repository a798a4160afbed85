import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DuckDBConnection } from '@duckdb/node-api'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { forwardLines } from '../../src/recorder/sources/forward/entries.ts'
import {
  compressedMode,
  forwardMode,
  messageMode,
  packedMode,
} from '../../src/recorder/sources/forward/fixtures.ts'
import type { RecorderStatus } from '../../src/recorder/status.ts'
import { ForwardClient, ownAddress } from '../forward-client.ts'
import { loggedFrames } from '../recorder-log.ts'
import { recorderSettings } from '../recorder-settings.ts'

/*
 * The recorder's process under an acknowledged load, killed at any moment: what it acknowledged is stored.
 */

const MAIN = join(import.meta.dirname, '../../src/recorder/main.ts')
/** As the image starts it. */
const LIMITS = ['--max-old-space-size=96', '--max-semi-space-size=4']
const KILLS = process.env.SEKISHO_FULL === '1' ? 200 : 20
const SENDERS = 4
/** Chunks that a sender has under way at once. */
const WINDOW = 8
const MODES = [packedMode, compressedMode, forwardMode] as const

let root: string
let address: string
let recorder: ChildProcess | undefined

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'forward-process-'))
  address = ownAddress()
  for (const name of ['data', 'run', 'containers']) mkdirSync(join(root, name))
})

afterEach(async () => {
  await end('SIGKILL')
  await rm(root, { recursive: true })
})

/** `maxBytes` is what all records may take: half of it is the log's, a sixteenth a segment's. */
function configure(maxBytes: number): void {
  const settings = recorderSettings(root, {
    maxBytes,
    syslog: { address, port: 5514 },
    netflow: { address, port: 2055 },
    forward: { port: 24224, addresses: [address] },
  })
  writeFileSync(join(root, 'settings.json'), JSON.stringify(settings))
}

function start(): void {
  const argv = [...LIMITS, MAIN, join(root, 'settings.json'), 'no NFLOG in this test']
  recorder = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'ignore'] })
}

async function end(signal: NodeJS.Signals): Promise<void> {
  if (!recorder || recorder.exitCode !== null || recorder.signalCode !== null) return
  const exited = once(recorder, 'exit')
  recorder.kill(signal)
  await exited
}

interface Chunk {
  readonly id: string
  readonly message: Buffer
}

/** A sender as Fluentd's: what was not acknowledged is sent again over the next connection. */
class Sender {
  readonly #name: number
  readonly #unacknowledged = new Map<string, Chunk>()
  readonly acknowledged = new Set<string>()
  #next = 0
  sentAgain = 0

  constructor(name: number) {
    this.#name = name
  }

  async run(until: AbortSignal): Promise<void> {
    while (!until.aborted || this.#unacknowledged.size > 0) {
      const client = await ForwardClient.connect(address).catch(() => undefined)
      if (!client) await sleep(20)
      else await this.#serve(client, until)
      client?.socket.destroy()
    }
  }

  async #serve(client: ForwardClient, until: AbortSignal): Promise<void> {
    this.sentAgain += this.#unacknowledged.size
    for (const { message } of this.#unacknowledged.values()) client.send(message)
    for (;;) {
      while (this.#unacknowledged.size < WINDOW && !until.aborted) client.send(this.#make().message)
      if (this.#unacknowledged.size === 0) return
      const answer = (await client.answer()) as { readonly ack: string } | undefined
      if (!answer) return
      expect(this.#unacknowledged.delete(answer.ack) || this.acknowledged.has(answer.ack)).toBe(true)
      this.acknowledged.add(answer.ack)
    }
  }

  #make(): Chunk {
    const n = this.#next++
    const id = `${this.#name}-${n}`
    const entries = Array.from(
      { length: 1 + (n % 40) },
      (_, i) => [n + 1, { id, i, pad: 'x'.repeat(i * 5) }] as const,
    )
    const mode = MODES[n % 4]
    const message = mode
      ? mode('load', entries, { chunk: id })
      : messageMode('load', [n + 1, { id, i: 0 }], { chunk: id })
    const chunk = { id, message }
    this.#unacknowledged.set(id, chunk)
    return chunk
  }
}

type Events = Map<string, Set<number>>

/** The events of each chunk that are stored: converted, or in the log. */
async function stored(): Promise<Events> {
  const events: Events = new Map()
  const take = (id: string, i: number): boolean => {
    const of = events.get(id) ?? new Set()
    events.set(id, of)
    return of.size < of.add(i).size
  }
  for (const [id, i] of await converted())
    if (!take(id, i)) throw new Error(`event ${i} of chunk ${id} was converted twice`)
  for (const { meta, body } of await loggedFrames(join(root, 'data')))
    for (const { lines } of meta.forward ? forwardLines(meta.forward, body, meta.at) : [])
      for (const line of lines.toString().split('\n').slice(0, -1)) {
        const { id, i } = (JSON.parse(line) as { record: { id: string; i: number } }).record
        take(id, i)
      }
  return events
}

async function converted(): Promise<[id: string, i: number][]> {
  const archive = join(root, 'data/archive')
  const names: string[] = await readdir(archive, { recursive: true }).catch(() => [])
  if (!names.some((name) => name.endsWith('.parquet'))) return []
  const connection = await DuckDBConnection.create()
  const query = `SELECT record->>'id', (record->>'i')::INTEGER FROM read_parquet('${archive}/**/*.parquet')`
  const rows = (await connection.runAndReadAll(query)).getRows()
  connection.closeSync()
  return rows as [string, number][]
}

it(`loses nothing that it acknowledged, killed ${KILLS} times`, async () => {
  // Small segments, so that many are converted on the way.
  configure(2 ** 28)
  const stop = new AbortController()
  const senders = Array.from({ length: SENDERS }, (_, name) => new Sender(name))
  const running = senders.map((sender) => sender.run(stop.signal))
  for (let kill = 0; kill < KILLS; kill++) {
    const before = senders.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0)
    start()
    // In the middle of the load, each time somewhere else.
    await expect
      .poll(() => senders.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0), {
        timeout: 20_000,
        interval: 5,
      })
      .toBeGreaterThan(before)
    await sleep(Math.random() * 150)
    await end('SIGKILL')
  }
  start()
  stop.abort()
  await Promise.all(running)
  await end('SIGTERM')

  const events = await stored()
  const acknowledged = senders.flatMap((sender) => [...sender.acknowledged])
  expect(acknowledged.length).toBeGreaterThan(KILLS * 10)
  const missing = acknowledged.filter((id) => {
    const n = Number(id.split('-')[1])
    return events.get(id)?.size !== (n % 4 === 3 ? 1 : 1 + (n % 40))
  })
  expect(missing).toEqual([])
  expect(senders.reduce((sum, { sentAgain }) => sum + sentAgain, 0)).toBeGreaterThan(0)
}, 600_000)

it('stays small under load, and counts every event', async () => {
  // 80 MB come in seconds: the log must have room for them where the archive has no processor to convert them.
  configure(2 ** 29)
  start()
  const stop = new AbortController()
  const senders = Array.from({ length: SENDERS }, (_, name) => new Sender(name))
  const running = senders.map((sender) => sender.run(stop.signal))
  await expect.poll(() => senders[0]?.acknowledged.size ?? 0, { timeout: 20_000 }).toBeGreaterThan(0)
  const client = await ForwardClient.connect(address)
  for (let n = 0; n < 20; n++) {
    const id = `large-${n}`
    const large = Array.from({ length: 2000 }, (_, i) => [1, { id, i, pad: 'y'.repeat(2000) }] as const)
    client.send(packedMode('large', large, { chunk: id }))
    expect(await client.answer()).toEqual({ ack: id })
  }
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${recorder?.pid}/status`, 'utf8'))?.[1]
  expect(Number(peak)).toBeLessThan(150 * 1024)
  client.socket.destroy()
  stop.abort()
  await Promise.all(running)
  await end('SIGTERM')
  const rows = [...(await stored()).values()].reduce((sum, { size }) => sum + size, 0)
  const status = JSON.parse(await readFile(join(root, 'run/status.json'), 'utf8')) as RecorderStatus
  expect(status.sources.forward).toMatchObject({ received: rows, stored: rows, dropped: 0, malformed: 0 })
}, 120_000)
