interface Entry {
  readonly answer: Promise<unknown>
  /** Ends the work when nobody waits for it any more. */
  readonly work: AbortController
  waiting: number
  /** Until when the answer serves others, by performance.now(); undefined while it is being made. */
  until: number | undefined
}

const MOST = 32
const LEAST_MS = 2000
const LONGEST_MS = 60_000
/** What took a second serves for so many. */
const FACTOR = 20

/**
 * Answers that others can have too: the same question is answered once at a time, and what took long is kept for a while.
 */
export class Shared {
  readonly #entries = new Map<string, Entry>()

  /** The answer for a key. Who gives a signal waits no longer than that; the work ends when all are gone. */
  async get<T>(
    key: string,
    signal: AbortSignal | undefined,
    make: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted()
    const known = this.#entries.get(key)
    const usable =
      known && !known.work.signal.aborted && (known.until === undefined || performance.now() < known.until)
    const entry = usable ? known : this.#begin(key, make)
    entry.waiting += 1
    try {
      // The key says what kind of answer it is.
      return (await untilAborted(entry.answer, signal)) as T
    } finally {
      entry.waiting -= 1
      if (entry.waiting === 0 && entry.until === undefined) entry.work.abort()
    }
  }

  #begin(key: string, make: (signal: AbortSignal) => Promise<unknown>): Entry {
    const work = new AbortController()
    const began = performance.now()
    const entry: Entry = { answer: make(work.signal), work, waiting: 0, until: undefined }
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    entry.answer.then(
      () => {
        const now = performance.now()
        entry.until = now + Math.min(LONGEST_MS, Math.max(LEAST_MS, (now - began) * FACTOR))
        this.#forgetOldest()
      },
      () => {
        entry.until = 0
        if (this.#entries.get(key) === entry) this.#entries.delete(key)
      },
    )
    return entry
  }

  #forgetOldest(): void {
    for (const [key, { until }] of this.#entries) {
      const old = until !== undefined && until < performance.now()
      if (old || (this.#entries.size > MOST && until !== undefined)) this.#entries.delete(key)
    }
  }
}

function untilAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return answer
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
