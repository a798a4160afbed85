import { localTime } from '../query/when.ts'

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** "0 B", "999 B", "1.2 kB", "345 MB": powers of 1000, three digits at most. */
export function bytesText(bytes: number): string {
  let value = bytes
  let unit = 0
  // 999.5 would be rounded to 1000.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${value.toFixed(unit === 0 || value >= 99.95 ? 0 : 1)} ${UNITS[unit]}`
}

/** "12,345". */
export function countText(count: number): string {
  return count.toLocaleString('en-US')
}

/** "1 connection", "12,345 connections". */
export function countOf(count: number, noun: string, plural = 's'): string {
  return `${countText(count)} ${noun}${count === 1 ? '' : plural}`
}

/** "3 ms", "1.2 s", "2 min", "3 h", "5.1 d". */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  const [value, unit] =
    ms < 60_000
      ? [ms / 1000, 's']
      : ms < 3_600_000
        ? [ms / 60_000, 'min']
        : ms < 86_400_000
          ? [ms / 3_600_000, 'h']
          : [ms / 86_400_000, 'd']
  return `${value.toFixed(value >= 10 || Number.isInteger(value) ? 0 : 1)} ${unit}`
}

/** A moment (milliseconds since 1970) as people here read it: "2026-11-23 10:15:03". */
export function momentText(ms: number): string {
  return localTime(BigInt(Math.round(ms)) * 1000n).slice(0, 19)
}

/** The same without seconds: "2026-11-23 10:15". */
export function minuteText(ms: number): string {
  return momentText(ms).slice(0, 16)
}

/** "12.3 %"; what is there and next to nothing is "<0.1 %". */
export function shareText(share: number): string {
  if (share > 0 && share < 0.0005) return '<0.1 %'
  return `${(share * 100).toFixed(1)} %`
}
