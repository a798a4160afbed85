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
    for (let i = 0; i <= cuts; i++) {
      const path = `${output}.${String(i).padStart(6, '0')}`
      slices.push(path)
      const share = { rows: size.rows / (cuts + 1), bytes: size.bytes / (cuts + 1) }
      const rows = `SELECT * FROM ${source} WHERE ${between(kind, i, cuts)} ORDER BY ${order}`
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

/** Makes a table `cuts` (i from 1, key) that divides the rows into about `count` equal slices; the number of its rows. */
async function makeCuts(engine: Engine, kind: KindName, source: string, count: number): Promise<number> {
  const samples = count * SAMPLES_PER_SLICE
  await engine.run(
    `CREATE OR REPLACE TEMP TABLE cuts AS
      WITH sample AS (SELECT ${key(kind)} AS key FROM ${source} USING SAMPLE reservoir(${samples} ROWS) REPEATABLE (1)),
      numbered AS (SELECT key, row_number() OVER (ORDER BY key) - 1 AS n FROM sample),
      chosen AS (SELECT DISTINCT key FROM numbered WHERE n > 0 AND n % ${SAMPLES_PER_SLICE} = 0)
      SELECT key, row_number() OVER (ORDER BY key) AS i FROM chosen`,
  )
  const [row] = await engine.rows('SELECT count(*) AS n FROM cuts')
  return Number(row?.n ?? 0)
}

/**
 * The rows from cut `i` to before the next. Keys are compared as structs, in which NULL is the greatest, as in ORDER BY;
 * the conditions on the first column alone are for the statistics, which leave most row groups out.
 */
function between(kind: KindName, i: number, cuts: number): string {
  const first = sortColumns(kind)[0]
  const conditions = ['true']
  if (i > 0) {
    const cut = `(SELECT key FROM cuts WHERE i = ${i})`
    conditions.push(`${key(kind)} >= ${cut}`, `(${first} IS NULL OR ${first} >= ${cut}.k0)`)
  }
  if (i < cuts) {
    const cut = `(SELECT key FROM cuts WHERE i = ${i + 1})`
    conditions.push(`${key(kind)} < ${cut}`, `(${cut}.k0 IS NULL OR ${first} <= ${cut}.k0)`)
  }
  return conditions.join(' AND ')
}

function key(kind: KindName): string {
  return `struct_pack(${sortColumns(kind)
    .map((column, i) => `k${i} := ${column}`)
    .join(', ')})`
}
