const DAY_MS = 86_400_000

/** The UTC date of an instant, "2026-11-23". */
export function dateOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10)
}

/**
 * The date a record is filed under: its own, unless that is further back than what is kept or more than a day
 * ahead. A sender with a wrong clock then neither makes thousands of directories nor has its records deleted
 * at once; the record keeps its own time.
 */
export function partitionDate(recordMs: number, nowMs: number, retentionDays: number): string {
  const inWindow = recordMs <= nowMs + DAY_MS && recordMs >= nowMs - retentionDays * DAY_MS
  return dateOf(inWindow ? recordMs : nowMs)
}

/** Path of a segment below the data directory: Hive partitions, which DuckDB and the like read as columns. */
export function segmentPath(kind: string, date: string, sequence: number): string {
  return `kind=${kind}/date=${date}/${String(sequence).padStart(6, '0')}.ndjson`
}

export interface SegmentName {
  readonly kind: string
  readonly date: string
  readonly sequence: number
}

/** Reads a segment's path; undefined for anything that is not ours. */
export function parseSegmentPath(path: string): SegmentName | undefined {
  const match = /^kind=([a-z]{1,20})\/date=(\d{4}-\d{2}-\d{2})\/(\d{6,9})\.ndjson$/.exec(path)
  if (!match?.[1] || !match[2] || !match[3]) return undefined
  return { kind: match[1], date: match[2], sequence: Number(match[3]) }
}
