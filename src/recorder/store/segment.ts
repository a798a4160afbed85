import { constants } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory } from './atomic-file.ts'

const TAIL_CHUNK = 64 * 1024

/** One open NDJSON file: whole lines are appended, and what has been synced stays. */
export class Segment {
  readonly #file: FileHandle
  /** Length up to which every line is whole and on the disk. */
  #durable: number
  #damaged = false

  private constructor(file: FileHandle, durable: number) {
    this.#file = file
    this.#durable = durable
  }

  /** Opens or creates the file (mode 0640) and cuts off a last line that has no line feed. */
  static async open(path: string): Promise<Segment> {
    const directory = dirname(path)
    const created = await mkdir(directory, { recursive: true, mode: 0o750 })
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND
    const file = await open(path, flags, 0o640)
    try {
      const { size } = await file.stat()
      const whole = await wholeLines(file, size)
      if (whole < size) await file.truncate(whole)
      if (size === 0) {
        await syncDirectory(directory)
        if (created !== undefined)
          for (const parent of parentsUpTo(directory, created)) await syncDirectory(parent)
      }
      return new Segment(file, whole)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  get size(): number {
    return this.#durable
  }

  /**
   * Appends whole lines and syncs them. When any of it fails (full disk, I/O error) the file is cut back to
   * what was durable before and the error is thrown: after a failed fsync the kernel forgets what it could not
   * write (fsync(2)), so all of it has to be written again.
   */
  async append(lines: Buffer): Promise<void> {
    if (this.#damaged) await this.#repair()
    try {
      let offset = 0
      while (offset < lines.length) {
        const { bytesWritten } = await this.#file.write(lines, offset, lines.length - offset, null)
        offset += bytesWritten
      }
      await this.#file.datasync()
    } catch (error) {
      this.#damaged = true
      await this.#repair().catch(() => undefined)
      throw error
    }
    this.#durable += lines.length
  }

  async #repair(): Promise<void> {
    await this.#file.truncate(this.#durable)
    this.#damaged = false
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** The length of the file up to and with its last line feed. */
async function wholeLines(file: FileHandle, size: number): Promise<number> {
  const chunk = Buffer.alloc(Math.min(TAIL_CHUNK, size))
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - chunk.length)
    const { bytesRead } = await file.read(chunk, 0, end - start, start)
    const newline = chunk.subarray(0, bytesRead).lastIndexOf(0x0a)
    if (newline >= 0) return start + newline + 1
    end = start
  }
  return 0
}

/** The directories in which mkdir made a new name, from the parent of `path` up to that of `first`. */
function parentsUpTo(path: string, first: string): string[] {
  const parents: string[] = []
  for (let at = path; at.length >= first.length; at = dirname(at)) parents.push(dirname(at))
  return parents
}
