import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { archiveDirectory, currentFiles, type Partition } from '../layout.ts'
import { isKindName, type KindName } from '../records/kinds.ts'

/** A Parquet file that is read. */
export interface ArchiveFile extends Partition {
  readonly path: string
  /** The newest segment in it. */
  readonly sequence: number
}

/** UTC dates, inclusive, "2026-11-23". */
export interface DateRange {
  readonly from?: string
  readonly to?: string
}

/**
 * The files that together are the archive's records of these kinds, each record once; the newest date first. Not
 * DuckDB's glob: that lists every directory, and knows nothing of days that replace their parts.
 */
export function archiveFiles(
  data: string,
  kinds: ReadonlySet<KindName>,
  dates: DateRange = {},
): ArchiveFile[] {
  const root = archiveDirectory(data)
  const files: ArchiveFile[] = []
  for (const site of values(root, 'site')) {
    for (const kind of values(join(root, `site=${site}`), 'kind')) {
      if (!isKindName(kind) || !kinds.has(kind)) continue
      const above = join(root, `site=${site}`, `kind=${kind}`)
      for (const date of values(above, 'date')) {
        // Who had an address at some time may have got it long before.
        if (kind !== 'devices' && !inRange(date, dates)) continue
        const directory = join(above, `date=${date}`)
        for (const name of currentFiles(names(directory)))
          files.push({ site, kind, date, path: join(directory, name), sequence: sequenceOf(name) })
      }
    }
  }
  return files.sort((a, b) => (a.date < b.date ? 1 : a.date > b.date ? -1 : 0))
}

export function inRange(date: string, { from, to }: DateRange): boolean {
  return (
    /^\d{4}-\d{2}-\d{2}$/.test(date) &&
    (from === undefined || date >= from) &&
    (to === undefined || date <= to)
  )
}

function sequenceOf(name: string): number {
  return Number(/(\d+)\.parquet$/.exec(name)?.[1] ?? 0)
}

function values(path: string, key: string): string[] {
  return names(path).flatMap((name) => (name.startsWith(`${key}=`) ? [name.slice(key.length + 1)] : []))
}

function names(path: string): string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    // The archive deletes days while we look.
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw error
  }
}
