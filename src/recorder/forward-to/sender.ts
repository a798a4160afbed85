import { setTimeout as sleep } from 'node:timers/promises'
import { describe, log } from '../log.ts'
import { chunksOf } from './chunk.ts'
import { type Batch, type Cursor, type LogEnd, nextBatch, oldest } from './log-reader.ts'
import { Receiver } from './receiver.ts'
import type { ForwardTarget } from './settings.ts'

const FIRST_PAUSE_MS = 1000
const MAX_PAUSE_MS = 60_000
/** After an error of our own, such as a disk that cannot be read. */
const TROUBLE_MS = 5000

/** What a receiver got, since the recorder began to send to it. */
export interface Sent {
  /** Acknowledged; one that came twice counts once. */
  readonly forwarded: number
  /** Given up: the log was over its budget before they could be sent. */
  readonly lost: number
}

export interface SenderStatus extends Sent {
  readonly address: string
  /** "up", "connecting", or what is wrong. */
  readonly state: string
}

export interface SenderOptions {
  readonly target: ForwardTarget
  readonly site: string
  /** The recorder's data directory. */
  readonly data: string
  /** Where the run before stopped. */
  readonly cursor: Cursor | undefined
  readonly sent: Sent
  /** How much of the log is on the disk now; undefined while nobody has said. */
  readonly end: () => LogEnd | undefined
  /** Resolves when `end` may have moved. */
  readonly moved: () => Promise<void>
  readonly signal: AbortSignal
  readonly firstPauseMs?: number
}

/**
 * Sends the log to one receiver, batch by batch in its order, each until every chunk of it is acknowledged: at least once.
 * While the receiver is away nothing but one batch waits here; the rest waits on the disk as long as the log's budget allows.
 */
export class Sender {
  readonly #options: SenderOptions
  #receiver: Receiver | undefined
  #cursor: Cursor | undefined
  #state = 'connecting'
  #forwarded: number
  #lost: number

  constructor(options: SenderOptions) {
    this.#options = options
    this.#cursor = options.cursor
    this.#forwarded = options.sent.forwarded
    this.#lost = options.sent.lost
  }

  /** What the receiver has; undefined before the log had a beginning. */
  get cursor(): Cursor | undefined {
    return this.#cursor
  }

  status(): SenderStatus {
    const { address } = this.#options.target
    return { address, state: this.#state, forwarded: this.#forwarded, lost: this.#lost }
  }

  /** Sends until the signal; never rejects. */
  async run(): Promise<void> {
    const { signal } = this.#options
    signal.addEventListener('abort', () => this.#receiver?.close(), { once: true })
    while (!signal.aborted) {
      try {
        const batch = await this.#next()
        if (batch) await this.#deliver(batch)
        else await this.#options.moved()
      } catch (error) {
        log(`forward-to ${this.#options.target.address}`, `forward_to: ${describe(error)}`)
        await pause(TROUBLE_MS, signal)
      }
    }
  }

  async #next(): Promise<Batch | undefined> {
    const { data, target, end } = this.#options
    const last = end()
    if (!last) return undefined
    this.#cursor ??= await oldest(data, last)
    // A log that was deleted has begun anew, further back than this.
    if (this.#cursor.sequence > last.sequence) this.#cursor = await oldest(data, last)
    return nextBatch(this.#cursor, {
      data,
      end: last,
      ...(target.kinds && { kinds: target.kinds }),
      onLost: (rows, cursor) => {
        this.#lost += rows
        this.#cursor = cursor
      },
    })
  }

  /** Sends a batch over one connection, or over one more as often as it takes. */
  async #deliver({ frames, next }: Batch): Promise<void> {
    const { target, site, signal, firstPauseMs = FIRST_PAUSE_MS } = this.#options
    const first = this.#cursor
    for (let failures = 0; !signal.aborted; ) {
      let rows = 0
      try {
        this.#receiver ??= await this.#connect()
        this.#onRows = (count) => {
          rows += count
        }
        const position = `${first?.sequence} ${first?.offset}`
        for (const chunk of chunksOf(frames, position, { site, ...target })) await this.#receiver.send(chunk)
        await this.#receiver.settled()
        this.#forwarded += rows
        this.#cursor = next
        return
      } catch (error) {
        this.#receiver?.close()
        this.#receiver = undefined
        if (signal.aborted) return
        this.#state = describe(error).slice(0, 500)
        log(`forward-to ${target.address}`, `forward_to ${target.address}: ${this.#state}`)
        failures += 1
        // Not all routers of a provider that was away at once.
        const most = Math.min(MAX_PAUSE_MS, firstPauseMs * 2 ** (failures - 1))
        await pause(most * (0.5 + Math.random() / 2), signal)
      }
    }
  }

  #onRows: (rows: number) => void = () => undefined

  async #connect(): Promise<Receiver> {
    const receiver = await Receiver.connect(this.#options.target, (rows) => this.#onRows(rows))
    this.#state = 'up'
    return receiver
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal }).catch(() => undefined)
}
