import { language } from './i18n/messages.ts'
import { timezone } from './session.ts'

const BYTES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
const BITS = ['bps', 'kbps', 'Mbps', 'Gbps', 'Tbps']

/** "0 B", "1.2 kB", "345 MB": powers of 1000, three digits at most, as the commands print them. */
export function bytes(value: number): string {
  return scaled(value, BYTES)
}

/** Bytes per second as lines are sold: "12.3 Mbps". */
export function rate(bytesPerSecond: number): string {
  return scaled(bytesPerSecond * 8, BITS)
}

function scaled(value: number, units: readonly string[]): string {
  let rest = Math.max(0, value)
  let unit = 0
  // 999.5 would be rounded to 1000.
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1000
    unit += 1
  }
  return `${rest.toFixed(unit === 0 || rest >= 99.95 ? 0 : 1)} ${units[unit]}`
}

/** "12,345". */
export function count(value: number): string {
  return new Intl.NumberFormat(language.value).format(value)
}

/** Of 0 to 1: "93.4%". */
export function percent(ratio: number): string {
  return new Intl.NumberFormat(language.value, { style: 'percent', maximumFractionDigits: 1 }).format(ratio)
}

export function yen(value: number): string {
  const digits = value < 10 ? 1 : 0
  return new Intl.NumberFormat(language.value, {
    style: 'currency',
    currency: 'JPY',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value)
}

/** Microseconds: "850 µs", "12 ms", "1.2 s". */
export function latency(micros: number): string {
  if (micros < 1000) return `${Math.round(micros)} µs`
  if (micros < 1_000_000) return `${(micros / 1000).toFixed(micros < 9950 ? 1 : 0)} ms`
  return `${(micros / 1_000_000).toFixed(1)} s`
}

/** Milliseconds in the largest unit that fits: "3 min", "2 hr". */
export function duration(ms: number): string {
  const [value, unit] =
    ms < 1000
      ? [ms, 'millisecond']
      : ms < 60_000
        ? [ms / 1000, 'second']
        : ms < 3_600_000
          ? [ms / 60_000, 'minute']
          : ms < 86_400_000
            ? [ms / 3_600_000, 'hour']
            : [ms / 86_400_000, 'day']
  return new Intl.NumberFormat(language.value, {
    style: 'unit',
    unit,
    unitDisplay: 'short',
    maximumFractionDigits: value < 10 ? 1 : 0,
  }).format(value)
}

/** "5 min. ago", and soon things too; by the reader's clock. */
export function ago(ms: number): string {
  const seconds = (ms - Date.now()) / 1000
  const size = Math.abs(seconds)
  const [value, unit] =
    size < 60
      ? [seconds, 'second' as const]
      : size < 3600
        ? [seconds / 60, 'minute' as const]
        : size < 86_400
          ? [seconds / 3600, 'hour' as const]
          : size < 60 * 86_400
            ? [seconds / 86_400, 'day' as const]
            : size < 730 * 86_400
              ? [seconds / (30.44 * 86_400), 'month' as const]
              : [seconds / (365.25 * 86_400), 'year' as const]
  return new Intl.RelativeTimeFormat(language.value, { numeric: 'auto', style: 'short' }).format(
    Math.trunc(value),
    unit,
  )
}

type Shape = 'clock' | 'minute' | 'day' | 'date' | 'moment' | 'full' | 'month'

const SHAPES: Readonly<Record<Shape, Intl.DateTimeFormatOptions>> = {
  clock: { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' },
  minute: { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  day: { month: 'short', day: 'numeric' },
  date: { year: 'numeric', month: 'short', day: 'numeric' },
  month: { year: 'numeric', month: 'short' },
  moment: { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  full: { dateStyle: 'medium', timeStyle: 'long', hourCycle: 'h23' },
}

/** Formats are costly to make, and a table needs hundreds. */
const made = new Map<string, Intl.DateTimeFormat>()

function shaped(shape: Shape, ms: number): string {
  const key = `${shape} ${language.value} ${timezone.value}`
  const format = made.get(key) ?? dateFormat(language.value, SHAPES[shape])
  made.set(key, format)
  return format.format(ms)
}

function dateFormat(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat(locale, { ...options, timeZone: timezone.value })
  } catch {
    // A zone that is too new for this browser: UTC is at least no lie, since `full` names it.
    return new Intl.DateTimeFormat(locale, { ...options, timeZone: 'UTC' })
  }
}

/** "Nov 27, 2026". */
export function date(ms: number): string {
  return shaped('date', ms)
}

/** "14:03". */
export function minute(ms: number): string {
  return shaped('minute', ms)
}

/** "Nov 27". */
export function day(ms: number): string {
  return shaped('day', ms)
}

/** "Nov 27, 14:03". */
export function moment(ms: number): string {
  return shaped('moment', ms)
}

/** With its date, seconds and zone: for titles. */
export function full(ms: number): string {
  return shaped('full', ms)
}

/** The shortest that is clear: today's by the clock, this half year's by the day, older by the month. */
export function when(ms: number): string {
  const now = Date.now()
  if (shaped('day', ms) === shaped('day', now) && Math.abs(now - ms) < 86_400_000) return shaped('clock', ms)
  return Math.abs(now - ms) < 180 * 86_400_000 ? moment(ms) : `${shaped('month', ms)} ${minute(ms)}`
}

/** A tick of an axis whose whole length is `lengthMs`. */
export function tick(ms: number, lengthMs: number): string {
  if (lengthMs <= 2 * 86_400_000) return minute(ms)
  return lengthMs <= 400 * 86_400_000 ? day(ms) : shaped('month', ms)
}
