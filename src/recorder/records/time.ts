export interface Instant {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly epochMs: number
  /** The same instant in UTC with the fraction's digits as they were given, e.g. "2026-11-23T01:02:03.004005Z". */
  readonly text: string
}

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):(\d{2}))$/

/** Reads a timestamp of RFC 3339 section 5.6 (years 0001 to 9999, up to nanoseconds, no leap second). */
export function parseRfc3339(text: string): Instant | undefined {
  const match = RFC3339.exec(text)
  if (!match) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const fraction = match[7]
  const offsetHours = Number(match[9] ?? 0)
  const offsetMinutes = Number(match[10] ?? 0)
  if (hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  // The 31st of February would roll over into March.
  if (year < 1 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  date.setUTCHours(hour, minute, second)
  const offset = (offsetHours * 60 + offsetMinutes) * 60_000 * (match[8] === '-' ? -1 : 1)
  const wholeSeconds = date.getTime() - offset
  const millis = fraction === undefined ? 0 : Number(fraction.padEnd(3, '0').slice(0, 3))
  const iso = new Date(wholeSeconds).toISOString()
  // An offset can carry the first or the last day out of the four-digit years.
  if (iso.length !== 24 || iso.startsWith('0000')) return undefined
  return {
    epochMs: wholeSeconds + millis,
    text: `${iso.slice(0, 19)}${fraction === undefined ? '' : `.${fraction}`}Z`,
  }
}

/** The instant of a clock reading in milliseconds. */
export function instantOf(epochMs: number): Instant {
  return { epochMs, text: new Date(epochMs).toISOString() }
}
