import { join } from 'node:path'
import { request } from '../../lib/requests.ts'
import type { Span } from '../api.ts'

/** Where the recorder and the watchers wait for those who want to have on record what they know so far. */
const SOCKETS = ['recorder/recorder.sock', 'watch/dns.sock', 'watch/flows.sock']
const PATIENCE_MS = 2000
/** Each time every open connection may get a record, and a page may be left open for days. */
const BETWEEN_MS = 5 * 60_000

/** Has what this router knows recorded, for pages about the time up to now. */
export class Keepers {
  readonly #paths: readonly string[]
  #asked: { readonly done: Promise<unknown>; readonly atMs: number } | undefined

  /** `run` is the directory of the status files, where the sockets are too. */
  constructor(run: string) {
    this.#paths = SOCKETS.map((name) => join(run, name))
  }

  /** Resolves when it is on record, or nobody is there who could do it; at once when it was asked for not long ago. */
  async record({ toMs }: Span): Promise<void> {
    if (toMs < Date.now() - PATIENCE_MS) return
    const now = performance.now()
    if (!this.#asked || now - this.#asked.atMs > BETWEEN_MS)
      this.#asked = { done: Promise.all(this.#paths.map((path) => request(path, PATIENCE_MS))), atMs: now }
    await this.#asked.done
  }
}
