import { partitionsOf } from '../../recorder/archive/days.ts'
import { listArchive } from '../../recorder/archive/files.ts'
import { readUploads } from '../../recorder/archive/upload-state.ts'
import { number, rowsOf, text } from '../../recorder/ask/rows.ts'
import { archiveDirectory, partitionPath } from '../../recorder/layout.ts'
import type { Session } from '../../recorder/query/session.ts'
import { list } from '../../recorder/sql.ts'
import type { ArchiveReport } from '../api.ts'

const DAY_MS = 86_400_000
/** The days of the chart: as long as there is something, and two weeks however little. */
const MOST_DAYS = 365
const LEAST_DAYS = 14
/** Files whose rows are counted at once. */
const AT_ONCE = 500

type Kept = Pick<ArchiveReport, 'kinds' | 'daily'>

interface Day {
  readonly kind: string
  readonly date: string
  readonly bytes: number
  /** Files that are here. */
  readonly paths: readonly string[]
}

/** Looks at what the archive has, and remembers what cannot change. */
export class ArchiveLook {
  readonly #data: string
  /** A file's path below the archive → its rows; a file is never written again. */
  readonly #rows = new Map<string, number>()

  constructor(data: string) {
    this.#data = data
  }

  async kept(session: Session, nowMs: number): Promise<Kept> {
    const days = await this.#days()
    await this.#countRows(
      session,
      days.flatMap(({ paths }) => paths),
    )
    const kinds = [...Map.groupBy(days, ({ kind }) => kind)].map(([kind, its]) => {
      const dates = its.map(({ date }) => date).toSorted()
      const oldestMs = Date.parse(dates[0] ?? '')
      return {
        kind,
        days: new Set(dates).size,
        bytes: sum(its.map(({ bytes }) => bytes)),
        ...(Number.isFinite(oldestMs) && { oldestMs }),
        rows: sum(its.flatMap(({ paths }) => paths.map((path) => this.#rows.get(path) ?? 0))),
      }
    })
    return { kinds: kinds.toSorted((a, b) => b.bytes - a.bytes), daily: dailyOf(days, nowMs) }
  }

  /** A day's bytes are its objects' where it is only in the bucket, which says nothing of rows. */
  async #days(): Promise<Day[]> {
    const partitions = partitionsOf(await listArchive(this.#data))
    const days = new Map(
      partitions.map((partition): [string, Day] => [
        partitionPath(partition),
        {
          kind: partition.kind,
          date: partition.date,
          bytes: sum(partition.files.map(({ bytes }) => bytes)),
          paths: partition.files.map(({ path }) => path),
        },
      ]),
    )
    for (const [path, { objects, released }] of await readUploads(this.#data)) {
      const [, kind, date] = /\/kind=([a-z]+)\/date=([\d-]{10})$/.exec(path) ?? []
      if (!released || kind === undefined || date === undefined) continue
      const here = days.get(path)
      const bytes = sum(Object.values(objects).map((object) => object.bytes))
      days.set(path, { kind, date, paths: [], ...here, bytes: bytes + (here?.bytes ?? 0) })
    }
    return [...days.values()]
  }

  async #countRows(session: Session, paths: readonly string[]): Promise<void> {
    const there = new Set(paths)
    for (const path of this.#rows.keys()) if (!there.has(path)) this.#rows.delete(path)
    const unknown = paths.filter((path) => !this.#rows.has(path))
    const root = archiveDirectory(this.#data)
    for (let i = 0; i < unknown.length; i += AT_ONCE) {
      const some = unknown.slice(i, i + AT_ONCE)
      const files = list(some.map((path) => `${root}/${path}`))
      const rows = await rowsOf(
        session,
        [],
        `SELECT file_name, num_rows::DOUBLE AS n FROM parquet_file_metadata(${files})`,
      )
      for (const row of rows)
        this.#rows.set((text(row.file_name) ?? '').slice(root.length + 1), number(row.n))
    }
  }
}

function dailyOf(days: readonly Day[], nowMs: number): ArchiveReport['daily'] {
  const today = Math.floor(nowMs / DAY_MS)
  const values = Array.from({ length: MOST_DAYS }, () => 0)
  for (const { date, bytes } of days) {
    const at = MOST_DAYS - 1 - (today - Math.floor(Date.parse(date) / DAY_MS))
    const before = values[at]
    if (before !== undefined) values[at] = before + bytes
  }
  const first = values.findIndex((bytes, i) => bytes > 0 || i === MOST_DAYS - LEAST_DAYS)
  return {
    fromMs: (today - (MOST_DAYS - 1) + first) * DAY_MS,
    partMs: DAY_MS,
    values: values.slice(first),
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
