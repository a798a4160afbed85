import type { Counts } from '../counters.ts'
import type { KindName } from '../records/kinds.ts'
import type { FrameMeta } from './frame.ts'

export interface WriterOptions {
  readonly kind: KindName
  readonly counts: Counts
  /** The length of JSON lines that may wait for the disk before `offer` refuses; 4 Mi characters. */
  readonly maxPendingBytes?: number
  /**
   * For a source that can be read again: its name (the kind's, unless given), which no other writer has, and its
   * position as JSON, covering exactly the records offered so far.
   */
  readonly source?: string
  readonly position?: () => unknown
}

interface Gathered {
  readonly lines: string[]
  length: number
  first: number
  last: number
}

/** Stores the records of one kind, from one source: gathers them, and appends them to the log as one frame a flush. */
export class Writer {
  readonly #options: WriterOptions
  readonly #append: (meta: Omit<FrameMeta, 'at'>, body: Buffer) => Promise<void>
  readonly #limit: number
  #gathered = nothing()
  /** Of the frame on its way to the disk. */
  #sentLength = 0
  #changed = false
  #closed = false
  #flushing: Promise<void> | undefined
  #next: Promise<void> | undefined
  #waiting: (() => void)[] = []
  #early: NodeJS.Immediate | undefined
  /** The position stored by the run before; null when there is none. */
  readonly savedPosition: unknown

  /** Made by the log, which gives what its frames go to. */
  constructor(
    options: WriterOptions,
    savedPosition: unknown,
    append: (meta: Omit<FrameMeta, 'at'>, body: Buffer) => Promise<void>,
  ) {
    this.#options = options
    this.#append = append
    this.#limit = options.maxPendingBytes ?? 4 * 1024 * 1024
    this.savedPosition = savedPosition
  }

  /** Whether `offer` would refuse. */
  get full(): boolean {
    return this.#closed || this.#gathered.length + this.#sentLength >= this.#limit
  }

  /** Takes a record to be stored within about a second; false when there is no room, and nothing was taken. */
  offer(epochMs: number, record: object): boolean {
    if (this.full) return false
    const line = JSON.stringify(record)
    const gathered = this.#gathered
    gathered.lines.push(line)
    gathered.length += line.length + 1
    if (epochMs < gathered.first) gathered.first = epochMs
    if (epochMs > gathered.last) gathered.last = epochMs
    if (gathered.length >= this.#limit / 4) this.#flushEarly()
    return true
  }

  /** Says that the position moved without a record. */
  touch(): void {
    this.#changed = true
  }

  /** Resolves when `offer` may be tried again, or on abort. */
  room(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done)
        resolve()
      }
      signal.addEventListener('abort', done, { once: true })
      this.#waiting.push(done)
      this.#flushEarly()
    })
  }

  /**
   * Resolves when what was offered so far is on the disk, however long the disk refuses; rejects when the log was
   * closed before.
   */
  flush(): Promise<void> {
    if (this.#flushing) {
      // The flush that runs may have begun before the last offer.
      this.#next ??= this.#flushing.then(() => {
        this.#next = undefined
        return this.flush()
      })
      return this.#next
    }
    if (this.#gathered.length === 0 && !this.#changed) return Promise.resolve()
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = undefined
    })
    return this.#flushing
  }

  /** Takes nothing more and stores what it has; false when that could not be stored. */
  async close(): Promise<boolean> {
    this.#closed = true
    clearImmediate(this.#early)
    try {
      await this.flush()
      return true
    } catch {
      // What cannot be read from its source again is lost, and counted.
      if (!this.#options.position) this.#options.counts.dropped += this.#gathered.lines.length
      this.#gathered = nothing()
      return false
    }
  }

  /** Stores soon what there is, unless the disk has not taken what it was given before. */
  #flushEarly(): void {
    if (this.#flushing) return
    this.#early ??= setImmediate(() => {
      this.#early = undefined
      this.flushInBackground()
    })
  }

  /** A flush that nobody waits for: what it could not store has been counted by then. */
  flushInBackground(): void {
    if (!this.#flushing) this.flush().catch(() => undefined)
  }

  async #flush(): Promise<void> {
    const { lines, length, first, last } = this.#gathered
    const { kind, source, position, counts } = this.#options
    const meta: Omit<FrameMeta, 'at'> = {
      ...(lines.length > 0
        ? { encoding: 'ndjson', kind, rows: lines.length, times: [first, last] }
        : { encoding: 'none' }),
      ...(position && { source: source ?? kind, position: position() }),
    }
    this.#gathered = nothing()
    this.#sentLength = length
    this.#changed = false
    try {
      await this.#append(meta, Buffer.from(lines.length > 0 ? `${lines.join('\n')}\n` : ''))
      counts.stored += lines.length
    } catch (error) {
      if (!position) counts.dropped += lines.length
      throw error
    } finally {
      this.#sentLength = 0
      for (const done of this.#waiting.splice(0)) done()
      if (this.#gathered.length >= this.#limit / 4) setImmediate(() => this.flushInBackground())
    }
  }
}

function nothing(): Gathered {
  return { lines: [], length: 0, first: Number.POSITIVE_INFINITY, last: Number.NEGATIVE_INFINITY }
}
