import { recordNow } from '../../recorder/ask/record-now.ts'
import type { Span } from '../api.ts'

const PATIENCE_MS = 2000
/** Each time every open connection may get a record, and a page may be left open for days. */
const BETWEEN_MS = 5 * 60_000

/** Has what this router knows recorded, for pages about the time up to now. */
export class Keepers {
  readonly #run: string
  #asked: { readonly done: Promise<unknown>; readonly atMs: number } | undefined

  /** `run` is the directory of the status files, where the sockets are too. */
  constructor(run: string) {
    this.#run = run
  }

  /** Resolves when it is on record, or nobody is there who could do it; at once when it was asked for not long ago. */
  async record({ toMs }: Span): Promise<void> {
    if (toMs < Date.now() - PATIENCE_MS) return
    const now = performance.now()
    if (!this.#asked || now - this.#asked.atMs > BETWEEN_MS)
      this.#asked = { done: recordNow(this.#run, PATIENCE_MS), atMs: now }
    await this.#asked.done
  }
}
