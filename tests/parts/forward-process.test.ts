import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { duplicateKey } from '../../src/recorder/sources/forward/duplicate-key.ts'
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

/*
 * The recorder's process under an acknowledged load, killed at any moment: what it acknowledged is stored.
 */

const MAIN = join(import.meta.dirname, '../../src/recorder/main.ts')
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
  const settings = {
    data: join(root, 'data'),
    status: join(root, 'run/status.json'),
    retentionDays: 30,
    maxBytes: 2 ** 34,
    dockerContainers: join(root, 'containers'),
    syslog: { address, port: 5514 },
    forward: { port: 24224, addresses: [address] },
    nflogGroup: 7,
  }
  writeFileSync(join(root, 'settings.json'), JSON.stringify(settings))
})

afterEach(async () => {
  await end('SIGKILL')
  await rm(root, { recursive: true })
})

function start(): void {
  const argv = ['--max-old-space-size=96', MAIN, join(root, 'settings.json'), 'no NFLOG in this test']
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

/** How many events of each chunk are stored, when a chunk that was stored twice counts once. */
async function stored(): Promise<Map<string, Set<number>>> {
  const events = new Map<string, Set<number>>()
  const seen = new Set<string>()
  for (const { meta, body } of await loggedFrames(join(root, 'data'))) {
    if (!meta.forward) continue
    const key = duplicateKey(meta.forward, body) ?? ''
    if (seen.has(key)) continue
    seen.add(key)
    for (const { lines } of forwardLines(meta.forward, body, meta.at))
      for (const line of lines.toString().split('\n').slice(0, -1)) {
        const { id, i } = (JSON.parse(line) as { record: { id: string; i: number } }).record
        const of = events.get(id) ?? new Set()
        if (of.has(i)) throw new Error(`event ${i} of ${id} is there twice`)
        events.set(id, of.add(i))
      }
  }
  return events
}

it(`loses nothing that it acknowledged, killed ${KILLS} times`, async () => {
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
  start()
  const stop = new AbortController()
  const senders = Array.from({ length: SENDERS }, (_, name) => new Sender(name))
  const running = senders.map((sender) => sender.run(stop.signal))
  const large = Array.from({ length: 2000 }, (_, i) => [i + 1, { pad: 'y'.repeat(2000) }] as const)
  await expect.poll(() => senders[0]?.acknowledged.size ?? 0, { timeout: 20_000 }).toBeGreaterThan(0)
  const client = await ForwardClient.connect(address)
  for (let i = 0; i < 20; i++) {
    client.send(packedMode('large', large, { chunk: `large ${i}` }))
    expect(await client.answer()).toEqual({ ack: `large ${i}` })
  }
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${recorder?.pid}/status`, 'utf8'))?.[1]
  expect(Number(peak)).toBeLessThan(150 * 1024)
  client.socket.destroy()
  stop.abort()
  await Promise.all(running)
  await end('SIGTERM')
  const frames = (await loggedFrames(join(root, 'data'))).filter(({ meta }) => meta.forward)
  const rows = frames.reduce((sum, { meta }) => sum + (meta.rows ?? 0), 0)
  const status = JSON.parse(await readFile(join(root, 'run/status.json'), 'utf8')) as RecorderStatus
  expect(status.sources.forward).toMatchObject({ received: rows, stored: rows, dropped: 0, malformed: 0 })
}, 120_000)
