import { mkdir } from 'node:fs/promises'
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'

/** A value's row as JSON sees it: 64-bit integers and times are texts. */
export type Row = Readonly<Record<string, unknown>>

/** DuckDB in this process, in memory only, on one thread; only the archive's child process has one. */
export class Engine {
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance
    this.#connection = connection
  }

  /**
   * Starts it; what does not fit into its memory goes to files in `temporary`. Its `memory_limit` bounds its buffers
   * and not its allocator, which by the thresholds gives back what was freed. At 1 MB each a pass holds 220 MB instead of
   * 350, and takes a sixth longer for the pages that it gets again and again.
   */
  static async start(temporary: string): Promise<Engine> {
    await mkdir(temporary, { recursive: true, mode: 0o750 })
    const instance = await DuckDBInstance.create(':memory:', {
      threads: '1',
      memory_limit: '100MB',
      temp_directory: temporary,
      preserve_insertion_order: 'false',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    })
    const connection = await instance.connect()
    const engine = new Engine(instance, connection)
    await engine.run("SET allocator_flush_threshold = '64MB'")
    await engine.run("SET allocator_bulk_deallocation_flush_threshold = '64MB'")
    return engine
  }

  /** Runs a statement for its effect. Nothing that came from outside is ever in the text of one. */
  async run(sql: string, values?: DuckDBValue[]): Promise<void> {
    await this.#connection.run(sql, values)
  }

  /** The rows of a small result. */
  async rows(sql: string, values?: DuckDBValue[]): Promise<Row[]> {
    return (await this.#connection.runAndReadAll(sql, values)).getRowObjectsJson()
  }

  close(): void {
    this.#connection.closeSync()
    this.#instance.closeSync()
  }
}
