const DAY_MS = 86_400_000

/** The UTC date of an instant, "2026-11-23". */
export function dateOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10)
}

export interface Filing {
  /** When the records came, milliseconds since 1970. */
  readonly takenMs: number
  readonly retentionDays: number
}

export function isDate(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text)
}

/**
 * SQL for the date under which a record is filed: that of its own `time`, unless that is further back than what is kept
 * or more than a day ahead of when it came. A sender with a wrong clock then neither makes thousands of partitions nor
 * has its records deleted at once; the record keeps its own time.
 */
export function filedDate({ takenMs, retentionDays }: Filing): string {
  const from = instant(takenMs - retentionDays * DAY_MS)
  const to = instant(takenMs + DAY_MS)
  return `CASE WHEN "time" BETWEEN ${from} AND ${to} THEN "time"::DATE ELSE ${instant(takenMs)}::DATE END`
}

/** An instant in SQL, UTC. */
export function instant(epochMs: number): string {
  return `make_timestamp(${Math.round(epochMs) * 1000})`
}
