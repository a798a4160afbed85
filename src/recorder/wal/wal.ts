import { rm } from 'node:fs/promises'
import { describe, log } from '../log.ts'
import { encodeFrame, type FrameMeta } from './frame.ts'
import { readFrames } from './read.ts'
import { type ClosedSegment, type Recovered, SegmentLog } from './segment-log.ts'
import { Writer, type WriterOptions } from './writer.ts'

const MiB = 1024 * 1024
const BATCH_BYTES = 8 * MiB
const BATCH_FRAMES = 1024

export interface WalOptions {
  /** The recorder's data directory: segments lie in its wal/. */
  readonly data: string
  /** A segment ends when it has this many bytes (32 MiB), or held records for this long (15 minutes). */
  readonly segmentBytes?: number
  readonly segmentMs?: number
  /** Milliseconds between the flushes of writers, and between attempts after the disk refused; 1000. */
  readonly flushMs?: number
  /** Beyond it the oldest segments that were not converted are deleted, and counted. */
  readonly maxBytes?: number
  /** What `append` may hold in memory, in bytes; 16 MiB. */
  readonly maxPendingBytes?: number
  readonly now?: () => number
}

/** Segments that were deleted before they were converted: the log was over its budget. */
export interface Dropped {
  segments: number
  bytes: number
  rows: number
}

/** What waits for conversion, and what was lost of it. */
export interface WalStatus {
  readonly segments: number
  readonly bytes: number
  readonly dropped: Readonly<Dropped>
}

interface Entry {
  readonly pieces: readonly Buffer[]
  readonly bytes: number
  readonly meta: FrameMeta
  readonly stored: () => void
  readonly lost: (error: Error) => void
}

/**
 * The write-ahead log of the whole recorder: what was appended and resolved is on the disk and outlives any crash. While
 * one batch is synced the next one gathers (group commit). When the disk refuses (full, I/O error) nothing is
 * acknowledged; what waits is bounded, and is tried again each second until it is stored.
 */
export class Wal {
  readonly #log: SegmentLog
  readonly #options: Required<WalOptions>
  readonly #writers: Writer[] = []
  readonly #timer: NodeJS.Timeout
  #queue: Entry[] = []
  #pendingBytes = 0
  #waiting: (() => void)[] = []
  #committing: Promise<void> | undefined
  #wake: (() => void) | undefined
  #closing = false
  #refused: Error | undefined
  /** The newest segment when the budget was last looked at. */
  #checkedAt: number | undefined
  readonly dropped: Dropped = { segments: 0, bytes: 0, rows: 0 }
  /** Why nothing can be stored at the moment. */
  error: string | undefined

  private constructor(segments: SegmentLog, options: Required<WalOptions>) {
    this.#log = segments
    this.#options = options
    this.#timer = setInterval(() => this.#tick(), options.flushMs)
  }

  /** Opens the log and cuts off what a crash left torn; throws when its directory cannot be read or made. */
  static async open(options: WalOptions): Promise<Wal> {
    const all = {
      segmentBytes: 32 * MiB,
      segmentMs: 15 * 60_000,
      flushMs: 1000,
      maxBytes: Number.POSITIVE_INFINITY,
      maxPendingBytes: 16 * MiB,
      now: Date.now,
      ...options,
    }
    return new Wal(await SegmentLog.open(all), all)
  }

  /**
   * Stores a frame; resolves when it is on the disk, however long that takes. Rejects, with nothing taken, when `full`,
   * and when the log is closed while the disk refuses.
   */
  append(meta: Omit<FrameMeta, 'at'>, body: Buffer): Promise<void> {
    if (this.full) return Promise.reject(new Error('the log has no room: too much waits for the disk'))
    this.#pendingBytes += body.length
    return this.#enqueue(meta, body).finally(() => {
      this.#pendingBytes -= body.length
      if (this.full) return
      for (const done of this.#waiting.splice(0)) done()
    })
  }

  /** Whether `append` would refuse. */
  get full(): boolean {
    return this.#pendingBytes >= this.#options.maxPendingBytes
  }

  /** Resolves when `append` may be tried again, or on abort. */
  room(signal: AbortSignal): Promise<void> {
    if (signal.aborted || !this.full) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done)
        resolve()
      }
      signal.addEventListener('abort', done, { once: true })
      this.#waiting.push(done)
    })
  }

  /** A writer of records of one kind, from one source. */
  writer(options: WriterOptions): Writer {
    const saved = this.#log.positions[options.source ?? options.kind] ?? null
    const writer = new Writer(options, saved, (meta, body) => this.#enqueue(meta, body))
    this.#writers.push(writer)
    return writer
  }

  /** What was read at the start. */
  get recovered(): Recovered {
    return this.#log.recovered
  }

  /** The segments that are ready for conversion, oldest first. */
  closedSegments(): Promise<ClosedSegment[]> {
    return this.#log.closed()
  }

  async status(): Promise<WalStatus> {
    const { current } = this.#log
    const closed = await this.#log.closed()
    return {
      segments: closed.length + (current ? 1 : 0),
      bytes: closed.reduce((sum, { bytes }) => sum + bytes, current?.bytes ?? 0),
      dropped: this.dropped,
    }
  }

  /** Stores what is left, with a last attempt if the disk refuses; false when something could not be stored. */
  async close(): Promise<boolean> {
    clearInterval(this.#timer)
    this.#closing = true
    const flushed = Promise.all(this.#writers.map((writer) => writer.close()))
    this.#wake?.()
    const results = await flushed
    while (this.#committing) await this.#committing
    await this.#log.close()
    return results.every((ok) => ok)
  }

  #enqueue(meta: Omit<FrameMeta, 'at'>, body: Buffer): Promise<void> {
    if (this.#refused) return Promise.reject(this.#refused)
    return new Promise((resolve, reject) => {
      const whole = { at: this.#options.now(), ...meta }
      const pieces = encodeFrame(whole, body)
      const bytes = pieces.reduce((sum, { length }) => sum + length, 0)
      this.#queue.push({ pieces, bytes, meta: whole, stored: resolve, lost: reject })
      this.#start()
    })
  }

  #start(): void {
    this.#committing ??= this.#commit().finally(() => {
      this.#committing = undefined
      if (this.#queue.length > 0) this.#start()
    })
  }

  /** All that touches the files, one thing after the other. */
  async #commit(): Promise<void> {
    // What else comes in this turn of the loop belongs to the same batch.
    await new Promise(setImmediate)
    while (this.#queue.length > 0) {
      const batch = this.#nextBatch()
      const last = this.#closing
      try {
        await this.#store(batch)
      } catch (error) {
        this.error = describe(error)
        log('wal', `log: cannot store, will try again: ${this.error}`)
        if (last) this.#giveUp(this.error)
        else await this.#pause()
        continue
      }
      this.#queue.splice(0, batch.length)
      if (this.error !== undefined) log('wal resumed', 'log: storing again')
      this.error = undefined
      for (const { stored } of batch) stored()
    }
    await this.#keepHouse().catch((error: unknown) => log('wal house', `log: ${describe(error)}`))
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
    const moved = Object.fromEntries(
      batch.flatMap(({ meta }) => (meta.source === undefined ? [] : [[meta.source, meta.position]])),
    )
    const records = batch.some(({ meta }) => meta.encoding !== 'none')
    return this.#log.append(
      batch.flatMap(({ pieces }) => pieces),
      moved,
      records,
    )
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
      const timer = setTimeout(resolve, this.#options.flushMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #tick(): void {
    for (const writer of this.#writers) writer.flushInBackground()
    this.#start()
  }

  /** Begins a new segment when it is time, and deletes the oldest beyond the budget. */
  async #keepHouse(): Promise<void> {
    await this.#log.rotateIfDue()
    const sequence = this.#log.current?.sequence
    if (sequence === this.#checkedAt) return
    const closed = await this.#log.closed()
    let bytes = closed.reduce((sum, segment) => sum + segment.bytes, this.#log.current?.bytes ?? 0)
    for (const segment of closed) {
      if (bytes <= this.#options.maxBytes) break
      const rows = await countRows(segment.path)
      await rm(segment.path, { force: true })
      bytes -= segment.bytes
      this.dropped.segments += 1
      this.dropped.bytes += segment.bytes
      this.dropped.rows += rows
      log('budget', `log: over its budget: ${segment.path} with ${rows} records is deleted unconverted`)
    }
    this.#checkedAt = sequence
  }
}

/** How many records a segment holds, as far as it can be read. */
async function countRows(path: string): Promise<number> {
  let rows = 0
  try {
    for await (const { meta } of readFrames(path)) rows += meta.rows ?? 0
  } catch {
    // It is damaged or gone; what was counted so far is all that is known.
  }
  return rows
}
