import type { Series, Span } from '../api.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** With so many of each at most. */
const PARTS = [
  { partMs: MINUTE, most: 120 },
  { partMs: 5 * MINUTE, most: 120 },
  { partMs: 15 * MINUTE, most: 120 },
  { partMs: HOUR, most: 120 },
  { partMs: 6 * HOUR, most: 150 },
  { partMs: DAY, most: 400 },
  { partMs: 7 * DAY, most: 800 },
  { partMs: 28 * DAY, most: 2000 },
  { partMs: 364 * DAY, most: Number.POSITIVE_INFINITY },
] as const

/** How a time is divided: `count` parts of `partMs` from `fromMs` on. */
export interface Parts {
  readonly fromMs: number
  readonly partMs: number
  readonly count: number
}

/**
 * Parts of a time that are good to look at: they begin when an hour or a day does where the router is. The first may begin
 * before the time. Where clocks are put forward or back in between, parts follow the clock at the end.
 */
export function partsOf({ fromMs, toMs }: Span, timezone: string): Parts {
  const length = toMs - fromMs
  const fitting = PARTS.find(({ partMs, most }) => length / partMs <= most)
  return partsOfLength({ fromMs, toMs }, fitting?.partMs ?? length, timezone)
}

export function partsOfLength({ fromMs, toMs }: Span, partMs: number, timezone: string): Parts {
  const offset = offsetMs(toMs, timezone)
  const from = Math.floor((fromMs + offset) / partMs) * partMs - offset
  return { fromMs: from, partMs, count: Math.max(1, Math.ceil((toMs - from) / partMs)) }
}

/** SQL for the number of the part that a record's time lies in. */
export function partSql({ fromMs, partMs }: Parts, column = '"time"'): string {
  return `((epoch_ms(${column}) - ${Math.round(fromMs)}) // ${Math.round(partMs)})::INTEGER`
}

/** The series of what was counted by part. */
export function seriesOf({ fromMs, partMs, count }: Parts, values: ReadonlyMap<number, number>): Series {
  return { fromMs, partMs, values: Array.from({ length: count }, (_, i) => values.get(i) ?? 0) }
}

/** How far the clocks of a time zone are ahead of UTC at a moment. */
function offsetMs(ms: number, timezone: string): number {
  const clock = Object.fromEntries(
    formatOf(timezone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, Number(value)]),
  )
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = clock
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000
}

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(timezone: string): Intl.DateTimeFormat {
  const known = formats.get(timezone)
  if (known) return known
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  formats.set(timezone, format)
  return format
}
