import { parseRfc3339 } from '../records/time.ts'

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
}

/** Reads a duration like 90s, 5m, 2h, 3d, 1w or 1h30m, in milliseconds. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d{1,9}[smhdw])+$/.test(text)) return undefined
  return [...text.matchAll(/(\d+)([smhdw])/g)].reduce(
    (sum, [, n, unit]) => sum + Number(n) * (UNITS[unit ?? ''] ?? 0),
    0,
  )
}

/**
 * Reads a point in time, in milliseconds since 1970: a duration before `now`, "now", "today", "yesterday", a date, a date
 * with a time of day (both in the local time zone), or RFC 3339. A date alone is its first moment, or its last with
 * `end`. Undefined when it is none of these.
 */
export function parseWhen(text: string, now: number, end = false): number | undefined {
  const duration = parseDuration(text)
  if (duration !== undefined) return now - duration
  if (text === 'now') return now
  const today = new Date(now)
  if (text === 'today' || text === 'yesterday') {
    const day = today.getDate() - (text === 'today' ? 0 : 1)
    return dayAt(today.getFullYear(), today.getMonth(), day, end)
  }
  const date = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(text)
  if (!date) return parseRfc3339(text.replace(' ', 'T'))?.epochMs
  const [year, month, day, hour, minute, second] = date.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  if (hour > 23 || minute > 59 || second > 59) return undefined
  const at =
    date[4] === undefined
      ? dayAt(year, month - 1, day, end)
      : new Date(year, month - 1, day, hour, minute, second).getTime()
  // The 31st of February would roll over into March.
  return new Date(year, month - 1, day).getMonth() === month - 1 ? at : undefined
}

/** The first or the last millisecond of a day here. */
function dayAt(year: number, month: number, day: number, end: boolean): number {
  return end ? new Date(year, month, day + 1).getTime() - 1 : new Date(year, month, day).getTime()
}

/** An instant of microseconds since 1970 as people here read it: "2026-11-23 10:15:03.123". */
export function localTime(micros: bigint): string {
  const ms = Number(micros / 1000n)
  const at = new Date(ms)
  if (Number.isNaN(at.getTime())) return String(micros)
  const two = (n: number): string => String(n).padStart(2, '0')
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  const fraction = String(at.getMilliseconds()).padStart(3, '0')
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${fraction}`
}

/** The same in UTC, with all digits: "2026-11-23T01:15:03.123456Z" (RFC 3339). */
export function utcTime(micros: bigint): string {
  const seconds = micros >= 0n ? micros / 1_000_000n : (micros - 999_999n) / 1_000_000n
  const at = new Date(Number(seconds) * 1000)
  if (Number.isNaN(at.getTime())) return String(micros)
  return `${at.toISOString().slice(0, -5)}.${String(micros - seconds * 1_000_000n).padStart(6, '0')}Z`
}
