import { join } from 'node:path'
import type { SeenChunks } from '../archive/seen-chunks.ts'
import { stateDirectory } from '../layout.ts'
import type { ForwardLines } from '../sources/forward/entries.ts'
import type { ForwardChunk } from '../wal/frame.ts'

/** Decodes the raw chunks of the log, those that came twice once. What that takes is loaded with the first one. */
export class ForwardFrames {
  readonly #data: string
  #seen: SeenChunks | undefined

  constructor(data: string) {
    this.#data = data
  }

  async lines(chunk: ForwardChunk, body: Buffer, at: number): Promise<Iterable<ForwardLines>> {
    const { SEEN_CHUNKS, SeenChunks } = await import('../archive/seen-chunks.ts')
    const { forwardLines } = await import('../sources/forward/entries.ts')
    this.#seen ??= await SeenChunks.load(join(stateDirectory(this.#data), SEEN_CHUNKS))
    return this.#seen.has(chunk, body) ? [] : forwardLines(chunk, body, at)
  }
}
