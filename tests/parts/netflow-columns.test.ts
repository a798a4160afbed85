import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { KINDS } from '../../src/recorder/records/kinds.ts'
import { decodeNetflow } from '../../src/recorder/sources/netflow/decode.ts'
import { Exporters } from '../../src/recorder/sources/netflow/exporters.ts'
import type { Header } from '../../src/recorder/sources/netflow/record.ts'
import { ipfix, set, template } from '../netflow.ts'

/** A value that its column cannot hold would stop the conversion of all records: no exporter can make one. */

/** Every element that makes a column. */
const COLUMNS = [
  1, 2, 4, 5, 6, 7, 8, 10, 11, 12, 14, 21, 22, 27, 28, 32, 34, 48, 136, 139, 150, 151, 152, 153, 154, 155,
  156, 157, 158, 159, 160, 180, 181, 182, 183, 322, 323, 324, 325,
]

it('whatever an exporter sends fits the columns', async () => {
  const field = fc.tuple(
    fc.constantFrom(...COLUMNS),
    fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant(65_535)),
  )
  const byte = fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 255))
  const message = fc.tuple(
    fc.array(field, { minLength: 1, maxLength: 12, size: 'max' }),
    fc.array(byte, { maxLength: 400, size: 'max' }),
  )
  // Always the same: how many columns get a value is up to chance.
  const lines = fc.sample(message, { numRuns: 6000, seed: 4 }).flatMap(([specs, data]) => {
    const bytes = ipfix([set(2, template(300, ...specs)), set(300, Buffer.from(data))], {
      domain: 2 ** 32 - 1,
    })
    const exporters = new Exporters<Header>()
    const { records } = decodeNetflow(bytes, { address: '192.0.2.1', port: 1 }, exporters, Date.now())
    return records.map(({ record }) => JSON.stringify(record))
  })
  expect(lines.length).toBeGreaterThan(2000)

  const directory = await mkdtemp(join(tmpdir(), 'netflow-columns-'))
  const duckdb = await DuckDBInstance.create(':memory:')
  try {
    const file = join(directory, 'records.ndjson')
    await writeFile(file, lines.map((line) => `${line}\n`).join(''))
    const columns = Object.entries(KINDS.netflow.columns).map(([name, type]) => `"${name}": '${type}'`)
    const connection = await duckdb.connect()
    const reader = await connection.runAndReadAll(
      `SELECT count("time"), count(octetDeltaCount), count(flowStart), count(elements)
       FROM read_json('${file}', format = 'newline_delimited', columns = {${columns.join(', ')}})`,
    )
    const [times, ...others] = reader.getRows()[0]?.map(Number) ?? []
    expect(times).toBe(lines.length)
    for (const count of others) expect(count).toBeGreaterThan(100)
  } finally {
    duckdb.closeSync()
    await rm(directory, { recursive: true })
  }
})
