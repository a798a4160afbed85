import type { DuckDBResult, DuckDBTimestampValue, DuckDBValue } from '@duckdb/node-api'
import { type Plain, plainValue } from './plain-value.ts'
import { localTime } from './when.ts'
import { csvWriter, jsonWriter, type Row, type RowWriter, tableWriter } from './write-rows.ts'

export type Format = 'table' | 'json' | 'csv'

export interface OutputOptions {
  readonly format: Format
  readonly write: (text: string) => Promise<void>
  /** Columns of the terminal, when there is one. */
  readonly width?: number
  /** Columns that hold JSON as text. */
  readonly json?: ReadonlySet<string>
  /** People's times are local, and a record's empty fields are left out. */
  readonly records?: boolean
}

/** Writes results one after the other as one; the same columns each time. */
export class Output {
  readonly #options: OutputOptions
  #writer: RowWriter | undefined

  constructor(options: OutputOptions) {
    this.#options = options
  }

  async take(result: DuckDBResult): Promise<void> {
    const names = result.deduplicatedColumnNames()
    this.#writer ??= this.#makeWriter(names)
    for await (const rows of result.yieldRows()) {
      const text = this.#writer.rows(rows.map((values) => this.#row(names, values)))
      if (text !== '') await this.#options.write(text)
    }
  }

  /** What has been held back for the widths of the columns. */
  async end(): Promise<void> {
    const text = this.#writer?.end() ?? ''
    if (text !== '') await this.#options.write(text)
  }

  #makeWriter(names: readonly string[]): RowWriter {
    const { format, width, records } = this.#options
    if (format === 'json') return jsonWriter(records !== true)
    if (format === 'csv') return csvWriter(names)
    return tableWriter(names, width === undefined ? {} : { width, color: true })
  }

  #row(names: readonly string[], values: readonly DuckDBValue[]): Row {
    const entries = names.map((name, i): [string, Plain] => [name, this.#value(name, values[i] ?? null)])
    return Object.fromEntries(entries)
  }

  #value(name: string, value: DuckDBValue): Plain {
    const { format, json, records } = this.#options
    if (format === 'table' && records && name === 'time' && value !== null)
      return localTime((value as DuckDBTimestampValue).micros)
    if (format === 'json' && json?.has(name) && typeof value === 'string') return parsed(value)
    return plainValue(value)
  }
}

function parsed(text: string): Plain {
  try {
    return JSON.parse(text) as Plain
  } catch {
    return text
  }
}
