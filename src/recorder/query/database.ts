import type { DuckDBConnection, DuckDBInstance, DuckDBResult } from '@duckdb/node-api'
import { list, literal } from '../sql.ts'
import { QueryProblem } from './problem.ts'

export interface Limits {
  readonly timeoutMs: number
  readonly memoryBytes: number
  /** What may go to disk when memory does not do. */
  readonly temporaryBytes: number
  /** As many as there are processors without it. */
  readonly threads?: number
  /**
   * For a process that stays, and shall stay small: nothing of the files is kept between statements (the kernel does
   * that), and memory is given back.
   */
  readonly small?: boolean
}

export const DEFAULT_LIMITS: Limits = {
  timeoutMs: 60_000,
  memoryBytes: 512 * 1024 * 1024,
  temporaryBytes: 2 * 1024 * 1024 * 1024,
}

const SMALL = {
  enable_external_file_cache: 'false',
  // The order of rows is that of ORDER BY, or none.
  preserve_insertion_order: 'false',
  // With more, what was freed between two statements stays: 40 MB in the end.
  allocator_flush_threshold: literal('128KiB'),
  allocator_bulk_deallocation_flush_threshold: literal('128KiB'),
}

/**
 * DuckDB in memory, which reads files below `directories` and has no other access to anything: no extension, no network,
 * and no setting that a statement could change.
 */
export class Database {
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection
  readonly #limits: Limits

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection, limits: Limits) {
    this.#instance = instance
    this.#connection = connection
    this.#limits = limits
  }

  static async open(
    starting: Promise<DuckDBInstance>,
    directories: readonly string[],
    temporary: string,
    limits: Limits,
  ): Promise<Database> {
    const instance = await starting
    const connection = await instance.connect()
    const settings = {
      ...(limits.threads !== undefined && { threads: String(limits.threads) }),
      ...(limits.small && SMALL),
      memory_limit: literal(bytes(limits.memoryBytes)),
      temp_directory: literal(temporary),
      max_temp_directory_size: literal(bytes(limits.temporaryBytes)),
      allowed_directories: list(directories),
      enable_external_access: 'false',
      parquet_metadata_cache: String(limits.small !== true),
      TimeZone: literal('UTC'),
      // The last: nothing can be set after it.
      lock_configuration: 'true',
    }
    const statements = Object.entries(settings).map(([name, value]) => `SET ${name} = ${value}`)
    await connection.run(statements.join('; '))
    return new Database(instance, connection, limits)
  }

  /** The rows of a statement of ours. */
  async rows(sql: string): Promise<unknown[][]> {
    const reader = await this.#connection.runAndReadAll(sql)
    return reader.getRowsJson()
  }

  /** Runs a statement within the limits; `take` gets its result while the time runs. */
  async run<T>(sql: string, take: (result: DuckDBResult) => Promise<T>): Promise<T> {
    const { timeoutMs } = this.#limits
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.#connection.interrupt()
    }, timeoutMs)
    try {
      return await take(await this.#connection.stream(sql))
    } catch (error) {
      if (late)
        throw new QueryProblem(
          `no answer after ${timeoutMs / 1000} s. Fix: ask for less time, or allow more with --timeout`,
        )
      throw this.#explain(error)
    } finally {
      clearTimeout(timer)
    }
  }

  interrupt(): void {
    this.#connection.interrupt()
  }

  close(): void {
    this.#connection.closeSync()
    this.#instance.closeSync()
  }

  #explain(error: unknown): unknown {
    if (!(error instanceof Error)) return error
    if (/max_temp_directory_size|No space left/.test(error.message))
      return new QueryProblem(
        `the answer needs more than ${bytes(this.#limits.temporaryBytes)} of temporary files. Fix: ask for less at a time`,
      )
    if (error.message.startsWith('Out of Memory'))
      return new QueryProblem(
        `the answer needs more than ${bytes(this.#limits.memoryBytes)} of memory. Fix: ask for less at a time, or allow more with --memory`,
      )
    return error
  }
}

function bytes(count: number): string {
  return `${Math.round(count / 1024 / 1024)}MiB`
}
