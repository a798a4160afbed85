import type { Counts } from '../../counters.ts'
import type { ForwardChunk, FrameMeta } from '../../wal/frame.ts'
import { duplicateKey } from './duplicate-key.ts'

/** What of the write-ahead log we need. */
export interface ChunkLog {
  /** Resolves when the frame is on the disk: nothing reads the body any more then. */
  append(meta: Omit<FrameMeta, 'at'>, body: Buffer): Promise<void>
  /** Whether `append` would refuse. */
  readonly full: boolean
  /** Resolves when it is worth trying again, or on abort. */
  room(signal: AbortSignal): Promise<void>
}

/** Chunks that wait for the disk, of all connections: each costs more memory than its bytes. */
const MAX_IN_FLIGHT = 2048
/** Ids of chunks that were stored and may come again. */
const MAX_REMEMBERED = 4096

/** Brings chunks to the disk and counts them. A chunk that comes again after a lost acknowledgement is stored once. */
export class ChunkStore {
  readonly #log: ChunkLog
  readonly #counts: Counts
  readonly #known = new Map<string, Promise<boolean>>()
  #inFlight = 0
  #waiting: (() => void)[] = []
  /** Chunks that came again. */
  duplicates = 0

  constructor(log: ChunkLog, counts: Counts) {
    this.#log = log
    this.#counts = counts
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get full(): boolean {
    return this.#inFlight >= MAX_IN_FLIGHT || this.#log.full
  }

  /** Resolves when it is worth looking at `full` again. */
  room(signal: AbortSignal): Promise<void> {
    if (this.#log.full) return this.#log.room(signal)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Stores a chunk of `count` events; true when it is on the disk, false when it never will be. */
  store(chunk: ForwardChunk, body: Buffer, count: number): Promise<boolean> {
    const key = duplicateKey(chunk, body)
    const known = key === undefined ? undefined : this.#known.get(key)
    if (known) {
      this.duplicates += 1
      return known
    }
    const stored = this.#append(chunk, body, count)
    if (key !== undefined) this.#remember(key, stored)
    return stored
  }

  async #append(forward: ForwardChunk, body: Buffer, count: number): Promise<boolean> {
    this.#counts.received += count
    this.#inFlight += 1
    try {
      await this.#log.append({ encoding: 'forward', rows: count, forward }, ownMemory(body))
      this.#counts.stored += count
      return true
    } catch {
      // Closed while the disk refuses: the log has said so.
      this.#counts.dropped += count
      return false
    } finally {
      this.#inFlight -= 1
      for (const resolve of this.#waiting.splice(0)) resolve()
    }
  }

  #remember(key: string, stored: Promise<boolean>): void {
    this.#known.set(key, stored)
    if (this.#known.size > MAX_REMEMBERED) this.#known.delete(this.#known.keys().next().value ?? key)
    void stored.then((ok) => ok || this.#known.delete(key))
  }
}

/** A small chunk waits for the disk without the large piece of memory that it came in. */
function ownMemory(body: Buffer): Buffer {
  return body.length * 2 < body.buffer.byteLength ? Buffer.from(body) : body
}
