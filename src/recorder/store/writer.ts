import { readdir, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import type { Counts } from '../counters.ts'
import { describe, log } from '../log.ts'
import { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.ts'
import { parseSegmentPath, partitionDate, segmentPath } from './partition.ts'
import { Segment } from './segment.ts'

const IDLE_MS = 300_000

export interface WriterOptions {
  readonly kind: string
  readonly counts: Counts
  /** Records waiting for the disk, in bytes, before `offer` refuses. */
  readonly maxPendingBytes?: number
  /**
   * For a source that can be read again: its position, covering exactly the records offered so far. With it the
   * kind must have no other writer.
   */
  readonly position?: () => unknown
}

interface StoreSettings {
  readonly root: string
  readonly retentionDays: number
  readonly segmentBytes: number
  readonly now: () => number
}

interface Open {
  readonly path: string
  readonly sequence: number
  readonly segment: Segment
  usedAt: number
}

interface Batch {
  readonly lines: string[]
}

/** What one flush has to bring to the disk; kept whole until it is there. */
interface Round {
  readonly batches: Map<string, Batch>
  readonly position: unknown
}

/** Stores the records of one kind, from one source. */
export class Writer {
  readonly #settings: StoreSettings
  readonly #options: WriterOptions
  readonly #limit: number
  readonly #checkpointPath: string | undefined
  #checkpoint: Checkpoint = { version: 1, position: null, sizes: {} }
  readonly #open = new Map<string, Open>()
  #pending = new Map<string, Batch>()
  #pendingBytes = 0
  #changed = false
  #round: Round | undefined
  #flushing: Promise<boolean> | undefined
  #nextFlush: Promise<boolean> | undefined
  #waiting: (() => void)[] = []
  #early: NodeJS.Immediate | undefined
  /** Bytes stored since the start. */
  storedBytes = 0
  /** Why the last flush failed. */
  error: string | undefined

  private constructor(settings: StoreSettings, options: WriterOptions) {
    this.#settings = settings
    this.#options = options
    this.#limit = options.maxPendingBytes ?? 4 * 1024 * 1024
    this.#checkpointPath = options.position && join(settings.root, 'state', `${options.kind}.json`)
  }

  /** Opens a kind, and cuts off what a crash left beyond the checkpoint. */
  static async open(settings: StoreSettings, options: WriterOptions): Promise<Writer> {
    const writer = new Writer(settings, options)
    if (writer.#checkpointPath) {
      const saved = await readCheckpoint(writer.#checkpointPath)
      if (saved) writer.#checkpoint = saved
      await writer.#cutUncommitted()
    }
    return writer
  }

  /** The position of the last checkpoint; null before the first. */
  get savedPosition(): unknown {
    return this.#checkpoint.position
  }

  /** Segments that are being appended to, below the data directory. */
  openPaths(): string[] {
    return [...this.#open.values()].map(({ path }) => path)
  }

  /** Whether `offer` would refuse. */
  get full(): boolean {
    return this.#pendingBytes >= this.#limit
  }

  /** Takes a record to be stored within about a second; false when there is no room, and nothing was taken. */
  offer(epochMs: number, record: object): boolean {
    if (this.full) return false
    const line = `${JSON.stringify(record)}\n`
    const date = partitionDate(epochMs, this.#settings.now(), this.#settings.retentionDays)
    let batch = this.#pending.get(date)
    if (!batch) {
      batch = { lines: [] }
      this.#pending.set(date, batch)
    }
    batch.lines.push(line)
    this.#pendingBytes += Buffer.byteLength(line)
    if (this.#pendingBytes >= this.#limit / 4) this.#flushSoon()
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
      this.#flushSoon()
    })
  }

  #flushSoon(): void {
    // After a failure the next try is the store's, a second later.
    if (this.error !== undefined) return
    this.#early ??= setImmediate(() => {
      this.#early = undefined
      void this.flush()
    })
  }

  /** Brings what was offered so far to the disk; false when that failed (it is kept and tried again). */
  flush(): Promise<boolean> {
    if (this.#flushing) {
      // The flush that runs may have begun before the last offer.
      this.#nextFlush ??= this.#flushing.then(() => {
        this.#nextFlush = undefined
        return this.flush()
      })
      return this.#nextFlush
    }
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = undefined
    })
    return this.#flushing
  }

  async close(): Promise<boolean> {
    clearImmediate(this.#early)
    const ok = await this.flush()
    if (!ok && !this.#checkpointPath) this.#giveUp()
    for (const { segment } of this.#open.values()) await segment.close()
    this.#open.clear()
    return ok
  }

  /** The disk refused to the end: what cannot be read from its source again is lost, and counted. */
  #giveUp(): void {
    for (const batches of [this.#round?.batches, this.#pending]) {
      for (const { lines } of batches?.values() ?? []) this.#options.counts.dropped += lines.length
      batches?.clear()
    }
  }

  async #flush(): Promise<boolean> {
    try {
      // Twice at most: what was left from a failed round, then what came since.
      for (let i = 0; i < 2; i++) {
        this.#round ??= this.#nextRound()
        if (!this.#round) break
        await this.#store(this.#round)
        this.#round = undefined
      }
      await this.#closeIdle()
      if (this.error !== undefined)
        log(`resumed ${this.#options.kind}`, `${this.#options.kind}: storing again`)
      this.error = undefined
      return true
    } catch (error) {
      this.error = describe(error)
      log(`flush ${this.#options.kind}`, `${this.#options.kind}: cannot store, will try again: ${this.error}`)
      return false
    } finally {
      const waiting = this.#waiting
      if (this.error === undefined) {
        this.#waiting = []
        for (const done of waiting) done()
      }
    }
  }

  #nextRound(): Round | undefined {
    if (this.#pending.size === 0 && !this.#changed) return undefined
    const round = { batches: this.#pending, position: this.#options.position?.() }
    this.#pending = new Map()
    this.#changed = false
    return round
  }

  async #store({ batches, position }: Round): Promise<void> {
    for (const [date, { lines }] of batches) {
      const open = await this.#segmentFor(date)
      const bytes = Buffer.from(lines.join(''))
      await open.segment.append(bytes)
      open.usedAt = this.#settings.now()
      batches.delete(date)
      this.#pendingBytes -= bytes.length
      this.#options.counts.stored += lines.length
      this.storedBytes += bytes.length
    }
    if (this.#checkpointPath) await this.#saveCheckpoint(position, this.#sizes())
  }

  #sizes(): Record<string, number> {
    return Object.fromEntries([...this.#open.values()].map(({ path, segment }) => [path, segment.size]))
  }

  async #saveCheckpoint(position: unknown, sizes: Record<string, number>): Promise<void> {
    if (!this.#checkpointPath) return
    const checkpoint = { version: 1, position, sizes } as const
    await writeCheckpoint(this.#checkpointPath, checkpoint)
    this.#checkpoint = checkpoint
  }

  async #segmentFor(date: string): Promise<Open> {
    let open = this.#open.get(date)
    if (open && open.segment.size >= this.#settings.segmentBytes) {
      this.#open.delete(date)
      await open.segment.close()
      open = await this.#openSegment(date, open.sequence + 1)
    }
    open ??= await this.#openSegment(date, await this.#lastSequence(date))
    // Before the first byte goes to a segment, a checkpoint has to know how long it was.
    if (this.#checkpointPath && this.#checkpoint.sizes[open.path] === undefined) {
      await this.#saveCheckpoint(this.#checkpoint.position, {
        ...this.#checkpoint.sizes,
        [open.path]: open.segment.size,
      })
    }
    return open
  }

  async #openSegment(date: string, first: number): Promise<Open> {
    const { root, segmentBytes, now } = this.#settings
    for (let sequence = first; ; sequence++) {
      const path = segmentPath(this.#options.kind, date, sequence)
      const segment = await Segment.open(join(root, path))
      if (segment.size >= segmentBytes) {
        await segment.close()
        continue
      }
      const open = { path, sequence, segment, usedAt: now() }
      this.#open.set(date, open)
      return open
    }
  }

  async #lastSequence(date: string): Promise<number> {
    const directory = `kind=${this.#options.kind}/date=${date}`
    const names = await readdir(join(this.#settings.root, directory)).catch(() => [])
    const found = names.flatMap((name) => parseSegmentPath(`${directory}/${name}`)?.sequence ?? [])
    return found.length > 0 ? Math.max(...found) : 0
  }

  async #closeIdle(): Promise<void> {
    const before = this.#settings.now() - IDLE_MS
    for (const [date, { segment, usedAt }] of this.#open) {
      if (usedAt >= before) continue
      this.#open.delete(date)
      await segment.close()
    }
  }

  async #cutUncommitted(): Promise<void> {
    for (const [path, size] of Object.entries(this.#checkpoint.sizes)) {
      if (parseSegmentPath(path)?.kind !== this.#options.kind) continue
      const full = join(this.#settings.root, path)
      const held = await Segment.open(full)
      await held.close()
      if (held.size > size) await truncate(full, size)
    }
  }
}
