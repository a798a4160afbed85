import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { duplicateKey } from '../sources/forward/duplicate-key.ts'
import type { ForwardChunk } from '../wal/frame.ts'

/** Its file, below state/. */
export const SEEN_CHUNKS = 'chunks.txt'

const MAX_CHUNKS = 100_000
/** 128 bits in base64, without padding. */
const KEY_LENGTH = 22

/**
 * The Forward chunks that were converted last: a sender that did not get its acknowledgement sends a chunk again. The
 * oldest are forgotten.
 */
export class SeenChunks {
  readonly #keys: Set<string>

  private constructor(keys: readonly string[]) {
    this.#keys = new Set(keys)
  }

  static async load(path: string): Promise<SeenChunks> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    return new SeenChunks(text.split('\n').filter((line) => line !== ''))
  }

  /** Whether this chunk came before; remembers it otherwise. One without an id never did. */
  has(chunk: ForwardChunk, body: Buffer): boolean {
    const same = duplicateKey(chunk, body)
    if (same === undefined) return false
    const key = createHash('sha256').update(same).digest('base64').slice(0, KEY_LENGTH)
    if (this.#keys.has(key)) return true
    this.#keys.add(key)
    const [oldest] = this.#keys.size > MAX_CHUNKS ? this.#keys : []
    if (oldest !== undefined) this.#keys.delete(oldest)
    return false
  }

  toText(): string {
    return `${[...this.#keys].join('\n')}\n`
  }
}
