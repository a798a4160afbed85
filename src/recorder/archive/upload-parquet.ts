import { join } from 'node:path'
import { type Partition, partitionPath } from '../layout.ts'
import { isKindName } from '../records/kinds.ts'
import type { Engine } from './engine.ts'
import { hashFile } from './file-hash.ts'
import { mergeFiles } from './merge.ts'
import { DAY, SLICE, sizeOf, table, writeParquet } from './parquet.ts'
import type { S3Client } from './s3/client.ts'
import { S3Failure } from './s3/failure.ts'
import type { ObjectState, PartitionUpload } from './upload-state.ts'

export interface PartitionJob {
  readonly partition: Partition
  /** The local files that are to be in the bucket, and the highest segment in them. */
  readonly files: readonly string[]
  readonly sequence: number
  readonly final: boolean
  readonly before: PartitionUpload | undefined
  readonly client: S3Client
  readonly prefix: string
  readonly engine: Engine
  /** A directory for this pass. */
  readonly temporary: string
  readonly now: number
  /** Called every now and then. */
  readonly onProgress: () => void
}

export function parquetKey(prefix: string, partition: Partition): string {
  return `${prefix}${partitionPath(partition)}/day.parquet`
}

/** The partition of a key; undefined for any other object. */
export function parquetPartition(prefix: string, key: string): Partition | undefined {
  const match = /^site=([^/]{1,100})\/kind=([a-z]{1,20})\/date=(\d{4}-\d{2}-\d{2})\/day\.parquet$/.exec(
    key.startsWith(prefix) ? key.slice(prefix.length) : '',
  )
  const [, site, kind, date] = match ?? []
  return site && kind && date && isKindName(kind) ? { site, kind, date } : undefined
}

/**
 * Brings a partition to its one object. Where the object is the only copy of what was there before, it is fetched first and
 * the new rows are added to it: an object is replaced only by one that has everything in it.
 */
export async function putParquet(job: PartitionJob): Promise<PartitionUpload> {
  const { partition, files, client, before, temporary } = job
  const key = parquetKey(job.prefix, partition)
  const known = before?.objects[key]
  const lost = before?.sequence === -1

  const single = files.length === 1 ? files[0] : undefined
  if (lost && single !== undefined) {
    const hash = await hashFile(single)
    const there = await present(client, key, client.head(key))
    if (there?.sha256 === hash.sha256 && there.bytes === hash.bytes) return done(job, key, hash, false)
  }

  const base = before?.released ? await fetchBase(job, key, known) : undefined
  const sources = [...(base ? [base.path] : []), ...files]
  const target = join(temporary, 'put.parquet')
  const distinct = base?.differs === true || (lost && base !== undefined)
  if (sources.length > 1) await merge(job, sources, target, distinct)
  const path = sources.length > 1 ? target : (sources[0] ?? target)
  const hash = await hashFile(path)
  if (known?.sha256 !== hash.sha256) await client.putFile(key, path, hash)
  return done(job, key, hash, base !== undefined)
}

/** Writes several files as one, sorted. `distinct`: a row that is in two of them is written once. */
async function merge(
  { engine, partition: { kind }, temporary, onProgress }: PartitionJob,
  sources: readonly string[],
  target: string,
  distinct: boolean,
): Promise<void> {
  if (!distinct) {
    await mergeFiles(engine, kind, sources, target, DAY, onProgress)
    return
  }
  const once = join(temporary, 'once.parquet')
  const size = await sizeOf(engine, sources)
  await writeParquet(engine, `SELECT DISTINCT * FROM ${table(kind, sources)}`, once, size, SLICE)
  onProgress()
  await mergeFiles(engine, kind, [once], target, DAY, onProgress)
}

async function fetchBase(
  { client, temporary }: PartitionJob,
  key: string,
  known: ObjectState | undefined,
): Promise<{ readonly path: string; readonly differs: boolean } | undefined> {
  const path = join(temporary, 'base.parquet')
  const head = await present(client, key, client.getFile(key, path, known?.bytes ?? 0))
  // Another than we remember: put by a pass that could not note it, and our rows may be in it.
  return head && { path, differs: head.sha256 !== known?.sha256 }
}

/**
 * An object that was deleted in the bucket, by its owner, is nothing to add to. S3 says 403 of what is not there to a key
 * that may list only below a prefix: then the list tells.
 */
async function present<T>(client: S3Client, key: string, request: Promise<T>): Promise<T | undefined> {
  try {
    return await request
  } catch (error) {
    if (!(error instanceof S3Failure)) throw error
    if (error.kind === 'absent') return undefined
    if (error.status !== 403) throw error
    for await (const object of client.list(key)) if (object.key === key) throw error
    return undefined
  }
}

function done(job: PartitionJob, key: string, hash: ObjectState, released: boolean): PartitionUpload {
  return {
    sequence: job.sequence,
    final: job.final,
    verified: new Date(job.now).toISOString(),
    released,
    objects: { [key]: { bytes: hash.bytes, sha256: hash.sha256 } },
  }
}
