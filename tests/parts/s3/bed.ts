import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Engine } from '../../../src/recorder/archive/engine.ts'
import { DAY, writeParquet } from '../../../src/recorder/archive/parquet.ts'
import type { ArchiveSettings, S3Settings } from '../../../src/recorder/archive/settings.ts'
import { type UploadReport, uploadArchive } from '../../../src/recorder/archive/upload.ts'
import { targetOf, UploadState } from '../../../src/recorder/archive/upload-state.ts'
import {
  archiveDirectory,
  type Partition,
  partitionPath,
  temporaryDirectory,
} from '../../../src/recorder/layout.ts'
import { KINDS } from '../../../src/recorder/records/kinds.ts'
import { literal } from '../../../src/recorder/sql.ts'

/** A data directory with Parquet files of the kind dns, and an upload to a bucket. */
export interface Bed {
  readonly data: string
  readonly engine: Engine
  readonly s3: S3Settings
  /** Writes rows into a file of a partition; each name is asked once, at that time. */
  write(date: string, file: string, names: readonly string[], time?: string): Promise<string>
  remove(date: string, file: string): Promise<void>
  upload(now: string, more?: Partial<Parameters<typeof uploadArchive>[0]>): Promise<UploadReport>
  state(format?: ArchiveSettings['format']): Promise<UploadState>
  /** The names asked in a Parquet file, sorted. */
  names(path: string): Promise<string[]>
  close(): Promise<void>
}

export const KEY = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret-of-the-test' }

export function partition(date: string): Partition {
  return { site: 'gate', kind: 'dns', date }
}

export async function makeBed(
  endpoint: string,
  settings: Partial<S3Settings> = {},
  env: Readonly<Record<string, string>> = KEY,
): Promise<Bed> {
  const data = await mkdtemp(join(tmpdir(), 'sekisho-s3-'))
  const engine = await Engine.start(join(temporaryDirectory(data), 'duckdb'))
  const s3: S3Settings = {
    bucket: 'home-network',
    region: 'ap-northeast-1',
    endpoint,
    prefix: 'logs/',
    pathStyle: true,
    ...settings,
  }
  const folder = (date: string): string => join(archiveDirectory(data), partitionPath(partition(date)))
  const state = (format: ArchiveSettings['format'] = 'parquet') =>
    UploadState.open(data, targetOf(format, s3))
  return {
    data,
    engine,
    s3,
    state,
    async write(date, file, names, time = '12:00:00') {
      await mkdir(folder(date), { recursive: true })
      const path = join(folder(date), file)
      const rows = names
        .map((name) => `(TIMESTAMP ${literal(`${date} ${time}`)}, ${literal(name)}, '10.0.0.7')`)
        .join(', ')
      const empty = Object.entries(KINDS.dns.columns).map(([column, type]) => `NULL::${type} AS "${column}"`)
      const query = `SELECT * FROM (SELECT ${empty.join(', ')} WHERE false UNION ALL BY NAME
        SELECT * FROM (VALUES ${rows}) AS v("time", "queryName", "clientAddress"))`
      await writeParquet(engine, query, path, { rows: names.length, bytes: names.length * 200 }, DAY)
      return path
    },
    async remove(date, file) {
      await rm(join(folder(date), file))
    },
    async upload(now, more = {}) {
      const format = more.format ?? 'parquet'
      return uploadArchive({
        data,
        site: 'gate',
        format,
        s3,
        state: more.state ?? (await state(format)),
        engine,
        env,
        now: () => Date.parse(now),
        ...more,
      })
    },
    async names(path) {
      const rows = await engine.rows(`SELECT "queryName" AS n FROM read_parquet(${literal(path)}) ORDER BY 1`)
      return rows.map(({ n }) => String(n))
    },
    async close() {
      engine.close()
      await rm(data, { recursive: true, force: true })
    },
  }
}
