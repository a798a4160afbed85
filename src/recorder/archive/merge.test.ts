import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { parquetRows } from '../../../tests/parquet.ts'
import { literal } from '../sql.ts'
import { Engine } from './engine.ts'
import { mergeFiles } from './merge.ts'
import { DAY, PART, sizeOf, writeParquet } from './parquet.ts'

let root: string
let engine: Engine

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'merge-'))
  engine = await Engine.start(join(root, 'duckdb'))
})

afterEach(async () => {
  engine.close()
  await rm(root, { recursive: true })
})

/** A part of 6000 drops: two thirds have one address, a sixth none. */
async function part(i: number, bytes = 6000): Promise<string> {
  const path = join(root, `part-${i}.parquet`)
  const query = `SELECT make_timestamp((${i} + n * 10) * 1000000) AS "time",
    CASE WHEN n % 6 < 4 THEN '192.0.2.1' WHEN n % 6 = 4 THEN '10.0.0.' || (n % 200) END AS "sourceAddress",
    CASE WHEN n % 3 > 0 THEN n % 1000 END::USMALLINT AS "destinationTransportPort"
    FROM range(6000) AS numbers(n)`
  const empty = `SELECT NULL::TIMESTAMP AS "time", NULL::VARCHAR AS "logPrefix" WHERE false`
  await writeParquet(engine, `${empty} UNION ALL BY NAME ${query}`, path, { rows: 6000, bytes }, PART)
  return path
}

it('merges parts in slices: every row once, in order, whatever a name has of all rows', async () => {
  const inputs = await Promise.all([part(0), part(1), part(2)])
  const output = join(root, 'day.parquet')
  let steps = 0
  const size = await mergeFiles(engine, 'drops', inputs, output, DAY, () => void steps++, 1000)
  expect(size).toEqual({ rows: 18_000, bytes: 18_000 })
  expect(steps).toBeGreaterThan(10)
  expect(await sizeOf(engine, [output])).toEqual(size)

  const rows = await parquetRows(output)
  const text = (value: unknown): string => (typeof value === 'string' ? value : '~')
  const number = (value: unknown): string =>
    typeof value === 'number' ? String(value).padStart(5, '0') : '~'
  const keys = rows.map(
    ({ sourceAddress, destinationTransportPort, time }) =>
      `${text(sourceAddress)} ${number(destinationTransportPort)} ${(time as Date).toISOString()}`,
  )
  // NULL is the greatest, and "~" is after all that is in an address.
  expect(keys).toEqual(keys.toSorted())
  expect(new Set(rows.map(({ time }) => (time as Date).getTime() / 1000)).size).toBe(18_000)
  // Columns that the parts did not have are there.
  expect(rows[0]).toMatchObject({ logPrefix: null, ethernetType: null })
  expect(readdirSync(root).sort()).toEqual([
    'day.parquet',
    'duckdb',
    'part-0.parquet',
    'part-1.parquet',
    'part-2.parquet',
  ])
})

it('leaves no slices when it fails, and can be called again', async () => {
  const inputs = [await part(0, 50_000), join(root, 'part-1.parquet')]
  await expect(
    mergeFiles(engine, 'drops', inputs, join(root, 'a.parquet'), DAY, undefined, 1000),
  ).rejects.toThrow('part-1')
  expect(readdirSync(root).filter((name) => name.startsWith('a.'))).toEqual([])
  await part(1)
  expect((await mergeFiles(engine, 'drops', inputs, join(root, 'a.parquet'), DAY)).rows).toBe(12_000)
})

it('takes a path for what it is', () => {
  expect(literal("/a'; DROP TABLE x; --")).toBe("'/a''; DROP TABLE x; --'")
})
