import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncDirectory, writeFileAtomic } from '../atomic-file.ts'
import { quarantineDirectory, segmentFile, stateDirectory, walDirectory } from '../layout.ts'
import { log } from '../log.ts'

/** So often may a segment fail by itself, and so often may its conversion end without a word (killed, power cut). */
const MAX_FAILURES = 3
const MAX_STARTS = 12

interface Attempts {
  readonly sequence: number
  /** Begun and not ended. */
  readonly starts: number
  readonly failures: number
  readonly error?: string
}

/**
 * Counts the attempts at the oldest segment: the conversion goes in order, and one that cannot be converted must not
 * hold up the rest for ever. It is moved to the quarantine, whole.
 */
export class AttemptCounter {
  readonly #data: string

  constructor(data: string) {
    this.#data = data
  }

  /** Before an attempt; false when there are to be no more. */
  async begin(sequence: number): Promise<boolean> {
    const last = await this.#read(sequence)
    if (last.failures >= MAX_FAILURES || last.starts >= MAX_STARTS) {
      await this.#quarantine(last)
      return false
    }
    await this.#write({ ...last, starts: last.starts + 1 })
    return true
  }

  /** After an attempt that threw. A disk without room, or one that fails, says nothing about the segment. */
  async failed(sequence: number, error: unknown): Promise<void> {
    const { starts, failures } = await this.#read(sequence)
    const message = error instanceof Error ? error.message : String(error)
    const own = !isDiskTrouble(message)
    await this.#write({
      sequence,
      starts: starts - 1,
      failures: failures + (own ? 1 : 0),
      error: message.slice(0, 1000),
    })
  }

  async succeeded(): Promise<void> {
    await rm(this.#path, { force: true })
  }

  get #path(): string {
    return join(stateDirectory(this.#data), 'attempts.json')
  }

  async #read(sequence: number): Promise<Attempts> {
    const none = { sequence, starts: 0, failures: 0 }
    const text = await readFile(this.#path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return JSON.stringify(none)
      throw error
    })
    const last = JSON.parse(text) as Attempts
    return last.sequence === sequence ? last : none
  }

  async #write(attempts: Attempts): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o750 })
    await writeFileAtomic(this.#path, JSON.stringify(attempts))
  }

  async #quarantine({ sequence, error }: Attempts): Promise<void> {
    const path = segmentFile(this.#data, sequence)
    log(
      'quarantine',
      `archive: ${path} cannot be converted (${error ?? 'every attempt was killed'}) and is kept in wal/quarantine`,
    )
    await mkdir(quarantineDirectory(this.#data), { recursive: true, mode: 0o750 })
    await rename(path, join(quarantineDirectory(this.#data), `${sequence}.wal`))
    await syncDirectory(quarantineDirectory(this.#data))
    await syncDirectory(walDirectory(this.#data))
    await this.succeeded()
  }
}

/** By the words of Node and of DuckDB, which says "No space left on device" or "Input/output error". */
export function isDiskTrouble(message: string): boolean {
  return /ENOSPC|EDQUOT|EIO|EROFS|EMFILE|ENFILE|no space left|disk quota|input\/output error|read-only file system|too many open files/i.test(
    message,
  )
}
