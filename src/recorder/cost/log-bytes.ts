import { readdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { zstdCompress } from 'node:zlib'
import { dateOf } from '../archive/filing.ts'
import { segmentFile, segmentSequence, walDirectory } from '../layout.ts'
import { readFrames } from '../wal/read.ts'

const compress = promisify(zstdCompress)
/** Of a kind's records, before they are compressed: as many as a row group has. */
const PIECE_BYTES = 4 * 1024 * 1024

export interface DayBytes {
  readonly kind: string
  /** UTC, "2026-11-23". */
  readonly date: string
  readonly bytes: number
}

/**
 * What the log's records will take, by kind and the day on which they came: as zstd takes them, since the conversion is
 * still to come (Parquet, which does so too, takes less).
 */
export async function logBytes(data: string): Promise<DayBytes[]> {
  const names: string[] = await readdir(walDirectory(data)).catch(() => [])
  const found = new Map<string, Pieces>()
  for (const sequence of names.map(segmentSequence).filter((n) => n !== undefined)) {
    try {
      for await (const { meta, body } of readFrames(segmentFile(data, sequence))) {
        if (meta.encoding === 'none') continue
        const kind = meta.kind ?? 'events'
        const key = `${kind} ${dateOf(meta.at)}`
        const pieces = found.get(key) ?? new Pieces(kind, dateOf(meta.at))
        found.set(key, pieces)
        await pieces.add(body)
      }
    } catch {
      // Converted and deleted while we looked: the archive has its records then.
    }
  }
  return Promise.all([...found.values()].map((pieces) => pieces.end()))
}

class Pieces {
  readonly #kind: string
  readonly #date: string
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #bytes = 0

  constructor(kind: string, date: string) {
    this.#kind = kind
    this.#date = date
  }

  async add(body: Buffer): Promise<void> {
    this.#waiting.push(body)
    this.#waitingBytes += body.length
    if (this.#waitingBytes >= PIECE_BYTES) await this.#compress()
  }

  async end(): Promise<DayBytes> {
    if (this.#waitingBytes > 0) await this.#compress()
    return { kind: this.#kind, date: this.#date, bytes: this.#bytes }
  }

  async #compress(): Promise<void> {
    const { length } = await compress(Buffer.concat(this.#waiting))
    this.#bytes += length
    this.#waiting = []
    this.#waitingBytes = 0
  }
}
