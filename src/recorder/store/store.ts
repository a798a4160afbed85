import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, log } from '../log.ts'
import { writeFileAtomic } from './atomic-file.ts'
import { ClockTrust } from './clock-trust.ts'
import { chooseExpired, type Limits, listSegments, removeSegments } from './retention.ts'
import { Writer, type WriterOptions } from './writer.ts'

const FLUSH_MS = 1000
const RETENTION_MS = 60_000
const MIN_SEGMENT_BYTES = 64 * 1024
const MAX_SEGMENT_BYTES = 64 * 1024 * 1024

export interface StoreOptions extends Limits {
  /** The data directory: kind=<kind>/date=<UTC date>/<sequence>.ndjson, and state/. */
  readonly root: string
  /** Milliseconds between flushes, 1000 by default. */
  readonly flushMs?: number
  readonly now?: () => number
  readonly monotonic?: () => number
}

/**
 * The records on the disk: NDJSON segments by kind and UTC date, synced each second, bounded by age and by bytes.
 * A disk that is full or fails costs records, counted by the sources, and nothing else; writing resumes by itself.
 */
export class Store {
  readonly #options: StoreOptions
  readonly #segmentBytes: number
  readonly #writers: Writer[] = []
  readonly #clock: ClockTrust
  #timer: NodeJS.Timeout | undefined
  #nextRetention = 0
  #bytes = 0
  #bytesAtRetention = 0
  #tick: Promise<void> | undefined

  private constructor(options: StoreOptions, clock: ClockTrust) {
    this.#options = options
    this.#clock = clock
    this.#segmentBytes = Math.min(
      MAX_SEGMENT_BYTES,
      Math.max(MIN_SEGMENT_BYTES, Math.floor(options.maxBytes / 32)),
    )
  }

  static async open(options: StoreOptions): Promise<Store> {
    await mkdir(join(options.root, 'state'), { recursive: true, mode: 0o750 })
    const store = new Store(options, new ClockTrust(await readWallClock(options.root)))
    store.#timer = setInterval(() => store.#run(), options.flushMs ?? FLUSH_MS)
    return store
  }

  async writer(options: WriterOptions): Promise<Writer> {
    const settings = {
      root: this.#options.root,
      retentionDays: this.#options.retentionDays,
      segmentBytes: this.#segmentBytes,
      now: this.#now,
    }
    const writer = await Writer.open(settings, options)
    this.#writers.push(writer)
    return writer
  }

  /** Bytes in segments when retention last looked. */
  get bytes(): number {
    return this.#bytes
  }

  /** Why records cannot be stored at the moment, if so. */
  get error(): string | undefined {
    return this.#writers.find((writer) => writer.error !== undefined)?.error
  }

  /** Flushes a last time and closes all; false when records could not be stored. */
  async close(): Promise<boolean> {
    clearInterval(this.#timer)
    await this.#tick
    const results = await Promise.all(this.#writers.map((writer) => writer.close()))
    await this.#saveWallClock()
    return results.every((ok) => ok)
  }

  /** Deletes what is too old or too much; the store does so each minute by itself. */
  async enforceLimits(): Promise<void> {
    const wallMs = this.#now()
    const trusted = this.#clock.trusted({
      wallMs,
      monotonicMs: (this.#options.monotonic ?? (() => performance.now()))(),
    })
    const segments = await listSegments(this.#options.root)
    const open = new Set(this.#writers.flatMap((writer) => writer.openPaths()))
    const expired = chooseExpired(segments, this.#options, trusted ? wallMs : undefined, open)
    await removeSegments(this.#options.root, expired)
    this.#bytes = sumBytes(segments) - sumBytes(expired)
    await this.#saveWallClock()
  }

  readonly #now = (): number => (this.#options.now ?? Date.now)()

  #run(): void {
    this.#tick ??= this.#runOnce().finally(() => {
      this.#tick = undefined
    })
  }

  async #runOnce(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.flush()))
    const stored = this.#writers.reduce((sum, writer) => sum + writer.storedBytes, 0)
    const due =
      performance.now() >= this.#nextRetention || stored - this.#bytesAtRetention > this.#segmentBytes
    if (!due) return
    this.#nextRetention = performance.now() + RETENTION_MS
    this.#bytesAtRetention = stored
    await this.enforceLimits().catch((error: unknown) => {
      log('retention', `cannot delete old records: ${describe(error)}`)
    })
  }

  async #saveWallClock(): Promise<void> {
    const text = `${JSON.stringify({ wallMs: this.#now() })}\n`
    await writeFileAtomic(join(this.#options.root, 'state/clock.json'), text).catch((error: unknown) => {
      log('clock', `cannot save the time: ${describe(error)}`)
    })
  }
}

async function readWallClock(root: string): Promise<number | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(join(root, 'state/clock.json'), 'utf8'))
    const wallMs = typeof value === 'object' && value !== null && 'wallMs' in value ? value.wallMs : undefined
    return typeof wallMs === 'number' && Number.isFinite(wallMs) ? wallMs : undefined
  } catch {
    // The first run, or a file that says nothing: then there is nothing to compare with.
    return undefined
  }
}

function sumBytes(segments: readonly { readonly bytes: number }[]): number {
  return segments.reduce((sum, { bytes }) => sum + bytes, 0)
}
