/* A day in the watchers' life takes a minute here: what the soak's parts have in common. */

/** 2026-11-23T00:00:00Z. */
export const START_MS = Date.UTC(2026, 10, 23)
export const HOUR_MS = 3_600_000

export interface Mark {
  readonly hour: number
  /** Of the heap and of what lies beside it, when all garbage is collected. */
  readonly usedBytes: number
  readonly rssBytes: number
  /** Transactions, connections or calls until then. */
  readonly done: number
}

/** What a part of the soak tells in the end, in one line of JSON. */
export interface Soaked {
  readonly marks: readonly Mark[]
  /** What was counted, and what has to be. */
  readonly counts: Readonly<Record<string, number>>
  readonly expected: Readonly<Record<string, number>>
  /** What else is good to know. */
  readonly seen: Readonly<Record<string, number>>
}

export function mark(hour: number, done: number): Mark {
  if (!globalThis.gc) throw new Error('Fix: call node with --expose-gc')
  // What ends in one collection may let go of buffers, which end in the next.
  for (let i = 0; i < 3; i++) globalThis.gc()
  const { heapUsed, external, rss } = process.memoryUsage()
  return { hour, usedBytes: heapUsed + external, rssBytes: rss, done }
}

/** Uniform numbers in [0, 1), the same ones each time: xorshift32. */
export function uniform(seed: number): () => number {
  let x = seed | 0 || 1
  return () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) / 2 ** 32
  }
}

export function below(random: () => number, limit: number): number {
  return Math.floor(random() * limit)
}
