import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { KINDS, type KindName } from '../records/kinds.ts'
import { type Engine, identifier, literal } from './engine.ts'
import { filedDate, instant } from './filing.ts'
import { repairLine } from './repair.ts'
import type { Batch } from './staging.ts'

const MIN_OBJECT_BYTES = 1024 * 1024

/** What became of the lines of a batch: all but `unreadable` are rows of the table `batch` now. */
export interface Loaded {
  readonly rows: number
  /** Rows of which something had to go, because it did not fit its column. */
  readonly repaired: number
  readonly unreadable: readonly string[]
}

export interface Filing {
  /** When the records came, milliseconds since 1970. */
  readonly takenMs: number
  readonly retentionDays: number
}

/**
 * Reads a batch into the table `batch`: the columns of its kind, and `filed`, the date of its partition. DuckDB refuses
 * a file for one bad value in it; only then each line is looked at here.
 */
export async function loadBatch(engine: Engine, batch: Batch, filing: Filing): Promise<Loaded> {
  try {
    await readLines(engine, batch, filing)
    return { rows: batch.rows, repaired: 0, unreadable: [] }
  } catch {
    const repaired = await repairBatch(batch, false)
    try {
      await readLines(engine, repaired.batch, filing)
      return repaired
    } catch {
      const rewritten = await repairBatch(batch, true)
      await readLines(engine, rewritten.batch, filing)
      return rewritten
    }
  }
}

async function readLines(engine: Engine, batch: Batch, filing: Filing): Promise<void> {
  const columns = Object.entries(KINDS[batch.kind].columns)
  const types = columns.map(([name, type]) => `${identifier(name)}: ${literal(type)}`).join(', ')
  await engine.run(`CREATE OR REPLACE TEMP TABLE batch AS
    SELECT ${selected(batch.kind, filing.takenMs)}, ${filedDate(filing.takenMs, filing.retentionDays)} AS filed
    FROM read_json(${literal(batch.path)}, format = 'newline_delimited', compression = 'uncompressed',
      maximum_object_size = ${Math.max(MIN_OBJECT_BYTES, batch.longestLine + 1024)}, columns = {${types}})`)
  const [count] = await engine.rows('SELECT count(*) AS n FROM batch')
  if (Number(count?.n) !== batch.rows) throw new Error(`read ${String(count?.n)} of ${batch.rows} rows`)
}

/** JSON is stored as its text, and a record without a time came when it came. */
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
  let rows = 0
  let repaired = 0
  let bytes = 0
  let longestLine = 0
  let pending: string[] = []
  try {
    const lines = createInterface({
      input: createReadStream(batch.path),
      crlfDelay: Number.POSITIVE_INFINITY,
    })
    for await (const text of lines) {
      if (text === '') continue
      const { line, lossy } = repairLine(batch.kind, text, rewrite)
      if (line === undefined) {
        unreadable.push(text)
        continue
      }
      const length = Buffer.byteLength(line)
      rows += 1
      repaired += lossy ? 1 : 0
      bytes += length + 1
      longestLine = Math.max(longestLine, length)
      pending.push(line)
      if (pending.length === 1000) await file.writeFile(`${pending.splice(0).join('\n')}\n`)
    }
    if (pending.length > 0) await file.writeFile(`${pending.join('\n')}\n`)
  } finally {
    await file.close()
  }
  pending = []
  return { rows, repaired, unreadable, batch: { kind: batch.kind, path, rows, bytes, longestLine } }
}
