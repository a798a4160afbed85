import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { KindName } from '../records/kinds.ts'
import type { Size } from './parquet.ts'

/** NDJSON bytes that are converted at once. */
const BATCH_BYTES = 40 * 1024 * 1024

/** NDJSON of one kind in a temporary file. */
export interface Batch extends Size {
  readonly kind: KindName
  readonly path: string
  readonly longestLine: number
}

interface OpenBatch {
  readonly path: string
  readonly file: FileHandle
  rows: number
  bytes: number
  longestLine: number
}

/** Gathers a segment's records into files of bounded size, a kind each. */
export class Staging {
  readonly #directory: string
  readonly #open = new Map<KindName, OpenBatch>()
  readonly #done: Batch[] = []
  #next = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Takes lines, each ended by a newline or by the end. */
  async add(kind: KindName, body: Buffer): Promise<void> {
    let batch = this.#open.get(kind)
    let from = 0
    for (let at = 0; at < body.length; ) {
      const newline = body.indexOf(10, at)
      const end = newline === -1 ? body.length : newline
      if (batch && batch.bytes > 0 && batch.bytes + end - at > BATCH_BYTES) {
        await write(batch.file, body.subarray(from, at))
        await this.#finish(kind, batch)
        batch = undefined
        from = at
      }
      batch ??= await this.#begin(kind)
      // An empty line is nothing.
      if (end > at) batch.rows += 1
      batch.bytes += end - at + 1
      batch.longestLine = Math.max(batch.longestLine, end - at)
      at = end + 1
    }
    if (batch) await write(batch.file, body.subarray(from))
  }

  /** All that was taken; nothing more may be added. */
  async finish(): Promise<readonly Batch[]> {
    for (const [kind, batch] of this.#open) await this.#finish(kind, batch)
    return this.#done
  }

  /** Closes what is open, when something went wrong. */
  async abandon(): Promise<void> {
    for (const { file } of this.#open.values()) await file.close()
    this.#open.clear()
  }

  async #begin(kind: KindName): Promise<OpenBatch> {
    const path = join(this.#directory, `${this.#next}.ndjson`)
    this.#next += 1
    const batch = { path, file: await open(path, 'wx', 0o640), rows: 0, bytes: 0, longestLine: 0 }
    this.#open.set(kind, batch)
    return batch
  }

  async #finish(kind: KindName, { path, file, rows, bytes, longestLine }: OpenBatch): Promise<void> {
    this.#open.delete(kind)
    await file.close()
    if (rows > 0) this.#done.push({ kind, path, rows, bytes, longestLine })
  }
}

async function write(file: FileHandle, lines: Buffer): Promise<void> {
  await file.writeFile(lines)
  if (lines.length > 0 && lines.at(-1) !== 10) await file.writeFile('\n')
}
