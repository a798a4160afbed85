import { describe, log } from '../log.ts'
import { encodeFrame, type FrameMeta } from './frame.ts'
import type { SegmentLog } from './segment-log.ts'

const BATCH_BYTES = 8 * 1024 * 1024
const BATCH_FRAMES = 1024

export interface CommitOptions {
  /** Milliseconds between attempts while the disk refuses. */
  readonly retryMs: number
  readonly now: () => number
  /** Runs between batches, when nothing else touches the files. */
  readonly between: () => Promise<void>
}

interface Entry {
  readonly meta: FrameMeta
  readonly pieces: readonly Buffer[]
  readonly bytes: number
  readonly stored: () => void
  readonly lost: (error: Error) => void
}

/** Group commit: while one batch of frames is written and synced, the next one gathers. One thing at a time. */
export class CommitQueue {
  readonly #log: SegmentLog
  readonly #options: CommitOptions
  #queue: Entry[] = []
  #running: Promise<void> | undefined
  #wake: (() => void) | undefined
  #closing = false
  #refused: Error | undefined
  /** Why nothing can be stored at the moment. */
  error: string | undefined

  constructor(segments: SegmentLog, options: CommitOptions) {
    this.#log = segments
    this.#options = options
  }

  /** Resolves when the frame is on the disk; rejects when it is too large, or was given up when the queue closed. */
  append(meta: Omit<FrameMeta, 'at'>, body: Buffer): Promise<void> {
    if (this.#refused) return Promise.reject(this.#refused)
    return new Promise((resolve, reject) => {
      const whole = { at: this.#options.now(), ...meta }
      const pieces = encodeFrame(whole, body)
      const bytes = pieces.reduce((sum, { length }) => sum + length, 0)
      this.#queue.push({ meta: whole, pieces, bytes, stored: resolve, lost: reject })
      this.run()
    })
  }

  /** Stores what there is, and does what is to be done between batches. */
  run(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#queue.length > 0) this.run()
    })
  }

  /** From now on an attempt that fails is the last: what waits, and what comes after, is rejected. */
  stopWaiting(): void {
    this.#closing = true
    this.#wake?.()
  }

  /** Resolves when nothing is left to do. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running
  }

  async #run(): Promise<void> {
    // What else comes in this turn of the loop belongs to the same batch.
    await new Promise(setImmediate)
    do {
      await this.#commit()
      await this.#options.between().catch((error: unknown) => log('wal', `log: ${describe(error)}`))
    } while (this.#queue.length > 0)
  }

  async #commit(): Promise<void> {
    const batch = this.#nextBatch()
    if (batch.length === 0) return
    const last = this.#closing
    try {
      await this.#store(batch)
    } catch (error) {
      this.error = describe(error)
      log('wal refused', `log: cannot store, will try again: ${this.error}`)
      if (last) this.#giveUp(this.error)
      else await this.#pause()
      return
    }
    this.#queue.splice(0, batch.length)
    if (this.error !== undefined) log('wal resumed', 'log: storing again')
    this.error = undefined
    for (const { stored } of batch) stored()
  }

  #nextBatch(): Entry[] {
    let bytes = 0
    let count = 0
    for (const entry of this.#queue) {
      if (count > 0 && (bytes + entry.bytes > BATCH_BYTES || count >= BATCH_FRAMES)) break
      bytes += entry.bytes
      count += 1
    }
    return this.#queue.slice(0, count)
  }

  #store(batch: readonly Entry[]): Promise<void> {
    const moved = batch.flatMap(({ meta }) =>
      meta.source === undefined ? [] : [[meta.source, meta.position] as const],
    )
    const pieces = batch.flatMap((entry) => entry.pieces)
    const records = batch.some(({ meta }) => meta.encoding !== 'none')
    return this.#log.append(pieces, Object.fromEntries(moved), records)
  }

  /** Nothing may be stored after what was lost: a later frame's position would cover records that are not there. */
  #giveUp(reason: string): void {
    this.#refused = new Error(`not stored: ${reason}`)
    for (const { lost } of this.#queue.splice(0)) lost(this.#refused)
  }

  /** Waits for the next attempt; closing does not. */
  #pause(): Promise<void> {
    if (this.#closing) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#options.retryMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
