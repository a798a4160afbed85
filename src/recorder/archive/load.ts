import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { KINDS, type KindName } from '../records/kinds.ts'
import { identifier, literal } from '../sql.ts'
import type { Engine } from './engine.ts'
import { instant } from './filing.ts'
import { PART, sortColumns, writeParquet } from './parquet.ts'
import { repairLine } from './repair.ts'
import type { Batch } from './staging.ts'

const MIN_OBJECT_BYTES = 1024 * 1024

/** What became of the lines of a batch: all but `unreadable` are rows of the file. */
export interface Loaded {
  readonly rows: number
  /** Rows of which something had to go, because it did not fit its column. */
  readonly repaired: number
  readonly unreadable: readonly string[]
}

/**
 * Writes a batch as a sorted Parquet file; a record without a time gets `takenMs`, when it came. DuckDB refuses a whole
 * file for one bad value in it; only then each line is looked at here.
 */
export async function writeBatch(
  engine: Engine,
  batch: Batch,
  takenMs: number,
  output: string,
): Promise<Loaded> {
  try {
    await copyLines(engine, batch, takenMs, output)
    return { rows: batch.rows, repaired: 0, unreadable: [] }
  } catch {
    const repaired = await repairBatch(batch, false)
    try {
      await copyLines(engine, repaired.batch, takenMs, output)
      return repaired
    } catch {
      const rewritten = await repairBatch(batch, true)
      await copyLines(engine, rewritten.batch, takenMs, output)
      return rewritten
    }
  }
}

async function copyLines(engine: Engine, batch: Batch, takenMs: number, output: string): Promise<void> {
  const types = Object.entries(KINDS[batch.kind].columns)
    .map(([name, type]) => `${identifier(name)}: ${literal(type)}`)
    .join(', ')
  const query = `SELECT ${selected(batch.kind, takenMs)}
    FROM read_json(${literal(batch.path)}, format = 'newline_delimited', compression = 'uncompressed',
      maximum_object_size = ${Math.max(MIN_OBJECT_BYTES, batch.longestLine + 1024)}, columns = {${types}})
    ORDER BY ${sortColumns(batch.kind).join(', ')}`
  const rows = await writeParquet(engine, query, output, batch, PART)
  if (rows !== batch.rows) throw new Error(`read ${rows} of ${batch.rows} rows`)
}

/** JSON is stored as its text. */
function selected(kind: KindName, takenMs: number): string {
  return Object.entries(KINDS[kind].columns)
    .map(([name, type]) => {
      const column = identifier(name)
      if (name === 'time') return `coalesce(${column}, ${instant(takenMs)}) AS ${column}`
      return type === 'JSON' ? `${column}::VARCHAR AS ${column}` : column
    })
    .join(', ')
}

async function repairBatch(batch: Batch, rewrite: boolean): Promise<Loaded & { readonly batch: Batch }> {
  const path = `${batch.path}.${rewrite ? 'rewritten' : 'repaired'}`
  const file = await open(path, 'w', 0o640)
  const unreadable: string[] = []
  let [rows, repaired, bytes, longestLine] = [0, 0, 0, 0]
  try {
    const input = createReadStream(batch.path)
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (text === '') continue
      const { line, lossy } = repairLine(batch.kind, text, rewrite)
      if (line === undefined) {
        unreadable.push(text)
        continue
      }
      const data = Buffer.from(`${line}\n`)
      rows += 1
      repaired += lossy ? 1 : 0
      bytes += data.length
      longestLine = Math.max(longestLine, data.length)
      await file.writeFile(data)
    }
  } finally {
    await file.close()
  }
  return { rows, repaired, unreadable, batch: { kind: batch.kind, path, rows, bytes, longestLine } }
}
