import { KINDS, type KindName } from '../records/kinds.ts'
import { identifier, literal } from '../sql.ts'
import type { Engine } from './engine.ts'

/*
 * How our Parquet files are written. Small row groups make statistics sharp (a name or an address of a sorted day is in
 * one or two of them), keep the writer's memory small, and cost nothing: their dictionaries have shorter indices.
 * DuckDB writes a bloom filter for each column of a row group that has a dictionary, which is where values come five
 * times or more on average: names and addresses, unless statistics are as sharp; not times, nor durations, which only
 * grow with one (the row by a tenth).
 */

const ROW_GROUP_BYTES = 8 * 1024 * 1024
/** DuckDB writes whole vectors. */
const VECTOR_ROWS = 2048
/** Different values in a row group, by its rows. */
const DICTIONARY_SHARE = 0.2
const DICTIONARY_BYTES = 8 * 1024 * 1024

export interface ParquetOptions {
  /** Rows in a row group, at most; fewer when they are long. */
  readonly groupRows: number
  readonly codec: 'lz4' | 'zstd'
  readonly level?: number
}

/** What a segment brought: read often, and for a day only. */
export const PART: ParquetOptions = { groupRows: 5 * VECTOR_ROWS, codec: 'zstd', level: 3 }
/** A finished day: kept for years. */
export const DAY: ParquetOptions = { groupRows: 10 * VECTOR_ROWS, codec: 'zstd', level: 9 }
/** A file that is read once and deleted. */
export const SLICE: ParquetOptions = { groupRows: 10 * VECTOR_ROWS, codec: 'lz4' }

export interface Size {
  readonly rows: number
  /** Bytes that the rows had as NDJSON: what they take in memory, roughly. */
  readonly bytes: number
}

/** Writes a query's rows into a Parquet file, which says in its metadata how large they were as NDJSON; how many they are. */
export async function writeParquet(
  engine: Engine,
  query: string,
  path: string,
  { rows, bytes }: Size,
  options: ParquetOptions,
): Promise<number> {
  const average = Math.max(1, bytes / Math.max(1, rows))
  const fitting = Math.floor(ROW_GROUP_BYTES / average / VECTOR_ROWS) * VECTOR_ROWS
  const groupRows = Math.max(VECTOR_ROWS, Math.min(options.groupRows, fitting))
  const settings = [
    'FORMAT parquet',
    `COMPRESSION ${options.codec}`,
    ...(options.level === undefined ? [] : [`COMPRESSION_LEVEL ${options.level}`]),
    `ROW_GROUP_SIZE ${groupRows}`,
    `DICTIONARY_SIZE_LIMIT ${Math.floor(groupRows * DICTIONARY_SHARE)}`,
    `STRING_DICTIONARY_PAGE_SIZE_LIMIT ${DICTIONARY_BYTES}`,
    `KV_METADATA {ndjson_bytes: '${Math.round(bytes)}'}`,
  ]
  const [written] = await engine.rows(`COPY (${query}) TO ${literal(path)} (${settings.join(', ')})`)
  return Number(written?.Count)
}

/** The rows and NDJSON bytes of Parquet files of ours together. */
export async function sizeOf(engine: Engine, paths: readonly string[]): Promise<Size> {
  const [size] = await engine.rows(
    `SELECT (SELECT sum(num_rows) FROM parquet_file_metadata(${list(paths)}))::DOUBLE AS rows,
      (SELECT sum(try_cast(value::VARCHAR AS UBIGINT)) FROM parquet_kv_metadata(${list(paths)})
        WHERE key::VARCHAR = 'ndjson_bytes')::DOUBLE AS bytes`,
  )
  const rows = Number(size?.rows ?? 0)
  return { rows, bytes: Number(size?.bytes ?? rows * 512) }
}

/** Files as a table of their kind; columns that an older release did not write are null. */
export function table(kind: KindName, paths: readonly string[]): string {
  return `(SELECT ${columns(kind)} FROM (SELECT ${emptyColumns(kind)} WHERE false
    UNION ALL BY NAME SELECT * FROM read_parquet(${list(paths)}, union_by_name = true, hive_partitioning = false)))`
}

export function columns(kind: KindName): string {
  return Object.keys(KINDS[kind].columns).map(identifier).join(', ')
}

/** The columns by which a kind is sorted; `time` is always one of them. */
export function sortColumns(kind: KindName): string[] {
  const { sort } = KINDS[kind]
  return [...new Set([...sort, 'time'])].map(identifier)
}

function emptyColumns(kind: KindName): string {
  return Object.entries(KINDS[kind].columns)
    .map(([name, type]) => `NULL::${type === 'JSON' ? 'VARCHAR' : type} AS ${identifier(name)}`)
    .join(', ')
}

function list(paths: readonly string[]): string {
  return `[${paths.map(literal).join(', ')}]`
}
