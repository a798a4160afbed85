import { rm } from 'node:fs/promises'
import type { KindName } from '../records/kinds.ts'
import type { Engine } from './engine.ts'
import { type ParquetOptions, type Size, SLICE, sizeOf, sortColumns, table, writeParquet } from './parquet.ts'

/** NDJSON bytes that are sorted at once: DuckDB takes three times as much for it. */
const SLICE_BYTES = 48 * 1024 * 1024
const SAMPLES_PER_SLICE = 500

/**
 * Merges Parquet files of a kind into a new one, sorted, in memory that does not depend on how many rows they have:
 * a sample of the sort keys tells where to cut, the rows between two cuts are sorted into a file of their own, and these
 * are copied one after the other. Cuts are whole keys, so that a name with half of all rows is cut as well; and each row
 * lies between two cuts, however the sample fell. Leaves nothing but `output`.
 */
export async function mergeFiles(
  engine: Engine,
  kind: KindName,
  inputs: readonly string[],
  output: string,
  options: ParquetOptions,
  onProgress: () => void = () => undefined,
  sliceBytes = SLICE_BYTES,
): Promise<Size> {
  const size = await sizeOf(engine, inputs)
  const order = sortColumns(kind).join(', ')
  const source = table(kind, inputs)
  const count = Math.ceil(size.bytes / sliceBytes)
  if (count <= 1) {
    check(
      await writeParquet(engine, `SELECT * FROM ${source} ORDER BY ${order}`, output, size, options),
      size,
    )
    return size
  }
  const slices: string[] = []
  try {
    const cuts = await makeCuts(engine, kind, source, count)
    for (let i = 0; i <= cuts.length; i++) {
      const path = `${output}.${String(i).padStart(6, '0')}`
      slices.push(path)
      const share = { rows: size.rows / (cuts.length + 1), bytes: size.bytes / (cuts.length + 1) }
      const rows = `SELECT * FROM ${source} WHERE ${between(kind, cuts[i - 1], cuts[i])} ORDER BY ${order}`
      await writeParquet(engine, rows, path, share, SLICE)
      onProgress()
    }
    await engine.run('SET preserve_insertion_order = true')
    check(await writeParquet(engine, `SELECT * FROM ${table(kind, slices)}`, output, size, options), size)
    onProgress()
    return size
  } finally {
    await engine.run('SET preserve_insertion_order = false')
    await engine.run('DROP TABLE IF EXISTS cuts')
    for (const path of slices) await rm(path, { force: true })
  }
}

function check(rows: number, size: Size): void {
  if (rows !== size.rows) throw new Error(`${rows} rows were merged of ${size.rows}`)
}

/** A key in the table `cuts`, numbered from 1. */
interface Cut {
  readonly number: number
  /** Its first column is NULL, and so is that of all rows behind it. */
  readonly open: boolean
}

/** Makes a table `cuts` (i, key) that divides the rows into about `count` equal slices. */
async function makeCuts(engine: Engine, kind: KindName, source: string, count: number): Promise<Cut[]> {
  const samples = count * SAMPLES_PER_SLICE
  await engine.run(
    `CREATE OR REPLACE TEMP TABLE cuts AS
      WITH sample AS (SELECT ${key(kind)} AS key FROM ${source} USING SAMPLE reservoir(${samples} ROWS) REPEATABLE (1)),
      numbered AS (SELECT key, row_number() OVER (ORDER BY key) - 1 AS n FROM sample),
      chosen AS (SELECT DISTINCT key FROM numbered WHERE n > 0 AND n % ${SAMPLES_PER_SLICE} = 0)
      SELECT key, row_number() OVER (ORDER BY key) AS i FROM chosen`,
  )
  const rows = await engine.rows('SELECT i::INTEGER AS number, key.k0 IS NULL AS open FROM cuts ORDER BY i')
  return rows.map(({ number, open }) => ({ number: Number(number), open: open === true }))
}

/**
 * The rows from one cut to before the next; undefined: from the first, to the last. Keys are compared as structs, in
 * which NULL is the greatest, as in ORDER BY. The conditions on the first column alone are for the statistics, which then
 * leave most row groups out; they are as simple as can be, since DuckDB does that for no other (ten times the work).
 */
function between(kind: KindName, from: Cut | undefined, to: Cut | undefined): string {
  const first = sortColumns(kind)[0]
  const conditions = ['true']
  if (from) {
    conditions.push(`${key(kind)} >= (SELECT key FROM cuts WHERE i = ${from.number})`)
    const above = `${first} >= (SELECT key.k0 FROM cuts WHERE i = ${from.number})`
    const nulls = !to || to.open
    conditions.push(from.open ? `${first} IS NULL` : nulls ? `(${first} IS NULL OR ${above})` : above)
  }
  if (to) {
    conditions.push(`${key(kind)} < (SELECT key FROM cuts WHERE i = ${to.number})`)
    if (!to.open) conditions.push(`${first} <= (SELECT key.k0 FROM cuts WHERE i = ${to.number})`)
  }
  return conditions.join(' AND ')
}

function key(kind: KindName): string {
  return `struct_pack(${sortColumns(kind)
    .map((column, i) => `k${i} := ${column}`)
    .join(', ')})`
}
