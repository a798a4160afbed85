import { constants } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory } from '../atomic-file.ts'
import { HEADER } from './frame.ts'

/** One segment file that is appended to: what has been synced stays, and nothing else is left behind. */
export class Segment {
  readonly #file: FileHandle
  /** Length up to which everything is whole and on the disk. */
  #durable: number
  #damaged = false

  private constructor(file: FileHandle, durable: number) {
    this.#file = file
    this.#durable = durable
  }

  /** Makes a segment that begins with these bytes. It gets its name when they are on the disk: none is without them. */
  static async create(path: string, first: readonly Buffer[]): Promise<Segment> {
    const temporary = `${path}.tmp`
    const file = await open(temporary, 'w', 0o640)
    try {
      const segment = new Segment(file, 0)
      await segment.append([HEADER, ...first])
      await rename(temporary, path)
      await syncDirectory(dirname(path))
      return segment
    } catch (error) {
      await file.close()
      // What was written may be what fills the disk.
      await rm(temporary, { force: true }).catch(() => undefined)
      throw error
    }
  }

  /** Opens a segment to go on after its first `durable` bytes; what a crash left beyond them is cut off. */
  static async resume(path: string, durable: number): Promise<Segment> {
    const file = await open(path, constants.O_RDWR)
    try {
      const { size } = await file.stat()
      if (size > durable) await file.truncate(durable)
      return new Segment(file, durable)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  get size(): number {
    return this.#durable
  }

  /** What a failed append left could not be cut off yet. */
  get damaged(): boolean {
    return this.#damaged
  }

  /**
   * Appends and syncs. When any of it fails (full disk, I/O error) the file is cut back to what was durable before and
   * the error is thrown: after a failed fsync the kernel forgets what it could not write (fsync(2)), so all of it has
   * to be written again.
   */
  async append(pieces: readonly Buffer[]): Promise<void> {
    if (this.#damaged) await this.#repair()
    let bytes: number
    try {
      bytes = await writeAll(this.#file, pieces, this.#durable)
      await this.#file.datasync()
    } catch (error) {
      this.#damaged = true
      await this.#repair().catch(() => undefined)
      throw error
    }
    this.#durable += bytes
  }

  async #repair(): Promise<void> {
    await this.#file.truncate(this.#durable)
    this.#damaged = false
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** Writes all pieces one after the other from `position` on; the number of their bytes. */
async function writeAll(file: FileHandle, pieces: readonly Buffer[], position: number): Promise<number> {
  let left: readonly Buffer[] = pieces
  let written = 0
  while (left.length > 0) {
    const { bytesWritten } = await file.writev(left, position + written)
    // Without an error for the reason: the kernel gives one to the next attempt, if there is one to give.
    if (bytesWritten === 0 && left.some(({ length }) => length > 0)) throw new Error('wrote nothing')
    written += bytesWritten
    left = without(left, bytesWritten)
  }
  return written
}

/** What is left of pieces whose first bytes are done. */
function without(pieces: readonly Buffer[], bytes: number): readonly Buffer[] {
  let skip = bytes
  for (const [i, piece] of pieces.entries()) {
    if (skip < piece.length) return [piece.subarray(skip), ...pieces.slice(i + 1)]
    skip -= piece.length
  }
  return []
}
