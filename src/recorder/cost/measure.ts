import { stat } from 'node:fs/promises'
import { type PartitionFiles, partitionsOf } from '../archive/days.ts'
import { listArchive } from '../archive/files.ts'
import { dateOf } from '../archive/filing.ts'
import { type PartitionUpload, readUploads } from '../archive/upload-state.ts'
import { readUsage, type UsageDays } from '../archive/usage.ts'
import { partitionPath } from '../layout.ts'
import { type DayBytes, logBytes } from './log-bytes.ts'

export interface KindRate {
  readonly bytesPerDay: number
  /** PUT and LIST; GET and HEAD. */
  readonly putsPerDay: number
  readonly getsPerDay: number
}

export interface Measure {
  /** By kind, and "-" for requests that are of none. */
  readonly kinds: Readonly<Record<string, KindRate>>
  /** Everything that is kept now: in the bucket, and here what is not there yet. */
  readonly storedBytes: number
  /** Of them, what waits in the log for its conversion: about, before it is Parquet. */
  readonly logBytes: number
  /** Whole days that were looked at; 0: only a part of today, of which a day was made. */
  readonly days: number
  /** The last of them, or today. */
  readonly until: string
  /** Requests were counted; else they are what one object a kind and day, put hourly, would take. */
  readonly requestsCounted: boolean
}

const DAY_MS = 86_400_000
const WINDOW_DAYS = 30
const LEAST_MS = 15 * 60_000
/** Once an hour, and once sorted. */
const PUTS_PER_DAY = 25

/** What the records of a data directory grow by in a day, from files, log and counts; undefined while there are none. */
export async function measure(data: string, now: number): Promise<Measure | undefined> {
  const partitions = partitionsOf(await listArchive(data))
  const bytes = dayBytes(partitions, await readUploads(data))
  const waiting = await logBytes(data)
  const began = await stat(data).then(({ birthtimeMs }) => birthtimeMs)
  const measured = rates([...bytes, ...waiting], await readUsage(data), now, began)
  return measured && { ...measured, logBytes: waiting.reduce((sum, { bytes }) => sum + bytes, 0) }
}

/** A partition's size is its objects'; that of its files where the bucket has none. */
function dayBytes(
  partitions: readonly PartitionFiles[],
  uploads: ReadonlyMap<string, PartitionUpload>,
): DayBytes[] {
  const found = new Map<string, DayBytes>()
  for (const partition of partitions) {
    const bytes = partition.files.reduce((sum, file) => sum + file.bytes, 0)
    found.set(partitionPath(partition), { kind: partition.kind, date: partition.date, bytes })
  }
  for (const [path, { objects }] of uploads) {
    const [, kind, date] = /\/kind=([a-z]+)\/date=([\d-]{10})$/.exec(path) ?? []
    const bytes = Object.values(objects).reduce((sum, object) => sum + object.bytes, 0)
    if (kind && date) found.set(path, { kind, date, bytes })
  }
  return [...found.values()]
}

/** The mean of the last whole days, at most 30; before the first is over, today's share is made a day. */
export function rates(
  all: readonly DayBytes[],
  usage: UsageDays,
  now: number,
  began: number,
): Omit<Measure, 'logBytes'> | undefined {
  const storedBytes = all.reduce((sum, { bytes }) => sum + bytes, 0)
  if (storedBytes === 0) return undefined
  const today = dateOf(now)
  const first = dateOf(now - WINDOW_DAYS * DAY_MS)
  const whole = all.filter(({ date }) => date >= first && date < today)
  const oldest = whole.map(({ date }) => date).toSorted()[0]
  const days = oldest === undefined ? 0 : Math.round((Date.parse(today) - Date.parse(oldest)) / DAY_MS)
  const midnight = Date.parse(today)
  const share = Math.max(LEAST_MS, now - Math.max(midnight, Math.min(began, now))) / DAY_MS
  const divisor = days > 0 ? days : Math.min(1, share)

  const counted = days > 0 ? whole : all.filter(({ date }) => date >= first)
  const requests = Object.entries(usage).filter(
    ([date]) => date >= (oldest ?? first) && (days > 0 ? date < today : true),
  )
  const names = new Set([
    ...counted.map(({ kind }) => kind),
    ...requests.flatMap(([, day]) => Object.keys(day)),
  ])
  const requestsCounted = requests.length > 0
  const kinds = [...names].toSorted().map((kind): [string, KindRate] => {
    const ofKind = requests.flatMap(([, day]) => (day[kind] ? [day[kind]] : []))
    const puts = ofKind.reduce((sum, { put, list }) => sum + put + list, 0)
    const gets = ofKind.reduce((sum, { get, head }) => sum + get + head, 0)
    const bytes = counted.filter((day) => day.kind === kind).reduce((sum, day) => sum + day.bytes, 0)
    return [
      kind,
      {
        bytesPerDay: bytes / divisor,
        // The first hours of a bucket are no measure: a day that began has its first put at once.
        putsPerDay: requestsCounted && days > 0 ? puts / days : kind === '-' ? 0 : PUTS_PER_DAY,
        getsPerDay: requestsCounted && days > 0 ? gets / days : 0,
      },
    ]
  })
  const until = days > 0 ? dateOf(Date.parse(today) - DAY_MS) : today
  return {
    kinds: Object.fromEntries(kinds),
    storedBytes,
    days,
    until,
    requestsCounted: requestsCounted && days > 0,
  }
}
