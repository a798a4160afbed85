/** Without a sign of life for this long a process is ended. */
const SILENT_MS = 5000
/** When connection tracking is over half full, for this long. */
const SILENT_FULL_MS = 2000
/** Until its first sign of life. */
const START_MS = 20_000

export interface Observed {
  /** Since the process started, and since it last said that it reads; undefined when it never did. */
  readonly aliveMs: number
  readonly silentMs: number | undefined
  /** What it said itself: for how long it has not read what the kernel has for it. */
  readonly undrainedMs: number
  /** Of connection tracking; undefined where it cannot be seen. */
  readonly tracked: { readonly count: number; readonly max: number } | undefined
}

/**
 * Why a process must be ended, if it must. A flow watcher that does not read makes the kernel keep connections that are
 * over, since their ends are delivered reliably, until there is no room for new ones: closing its socket frees them.
 */
export function judge({ aliveMs, silentMs, undrainedMs, tracked }: Observed): string | undefined {
  if (silentMs === undefined) return aliveMs > START_MS ? 'it did not start' : undefined
  const idle = Math.max(silentMs, undrainedMs)
  if (idle > SILENT_MS) return `it has not read for ${(idle / 1000).toFixed(1)} s`
  const full = tracked !== undefined && tracked.count * 2 > tracked.max
  return full && idle > SILENT_FULL_MS
    ? `it has not read for ${(idle / 1000).toFixed(1)} s, and connection tracking has ${tracked.count} of ${tracked.max}`
    : undefined
}
