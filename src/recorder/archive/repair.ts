import { type ColumnType, KINDS, type KindName } from '../records/kinds.ts'
import { parseRfc3339 } from '../records/time.ts'

const INTEGERS: Readonly<Partial<Record<ColumnType, number>>> = {
  UTINYINT: 2 ** 8 - 1,
  USMALLINT: 2 ** 16 - 1,
  UINTEGER: 2 ** 32 - 1,
  UBIGINT: 2 ** 64 - 1,
}

export interface Repaired {
  /** The line to store; undefined when there is no record in it. */
  readonly line: string | undefined
  /** Something in it had to go. */
  readonly lossy: boolean
}

/**
 * Makes a line that DuckDB reads of one that it may refuse: values that do not fit their column become null. A line that
 * fits stays as it is, digit for digit, unless `rewrite` (a key twice is only gone then).
 */
export function repairLine(kind: KindName, line: string, rewrite: boolean): Repaired {
  try {
    return repair(kind, line, rewrite)
  } catch {
    // No JSON, or nested so deep that it cannot be written again.
    return { line: undefined, lossy: true }
  }
}

function repair(kind: KindName, line: string, rewrite: boolean): Repaired {
  const value: unknown = JSON.parse(line)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { line: undefined, lossy: true }
  const record = value as Record<string, unknown>
  const broken = /\\ud[89a-f]/i.test(line)
  const wrong = Object.entries(KINDS[kind].columns).filter(([name, type]) => !fits(record[name], type))
  if (wrong.length === 0 && !broken && !rewrite) return { line, lossy: false }
  for (const [name] of wrong) delete record[name]
  // JSON.stringify escapes a surrogate if and only if it is half a pair.
  const text = JSON.stringify(record).replace(/\\(?:u(d[89a-f][\da-f]{2})|.)/g, (all, half) =>
    half ? '\ufffd' : all,
  )
  return { line: text, lossy: wrong.length > 0 }
}

function fits(value: unknown, type: ColumnType): boolean {
  if (value === undefined || value === null || type === 'JSON') return true
  const max = INTEGERS[type]
  if (max !== undefined)
    return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max
  switch (type) {
    case 'TIMESTAMP':
      return typeof value === 'string' && value.endsWith('Z') && parseRfc3339(value) !== undefined
    case 'VARCHAR':
      return typeof value === 'string'
    case 'VARCHAR[]':
      return Array.isArray(value) && value.every((item) => item === null || typeof item === 'string')
    case 'BOOLEAN':
      return typeof value === 'boolean'
    case 'DOUBLE':
      return typeof value === 'number'
    default:
      return Array.isArray(value) && value.every(isAnswer)
  }
}

function isAnswer(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const { name, type, ttl, data } = value as Record<string, unknown>
  return fits(ttl, 'UINTEGER') && [name, type, data].every((text) => fits(text, 'VARCHAR'))
}
