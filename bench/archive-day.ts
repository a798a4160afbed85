import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Engine } from '../src/recorder/archive/engine.ts'
import { mergeFiles } from '../src/recorder/archive/merge.ts'
import { DAY, SLICE, writeParquet } from '../src/recorder/archive/parquet.ts'
import { archiveDirectory, dayName, type Partition, partitionPath } from '../src/recorder/layout.ts'
import { KINDS } from '../src/recorder/records/kinds.ts'
import { identifier, literal } from '../src/recorder/sql.ts'

/** Brings the lines of an NDJSON file into an archive as a finished day's file, as the archive's pass writes it. */
export async function archiveDay(
  engine: Engine,
  data: string,
  { kind, date }: Pick<Partition, 'kind' | 'date'>,
  path: string,
  rows: number,
): Promise<void> {
  const folder = join(archiveDirectory(data), partitionPath({ site: 'home', kind, date }))
  await mkdir(folder, { recursive: true })
  const columns = Object.entries(KINDS[kind].columns)
  const types = columns.map(([name, type]) => `${identifier(name)}: ${literal(type)}`).join(', ')
  const unsorted = `${path}.parquet`
  const query = `SELECT * FROM read_json(${literal(path)}, format = 'newline_delimited', columns = {${types}})`
  await writeParquet(engine, query, unsorted, { rows, bytes: (await stat(path)).size }, SLICE)
  await mergeFiles(engine, kind, [unsorted], join(folder, dayName(1)), DAY)
  await rm(unsorted)
}
