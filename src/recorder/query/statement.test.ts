import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { beforeAll, describe, expect, it } from 'vitest'
import { QueryProblem } from './problem.ts'
import { checkStatement, type Statement, serializing } from './statement.ts'

const KNOWN = new Set(['dns', 'flows', 'records'])
let connection: DuckDBConnection

beforeAll(async () => {
  connection = await (await DuckDBInstance.create()).connect()
})

async function check(sql: string): Promise<Statement> {
  const reader = await connection.runAndReadAll(serializing(sql))
  return checkStatement(reader.getRowsJS()[0]?.[0] as string, KNOWN)
}

describe('finds what is asked for', () => {
  it.each<[string, string[], boolean]>([
    ['SELECT count(*) FROM dns', ['dns'], false],
    ['SELECT count(*) FROM DNS d JOIN main.flows f ON true', ['dns', 'flows'], false],
    ['SELECT device FROM dns', ['dns'], true],
    ['SELECT d.Device FROM dns d', ['dns'], true],
    ['FROM dns', ['dns'], true],
    ['SELECT count(*) FROM dns WHERE device = 1', ['dns'], true],
    ['SELECT 1 FROM dns JOIN flows USING (device)', ['dns', 'flows'], true],
    ['DESCRIBE dns', ['dns'], true],
    ['SHOW TABLES', ['dns', 'flows', 'records'], true],
    ['WITH dns AS (SELECT 1 AS a FROM dns) SELECT a FROM dns', ['dns'], false],
    ['SELECT (SELECT max(time) FROM flows) FROM range(3)', ['flows'], false],
    ["SELECT 'device; FROM flows' -- device", [], false],
  ])('%s', async (sql, tables, device) => {
    expect(await check(sql)).toEqual({ tables: new Set(tables), device })
  })
})

it('refuses what is too long, or has a NUL', () => {
  expect(() => serializing(`SELECT '${'x'.repeat(100_000)}'`)).toThrow(QueryProblem)
  expect(() => serializing('SELECT 1\0; DROP')).toThrow(QueryProblem)
})

it.each([
  'SELECT * FROM dsn',
  'SELECT * FROM other.dns',
  'SELECT * FROM pg_catalog.pg_class',
  "FROM range(3), read_text('x')",
])('refuses %s', async (sql) => {
  await expect(check(sql)).rejects.toThrow(QueryProblem)
})
