import type { DuckDBValue } from '@duckdb/node-api'
import { DuckDBArrayValue } from '@duckdb/node-api/lib/values/DuckDBArrayValue.js'
import { DuckDBDateValue } from '@duckdb/node-api/lib/values/DuckDBDateValue.js'
import { DuckDBListValue } from '@duckdb/node-api/lib/values/DuckDBListValue.js'
import { DuckDBMapValue } from '@duckdb/node-api/lib/values/DuckDBMapValue.js'
import { DuckDBStructValue } from '@duckdb/node-api/lib/values/DuckDBStructValue.js'
import { DuckDBTimestampTZValue } from '@duckdb/node-api/lib/values/DuckDBTimestampTZValue.js'
import { DuckDBTimestampValue } from '@duckdb/node-api/lib/values/DuckDBTimestampValue.js'
import { utcTime } from './when.ts'

export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [name: string]: Plain }

/**
 * A value of DuckDB's as JSON has it: times as RFC 3339 in UTC, whole numbers beyond what JSON's readers keep exact as
 * text, anything without a likeness in JSON as DuckDB writes it.
 */
export function plainValue(value: DuckDBValue): Plain {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue)
    return utcTime(value.micros)
  if (value instanceof DuckDBDateValue) return String(value)
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue)
    return value.items.map(plainValue)
  if (value instanceof DuckDBStructValue) return object(Object.entries(value.entries))
  if (value instanceof DuckDBMapValue)
    return object(value.entries.map(({ key, value: of }) => [String(key), of]))
  return String(value)
}

function object(entries: readonly (readonly [string, DuckDBValue])[]): Plain {
  return Object.fromEntries(entries.map(([name, value]) => [name, plainValue(value)]))
}
