const JUMP_MS = 2 * 86_400_000
const SETTLE_MS = 86_400_000

export interface ClockReading {
  /** Wall clock, milliseconds since 1970. */
  readonly wallMs: number
  /** A clock that only runs forward, milliseconds. */
  readonly monotonicMs: number
}

/**
 * Whether the wall clock may decide that records are too old. A router can start with a clock that is years ahead;
 * deleting by age would then empty the store within a minute. After a jump of more than two days (between runs too)
 * the clock has to go on without another for a day; until then only the limit in bytes deletes.
 */
export class ClockTrust {
  #last: ClockReading | undefined
  #wallAtLastRun: number | undefined
  #doubtUntil = Number.NEGATIVE_INFINITY

  /** `wallAtLastRun`: the wall clock that the previous run saw last. */
  constructor(wallAtLastRun: number | undefined) {
    this.#wallAtLastRun = wallAtLastRun
  }

  /** Takes a reading; call it at least hourly. */
  trusted(now: ClockReading): boolean {
    const expected = this.#last
      ? this.#last.wallMs + (now.monotonicMs - this.#last.monotonicMs)
      : (this.#wallAtLastRun ?? now.wallMs)
    if (Math.abs(now.wallMs - expected) > JUMP_MS) this.#doubtUntil = now.monotonicMs + SETTLE_MS
    this.#last = now
    return now.monotonicMs >= this.#doubtUntil
  }
}
