const HOUR_MS = 60 * 60_000
/** Pairs that are remembered: a client that goes through addresses by the thousand fills neither memory nor disk. */
const MOST_PAIRS = 4096
const MOST_OF_ONE = 256

/** What was held back of a client and another host. */
export interface HeldBack {
  readonly client: string
  readonly other: string
  readonly count: number
  /** When the last of it was, milliseconds since 1970. */
  readonly lastMs: number
}

interface Pair extends HeldBack {
  readonly toldMs: number
}

/** Lets each pair of a client and another host through once an hour, and counts what it holds back. */
export class OnceAnHour {
  /** Those told longest ago first. */
  readonly #pairs = new Map<string, Pair>()
  readonly #ofClient = new Map<string, number>()
  readonly #tell: (held: HeldBack) => void
  #refused = 0

  /** `tell` is called when a pair's hour is over and something was held back in it, which begins another hour. */
  constructor(tell: (held: HeldBack) => void) {
    this.#tell = tell
  }

  /** Undefined when this is not to be told now; else how often it was held back since it was told last. */
  admit(client: string, other: string, timeMs: number): number | undefined {
    // No address has a blank.
    const key = `${client} ${other}`
    const pair = this.#pairs.get(key)
    if (pair && !isOver(pair, timeMs)) {
      this.#pairs.set(key, { ...pair, count: pair.count + 1, lastMs: timeMs })
      return undefined
    }
    if (pair) this.#forget(key, pair)
    this.tick(timeMs)
    const its = this.#ofClient.get(client) ?? 0
    if (its >= MOST_OF_ONE || this.#pairs.size >= MOST_PAIRS) {
      this.#refused += 1
      return undefined
    }
    this.#ofClient.set(client, its + 1)
    this.#pairs.set(key, { client, other, count: 0, lastMs: timeMs, toldMs: timeMs })
    return pair?.count ?? 0
  }

  /** Ends the hours that are over; those too that began in what is the future now, since the clock was set back. */
  tick(timeMs: number): void {
    for (const [key, pair] of this.#pairs) {
      if (!isOver(pair, timeMs)) return
      if (pair.count === 0) {
        this.#forget(key, pair)
        continue
      }
      this.#pairs.delete(key)
      this.#pairs.set(key, { ...pair, count: 0, toldMs: timeMs })
      this.#tell(pair)
    }
  }

  /** Tells what is held back, and forgets everything. */
  end(): void {
    for (const pair of this.#pairs.values()) if (pair.count > 0) this.#tell(pair)
    this.#pairs.clear()
    this.#ofClient.clear()
  }

  /** How often there was no room to remember a pair, and nothing was told. */
  get refused(): number {
    return this.#refused
  }

  #forget(key: string, { client }: Pair): void {
    this.#pairs.delete(key)
    const left = (this.#ofClient.get(client) ?? 1) - 1
    if (left > 0) this.#ofClient.set(client, left)
    else this.#ofClient.delete(client)
  }
}

function isOver({ toldMs }: Pair, timeMs: number): boolean {
  return Math.abs(timeMs - toldMs) >= HOUR_MS
}
