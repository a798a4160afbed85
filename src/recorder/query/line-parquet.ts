import { rmSync, statSync } from 'node:fs'
import { literal } from '../sql.ts'
import { Database } from './database.ts'
import { readLines } from './relation.ts'
import type { LineFile } from './segments.ts'
import { startDuckDb } from './start-duckdb.ts'

/** DuckDB's reader of JSON asks for 32 MiB at once, and uses as much as there are lines. */
const LIMITS = {
  timeoutMs: 60_000,
  memoryBytes: 64 * 2 ** 20,
  temporaryBytes: 2 ** 30,
  threads: 1,
  small: true,
}

/**
 * Files of lines as Parquet, each made anew when it has grown: read once, however many statements look at them. In a
 * DuckDB of its own, since what reads lines needs more memory than what answers.
 */
export class LineParquet {
  readonly #database: Database
  readonly #made = new Map<string, { readonly bytes: number; readonly parquet: string }>()
  #count = 0

  private constructor(database: Database) {
    this.#database = database
  }

  /** For files in a directory, where it puts its own too. */
  static async open(directory: string): Promise<LineParquet> {
    return new LineParquet(await Database.open(startDuckDb(), [directory], directory, LIMITS))
  }

  async convert(files: readonly LineFile[]): Promise<LineFile[]> {
    const converted: LineFile[] = []
    for (const file of files) converted.push({ ...file, parquet: await this.#parquetOf(file) })
    return converted
  }

  /** Forgets files that are gone. */
  keep(files: readonly LineFile[]): void {
    const paths = new Set(files.map(({ path }) => path))
    for (const [path, { parquet }] of this.#made) {
      if (paths.has(path)) continue
      rmSync(parquet, { force: true })
      this.#made.delete(path)
    }
  }

  close(): void {
    this.#database.close()
  }

  async #parquetOf(file: LineFile): Promise<string> {
    const bytes = statSync(file.path).size
    const before = this.#made.get(file.path)
    if (before?.bytes === bytes) return before.parquet
    this.#count += 1
    // A new name each time: DuckDB may have learnt something of the old one.
    const parquet = `${file.path}.${this.#count}.parquet`
    await this.#database.rows(
      `COPY (SELECT * FROM ${readLines(file)}) TO ${literal(parquet)} (FORMAT parquet, COMPRESSION lz4)`,
    )
    this.#made.set(file.path, { bytes, parquet })
    if (before) rmSync(before.parquet, { force: true })
    return parquet
  }
}
