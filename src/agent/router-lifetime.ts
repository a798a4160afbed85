/** A default route must have been there this long before hosts are told of it, in milliseconds. */
export const ROUTE_SETTLE_MS = 1000
/** And gone this long before they are told to forget us: a renewal or a new advertisement may replace it. */
export const ROUTE_GRACE_MS = 5000

/**
 * Whether to announce ourselves as a default router (RFC 7084 section 4.3, G-4): the default route's presence,
 * with short changes left out. Times are milliseconds on one monotonic clock.
 */
export class RouterLifetime {
  #announced: boolean | undefined
  /** When the route was first seen to differ from what is announced. */
  #differsSince: number | undefined

  /** Takes the route's presence now and returns what to announce. */
  observe(present: boolean, now: number): boolean {
    // The first look decides at once: after a start there is nothing to smooth.
    this.#announced ??= present
    if (present === this.#announced) {
      this.#differsSince = undefined
      return present
    }
    this.#differsSince ??= now
    if (now - this.#differsSince >= (present ? ROUTE_SETTLE_MS : ROUTE_GRACE_MS)) {
      this.#announced = present
      this.#differsSince = undefined
    }
    return this.#announced
  }
}
