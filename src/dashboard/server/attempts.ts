import { parseIp } from '../../lib/ip.ts'

/** How many may fail before there is a wait, and how long that grows. */
export interface Patience {
  readonly free: number
  readonly firstMs: number
  readonly longestMs: number
  /** Failures are forgotten when there was none for so long. */
  readonly forgetMs: number
}

const SOURCE: Patience = { free: 5, firstMs: 2000, longestMs: 15 * 60_000, forgetMs: 60 * 60_000 }
/**
 * Of everybody together, so that many sources are no way around the above. Whoever guesses from many may keep others
 * from signing in with the password, and never with a link.
 */
const ALL: Patience = { free: 40, firstMs: 1000, longestMs: 60_000, forgetMs: 15 * 60_000 }
const MAX_SOURCES = 1024

interface Failures {
  count: number
  lastMs: number
}

/**
 * Slows down who guesses passwords: each failure after the first few doubles how long its source has to wait. Nothing of
 * it outlives the process, and its memory is bounded: the source that was quiet for longest is forgotten first.
 */
export class Attempts {
  readonly #sources = new Map<string, Failures>()
  readonly #all: Failures = { count: 0, lastMs: Number.NEGATIVE_INFINITY }
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /**
   * Counts an attempt as failed before it is judged, so that many at once are no more than one after the other. Returns
   * how many milliseconds there are to wait, and counts nothing then; 0 when it may be judged.
   */
  begin(address: string): number {
    const now = this.#now()
    const source = sourceOf(address)
    const failures = this.#sources.get(source) ?? { count: 0, lastMs: Number.NEGATIVE_INFINITY }
    const wait = Math.max(waitOf(failures, SOURCE, now), waitOf(this.#all, ALL, now))
    if (wait > 0) return Math.ceil(wait)
    this.#sources.delete(source)
    this.#sources.set(source, counted(failures, SOURCE, now))
    Object.assign(this.#all, counted(this.#all, ALL, now))
    for (const oldest of this.#sources.keys()) {
      if (this.#sources.size <= MAX_SOURCES) break
      this.#sources.delete(oldest)
    }
    return 0
  }

  /** The attempt that was begun was right: who knows the password need not wait. */
  succeeded(address: string): void {
    this.#sources.delete(sourceOf(address))
    this.#all.count = Math.max(0, this.#all.count - 1)
  }
}

function counted({ count, lastMs }: Failures, { forgetMs }: Patience, now: number): Failures {
  return { count: now - lastMs > forgetMs ? 1 : count + 1, lastMs: now }
}

function waitOf({ count, lastMs }: Failures, patience: Patience, now: number): number {
  const { free, firstMs, longestMs, forgetMs } = patience
  if (count < free || now - lastMs > forgetMs) return 0
  return Math.max(0, lastMs + Math.min(longestMs, firstMs * 2 ** (count - free)) - now)
}

/** An IPv4 address, or the /64 of an IPv6 one: a host has all of those addresses (RFC 4291 section 2.5.1). */
function sourceOf(address: string): string {
  const ip = parseIp(address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, ''))
  if (ip === undefined) return 'unknown'
  return ip.version === 4 ? `${ip.value}` : `${ip.value >> 64n}::`
}
