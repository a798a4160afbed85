import { type Dropped, dropOldest, noteLost, type RowsByKind, zeroDropped } from './budget.ts'
import { closedSegments, keptSegments } from './closed-segments.ts'
import { CommitQueue } from './commit-queue.ts'
import type { FrameMeta } from './frame.ts'
import { type Recovered, SegmentLog } from './segment-log.ts'
import { Writer, type WriterOptions } from './writer.ts'

const MiB = 1024 * 1024

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
  /** Segments are read by receivers of forward_to too: those in the archive may wait for them, within `maxBytes`. */
  readonly forwards?: boolean
  /** What `append` may hold in memory, in bytes; 16 MiB. */
  readonly maxPendingBytes?: number
  readonly now?: () => number
}

/** What waits for conversion, and what was lost of it. */
export interface WalStatus {
  readonly segments: number
  readonly bytes: number
  readonly dropped: Readonly<Dropped>
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
  readonly #queue: CommitQueue
  readonly #timer: NodeJS.Timeout
  readonly #dropped: Dropped = zeroDropped()
  #pendingBytes = 0
  #waiting: (() => void)[] = []
  /** The newest segment when the budget was last looked at. */
  #checkedAt: number | undefined

  private constructor(segments: SegmentLog, options: Required<WalOptions>) {
    this.#log = segments
    this.#options = options
    const { flushMs, now } = options
    this.#queue = new CommitQueue(segments, { retryMs: flushMs, now, between: () => this.#keepHouse() })
    this.#timer = setInterval(() => {
      for (const writer of this.#writers) writer.flushInBackground()
      this.#queue.run()
    }, flushMs)
  }

  /** Opens the log and cuts off what a crash left torn; throws when its directory cannot be read or made. */
  static async open(options: WalOptions): Promise<Wal> {
    const all = {
      segmentBytes: 32 * MiB,
      segmentMs: 15 * 60_000,
      flushMs: 1000,
      maxBytes: Number.POSITIVE_INFINITY,
      forwards: false,
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
    return this.#queue.append(meta, body).finally(() => {
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
    const writer = new Writer(options, saved, (meta, body) => this.#queue.append(meta, body))
    this.#writers.push(writer)
    return writer
  }

  /** How far a source that has no writer was stored, in this run or by one before; null when it never was. */
  position(source: string): unknown {
    return this.#log.positions[source] ?? null
  }

  /** What was read at the start. */
  get recovered(): Recovered {
    return this.#log.recovered
  }

  /** Why nothing can be stored at the moment. */
  get error(): string | undefined {
    return this.#queue.error
  }

  /** The newest segment and how much of it is on the disk; undefined before the first. */
  get end(): { readonly sequence: number; readonly bytes: number } | undefined {
    return this.#log.current
  }

  /** Stores what writers hold. */
  async flush(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.flush()))
  }

  /** Stores what writers hold and ends the segment, so that all of it is ready for conversion. */
  async rotate(): Promise<void> {
    await this.flush()
    const ended = this.#log.endSoon()
    this.#queue.run()
    await ended
  }

  async status(): Promise<WalStatus> {
    const { current } = this.#log
    const closed = await closedSegments(this.#options.data)
    return {
      segments: closed.length + (current ? 1 : 0),
      bytes: closed.reduce((sum, { bytes }) => sum + bytes, current?.bytes ?? 0),
      dropped: { ...this.#dropped },
    }
  }

  /** Stores what is left, with a last attempt if the disk refuses; false when something could not be stored. */
  async close(): Promise<boolean> {
    clearInterval(this.#timer)
    this.#queue.stopWaiting()
    const results = await Promise.all(this.#writers.map((writer) => writer.close()))
    await this.#queue.idle()
    await this.#log.close()
    return results.every((ok) => ok)
  }

  /** Begins a new segment when it is time, and deletes the oldest beyond the budget. */
  async #keepHouse(): Promise<void> {
    await this.#log.rotateIfDue()
    const { current } = this.#log
    if (current === undefined || current.sequence === this.#checkedAt) return
    const { data, maxBytes, forwards } = this.#options
    const noted = forwards
      ? ({ sequence }: { readonly sequence: number }, rows: RowsByKind) => noteLost(data, sequence, rows)
      : undefined
    const room = maxBytes - current.bytes
    const closed = await closedSegments(data)
    const unconverted = closed.reduce((sum, { bytes }) => sum + bytes, 0)
    // What is in the archive goes before what is nowhere else, which is younger anyway.
    await dropOldest(await keptSegments(data), Math.max(0, room - unconverted), zeroDropped(), noted)
    await dropOldest(closed, room, this.#dropped, noted)
    this.#checkedAt = current.sequence
  }
}
