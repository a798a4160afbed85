import type { Span } from '../api.ts'

const MINUTE = 60_000
const UNITS: Readonly<Record<string, number>> = {
  m: MINUTE,
  h: 60 * MINUTE,
  d: 24 * 60 * MINUTE,
  w: 7 * 24 * 60 * MINUTE,
  y: 365 * 24 * 60 * MINUTE,
}

/** Those that there is a button for. */
export const SINCES = ['1h', '24h', '7d', '30d', '1y'] as const

/** "15m", "24h", "7d", "1y" in milliseconds; undefined where it is none. */
export function sinceMs(text: string): number | undefined {
  const match = /^(\d{1,4})([mhdwy])$/.exec(text)
  const unit = UNITS[match?.[2] ?? '']
  if (match === null || unit === undefined) return undefined
  return Number(match[1]) * unit || undefined
}

/**
 * The time that a view is about, of its address: `?since=24h`, up to now, or `?from=…&to=…` in milliseconds since 1970.
 * What makes no sense there is taken as the default.
 */
export function spanOf(query: URLSearchParams, nowMs: number, byDefault: string): Span {
  const [from, to] = [Number(query.get('from') ?? 'x'), Number(query.get('to') ?? 'x')]
  if (Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && from < to)
    return { fromMs: from, toMs: to }
  const length = sinceMs(query.get('since') ?? '') ?? sinceMs(byDefault) ?? UNITS.d ?? 0
  // Of the minute: the same view asks for the same, and what was answered can be kept.
  const end = Math.ceil(nowMs / MINUTE) * MINUTE
  return { fromMs: end - length, toMs: end }
}

/** Of the query, whether it is one up to now. */
export function isUpToNow(query: URLSearchParams): boolean {
  return !(query.has('from') && query.has('to'))
}

/** Which button is pressed; undefined with a time of one's own. */
export function chosenSince(query: URLSearchParams, byDefault: string): string | undefined {
  if (!isUpToNow(query)) return undefined
  const since = query.get('since') ?? ''
  return sinceMs(since) === undefined ? byDefault : since
}
