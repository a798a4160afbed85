import { filedDate } from '../archive/filing.ts'
import { KINDS, type KindName } from '../records/kinds.ts'
import { identifier, list, literal } from '../sql.ts'
import type { ArchiveFile } from './archive-files.ts'
import type { LineFile } from './segments.ts'

/** What a query reads of one kind. */
export interface Sources {
  readonly archive: readonly ArchiveFile[]
  /** Other files of the archive, whose records are read from one that has columns for the partitions too. */
  readonly compacted?: { readonly files: readonly ArchiveFile[]; readonly path: string }
  readonly lines: readonly LineFile[]
  /** All files of the archive have all columns of the kind: then they can be read without looking into each one first. */
  readonly uniform: boolean
  /** Where `lines` come from, and how their records are filed. */
  readonly site: string
  readonly retentionDays: number
}

/** Columns of every view beside those of its kind: the archive's partitions. */
export const PARTITION_COLUMNS = { site: 'VARCHAR', date: 'DATE' } as const

const MIN_OBJECT_BYTES = 1024 * 1024

/**
 * SQL for all records of a kind: its columns, then site and date. What a file has no column for, since an older release
 * wrote it, is null.
 */
export function relation(
  kind: KindName,
  { archive, compacted, lines, uniform, site, retentionDays }: Sources,
): string {
  const names = [...Object.keys(KINDS[kind].columns), ...Object.keys(PARTITION_COLUMNS)]
  const columns = names.map(identifier).join(', ')
  const parts: string[] = []
  if (archive.length > 0) {
    const files = `${list(archive.map(({ path }) => path))}, hive_partitioning = true, hive_types = {site: 'VARCHAR', "kind": 'VARCHAR', date: 'DATE'}`
    parts.push(
      uniform
        ? `SELECT ${columns} FROM read_parquet(${files})`
        : `SELECT ${columns} FROM (SELECT ${typedNulls(kind)} WHERE false UNION ALL BY NAME SELECT * FROM read_parquet(${files}, union_by_name = true))`,
    )
  }
  if (compacted !== undefined)
    parts.push(`SELECT ${columns} FROM read_parquet(${literal(compacted.path)}, hive_partitioning = false)`)
  for (const file of lines) {
    const converted = convertedDates(file, [...archive, ...(compacted?.files ?? [])], site).map(
      (date) => `DATE ${literal(date)}`,
    )
    const except = converted.length > 0 ? ` AND date NOT IN (${converted.join(', ')})` : ''
    const filed = filedDate({ takenMs: file.takenMs, retentionDays })
    parts.push(
      `SELECT ${columns} FROM (SELECT *, ${literal(site)} AS site, ${filed} AS date FROM ${readLines(file)}) WHERE "time" IS NOT NULL${except}`,
    )
  }
  return parts.join(' UNION ALL ') || `SELECT ${typedNulls(kind)} WHERE false`
}

/** The type of a column in a view: JSON is kept as its text. */
export function viewType(type: string): string {
  return type === 'JSON' ? 'VARCHAR' : type
}

function typedNulls(kind: KindName): string {
  const columns = { ...KINDS[kind].columns, ...PARTITION_COLUMNS }
  return Object.entries(columns)
    .map(([name, type]) => `NULL::${viewType(type)} AS ${identifier(name)}`)
    .join(', ')
}

/** SQL for the records in lines. A value that does not fit its column is null here, as it is after the conversion. */
export function readLines({ kind, path, longest, parquet }: LineFile): string {
  if (parquet !== undefined) return `read_parquet(${literal(parquet)}, hive_partitioning = false)`
  const columns = Object.entries(KINDS[kind].columns)
  const types = columns.map(([name, type]) => `${identifier(name)}: ${literal(type)}`).join(', ')
  const select = columns.map(([name, type]) =>
    type === 'JSON' ? `${identifier(name)}::VARCHAR AS ${identifier(name)}` : identifier(name),
  )
  const size = Math.max(MIN_OBJECT_BYTES, longest + 1024)
  return `(SELECT ${select.join(', ')} FROM read_json(${literal(path)}, format = 'newline_delimited', compression = 'uncompressed', ignore_errors = true, maximum_object_size = ${size}, columns = {${types}}))`
}

/** The dates for which the archive has this segment's records already: a pass is at work, or was interrupted. */
function convertedDates(file: LineFile, archive: readonly ArchiveFile[], site: string): string[] {
  const newer = archive.filter((other) => other.site === site && other.sequence >= file.sequence)
  return [...new Set(newer.map(({ date }) => date))].sort()
}
