import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, it } from 'vitest'
import { expectGolden } from '../../../tests/golden.ts'
import { KINDS } from '../records/kinds.ts'
import { identifier } from '../sql.ts'
import { athenaDdl } from './ddl-athena.ts'
import { duckdbDdl } from './ddl-duckdb.ts'

it("DuckDB's reads an archive", async () => {
  const data = await mkdtemp(join(tmpdir(), "ddl-o'clock-"))
  const connection = await (await DuckDBInstance.create()).connect()
  try {
    for (const [kind, { columns }] of Object.entries(KINDS)) {
      const folder = join(data, `site=home/kind=${kind}/date=2026-11-23`)
      await mkdir(folder, { recursive: true })
      const nulls = Object.entries(columns).map(([name, type]) => `NULL::${type} AS ${identifier(name)}`)
      await connection.run(
        `COPY (SELECT ${nulls.join(', ')}) TO '${folder.replaceAll("'", "''")}/day-0000000001.parquet' (FORMAT parquet)`,
      )
    }
    await connection.run(duckdbDdl(data))
    for (const kind of Object.keys(KINDS)) {
      const reader = await connection.runAndReadAll(
        `SELECT site, date::VARCHAR, count(*)::INT FROM ${identifier(kind)} GROUP BY ALL`,
      )
      expect(reader.getRowsJS()).toEqual([['home', '2026-11-23', 1]])
    }
  } finally {
    connection.closeSync()
    await rm(data, { recursive: true })
  }
})

it("DuckDB's parses for a bucket", async () => {
  const connection = await (await DuckDBInstance.create()).connect()
  const statements = await connection.extractStatements(duckdbDdl('s3://home-network/logs'))
  expect(statements.count).toBe(5 + Object.keys(KINDS).length)
  connection.closeSync()
})

it("Athena's is as it was looked over", async () => {
  await expectGolden(join(import.meta.dirname, 'golden/athena'), {
    'athena.sql': athenaDdl('s3://home-network/logs'),
  })
})
