/** When to try again after failures in a row; a file holds it, because every pass is a new process. */
export interface BackOff {
  readonly failures: number
  /** Epoch milliseconds. */
  readonly until: number
  /** What was said. */
  readonly problem: string
  readonly waitsFor: 'time' | 'user'
}

const FIRST_MS = 30_000
const MOST_MS = 3_600_000
/** What a person must mend is not mended in a minute. */
const USER_MS = 300_000

/** The next pause: exponential, up to an hour, with full jitter so that many routers do not come at once. */
export function backOff(
  before: BackOff | undefined,
  failure: { readonly kind: string; readonly message: string },
  now: number,
  random: () => number = Math.random,
): BackOff {
  const failures = (before?.failures ?? 0) + 1
  const user = failure.kind === 'user'
  const ceiling = Math.min(MOST_MS, (user ? USER_MS : FIRST_MS) * 2 ** Math.min(failures - 1, 20))
  return {
    failures,
    until: now + Math.round(random() * ceiling),
    problem: failure.message,
    waitsFor: user ? 'user' : 'time',
  }
}

/** Whether it is time; a clock that jumped back does not make us wait longer than the longest pause. */
export function mayTry(state: BackOff | undefined, now: number): boolean {
  return state === undefined || now >= state.until || state.until - now > MOST_MS
}
