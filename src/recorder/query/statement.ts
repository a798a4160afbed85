import { literal } from '../sql.ts'
import { QueryProblem } from './problem.ts'

/** What a statement asks for. */
export interface Statement {
  /** The known tables that it names, in lower case. */
  readonly tables: ReadonlySet<string>
  /** It names a column "device", or asks for all columns. */
  readonly device: boolean
}

/** Everything else that stands where a table may stand reads files, runs other SQL, or changes DuckDB. */
const TABLE_FUNCTIONS = new Set([
  'generate_series',
  'generate_subscripts',
  'json_each',
  'json_tree',
  'range',
  'repeat',
  'unnest',
])
const SCALAR_FUNCTIONS_REFUSED = new Set(['getenv', 'write_log'])
const MAX_LENGTH = 100_000

/** A statement that has DuckDB's parser serialise another one. */
export function serializing(sql: string): string {
  if (sql.length > MAX_LENGTH) throw new QueryProblem(`a statement has at most ${MAX_LENGTH} characters`)
  if (sql.includes('\0')) throw new QueryProblem('a statement has no NUL')
  return `SELECT json_serialize_sql(${literal(sql)}, skip_null := true, skip_empty := true)`
}

/**
 * Judges a parsed statement, which DuckDB's own parser has serialised: one SELECT, from `known` tables and from functions
 * that only make rows. Throws a QueryProblem otherwise. That DuckDB has no access to other files is set besides.
 */
export function checkStatement(serialized: string, known: ReadonlySet<string>): Statement {
  const parsed = JSON.parse(serialized) as {
    error?: boolean
    error_type?: string
    error_message?: string
    statements?: unknown[]
  }
  if (parsed.error) {
    if (parsed.error_type === 'not implemented')
      throw new QueryProblem(
        'only SELECT is allowed: records can be read and not changed. Fix: write SELECT … FROM …',
      )
    throw new QueryProblem(parsed.error_message ?? 'the statement cannot be parsed')
  }
  if (parsed.statements?.length !== 1) throw new QueryProblem('one SELECT at a time is allowed')
  const found: Found = { tables: new Set(), own: new Set(), device: false, all: false }
  visit(parsed.statements[0], found)
  for (const name of found.tables) {
    if (!known.has(name) && !found.own.has(name))
      throw new QueryProblem(`there is no table "${name}". Fix: use one of ${[...known].join(', ')}`)
  }
  const tables = [...known].filter((name) => found.all || found.tables.has(name))
  return { tables: new Set(tables), device: found.device }
}

interface Found {
  readonly tables: Set<string>
  /** Names of WITH. */
  readonly own: Set<string>
  device: boolean
  all: boolean
}

function visit(node: unknown, found: Found): void {
  if (Array.isArray(node)) {
    for (const item of node) visit(item, found)
    return
  }
  if (typeof node !== 'object' || node === null) return
  const all = node as Readonly<Record<string, unknown>>
  look(all, found)
  for (const value of Object.values(all)) visit(value, found)
}

function look(node: Readonly<Record<string, unknown>>, found: Found): void {
  const { type } = node
  if (node.cte_map) for (const name of cteNames(node.cte_map)) found.own.add(name)
  if (type === 'BASE_TABLE') addTable(node, found)
  else if (type === 'SHOW_REF') {
    found.device = true
    if (node.show_type === 'SHOW_UNQUALIFIED') found.all = true
  } else if (type === 'TABLE_FUNCTION') {
    const name = text((node.function as Readonly<Record<string, unknown>> | undefined)?.function_name)
    if (!TABLE_FUNCTIONS.has(name))
      throw new QueryProblem(`${name}() is not allowed: only the records can be read`)
  } else if (type === 'FUNCTION') {
    const name = text(node.function_name)
    if (SCALAR_FUNCTIONS_REFUSED.has(name)) throw new QueryProblem(`${name}() is not allowed`)
  } else if (node.class === 'STAR') found.device = true
  else if (node.class === 'COLUMN_REF') {
    const names = node.column_names
    if (Array.isArray(names) && names.some((name) => text(name) === 'device')) found.device = true
  }
  const using = node.using_columns
  if (Array.isArray(using) && using.some((name) => text(name) === 'device')) found.device = true
}

function addTable(node: Readonly<Record<string, unknown>>, found: Found): void {
  const schema = text(node.schema_name)
  if (text(node.catalog_name) !== '' || (schema !== '' && schema !== 'main'))
    throw new QueryProblem(`there is no schema "${schema}". Fix: name the table alone`)
  found.tables.add(text(node.table_name))
}

function cteNames(map: unknown): string[] {
  const entries = (map as { map?: unknown }).map
  const names = Array.isArray(entries) ? entries.map((entry: { key?: unknown }) => text(entry.key)) : []
  // Where WITH does not reach, DuckDB would take a name with a dot or a slash for a file's.
  return names.filter((name) => /^[\p{L}\p{N}_ ]+$/u.test(name))
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.toLowerCase() : ''
}
