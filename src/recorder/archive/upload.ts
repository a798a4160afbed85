import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { archiveDirectory, temporaryDirectory } from '../layout.ts'
import { describe, log } from '../log.ts'
import { type PartitionFiles, partitionsOf } from './days.ts'
import type { Engine } from './engine.ts'
import { listArchive } from './files.ts'
import { dateOf } from './filing.ts'
import { backOff, mayTry } from './s3/back-off.ts'
import { S3Client, type S3ClientOptions } from './s3/client.ts'
import { readCredentials } from './s3/credentials.ts'
import { S3Failure } from './s3/failure.ts'
import type { ArchiveSettings, S3Settings } from './settings.ts'
import { dueUpload, unsent } from './upload-due.ts'
import { lookUp } from './upload-look-up.ts'
import { putNdjson } from './upload-ndjson.ts'
import { putParquet } from './upload-parquet.ts'
import type { UploadState } from './upload-state.ts'
import { UsageCounter } from './usage.ts'

export interface UploadOptions {
  readonly data: string
  readonly site: string
  readonly format: ArchiveSettings['format']
  readonly s3: S3Settings
  readonly state: UploadState
  readonly engine: Engine
  /** Where the access key is, unless in a file. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly now?: () => number
  readonly timeouts?: S3ClientOptions['timeouts']
  readonly onProgress?: () => void
}

export interface UploadReport {
  /** Partitions brought, and those that are due and could not be. */
  readonly uploaded: number
  readonly waiting: number
  /** Files given up unsent since the beginning, because the spool was full. */
  readonly dropped: { readonly files: number; readonly bytes: number }
  /** Why, if something failed in this pass or the time to try again has not come. */
  readonly problem?: string
}

/** A refusal may be of one object; so many in a row are of the bucket. */
const MAX_REFUSALS = 3

/**
 * Brings to the bucket what is due, the oldest first. A failure ends it and begins a pause that the state remembers; it
 * does not throw for what the network, the server or the user did.
 */
export async function uploadArchive(options: UploadOptions): Promise<UploadReport> {
  const { data, state, now = Date.now } = options
  if (!mayTry(state.backOff, now())) return report(options, 0, state.backOff?.problem)
  const temporary = join(temporaryDirectory(data), 'upload')
  await mkdir(temporary, { recursive: true, mode: 0o750 })
  const usage = new UsageCounter()
  const done = { uploaded: 0 }
  let problem: S3Failure | undefined
  try {
    problem = await bringAll(options, temporary, usage, done)
  } catch (error) {
    if (!(error instanceof S3Failure)) throw error
    problem = error
  } finally {
    await rm(temporary, { recursive: true, force: true })
    await usage.save(data)
  }
  await state.setBackOff(problem && backOff(state.backOff, problem, now()))
  if (problem) log('upload', `archive: ${problem.message}`)
  return report(options, done.uploaded, problem?.message)
}

/** Brings one partition after the other; returns the last refusal, when others could be brought all the same. */
async function bringAll(
  options: UploadOptions,
  temporary: string,
  usage: UsageCounter,
  done: { uploaded: number },
): Promise<S3Failure | undefined> {
  const { data, site, format, s3, state, engine, now = Date.now, onProgress = () => undefined } = options
  let kind = '-'
  const client = new S3Client({
    settings: s3,
    credentials: await readCredentials(s3.credentialsFile, options.env).catch((error: unknown) => {
      throw new S3Failure('user', describe(error))
    }),
    now,
    ...(options.timeouts && { timeouts: options.timeouts }),
    onRequest: (name, bytes) => usage.add(dateOf(now()), kind, name, bytes),
    onProgress,
  })
  if (!state.known)
    await state.replaceAll(await lookUp({ site, format, prefix: s3.prefix, client, now: now() }))

  let refusals: S3Failure[] = []
  let problem: S3Failure | undefined
  for (const partition of await partitions(data)) {
    const before = state.get(partition)
    const due = dueUpload(partition.files, before, partition.date, now())
    if (due === 'no') continue
    kind = partition.kind
    const files = unsent(partition.files, before)
    const job = {
      partition,
      files: files.map(({ path }) => join(archiveDirectory(data), path)),
      sequence: Math.max(...files.map(({ sequence }) => sequence)),
      final: due === 'final',
      before,
      client,
      prefix: s3.prefix,
      engine,
      temporary,
      now: now(),
      onProgress,
    }
    try {
      await state.set(partition, await (format === 'parquet' ? putParquet(job) : putNdjson(job)))
      done.uploaded += 1
      refusals = []
    } catch (error) {
      if (!(error instanceof S3Failure) || error.kind === 'retry') throw error
      problem = error
      refusals.push(error)
      if (refusals.length >= MAX_REFUSALS) break
    }
    onProgress()
  }
  return problem
}

async function partitions(data: string): Promise<PartitionFiles[]> {
  return partitionsOf(await listArchive(data)).toSorted((a, b) =>
    a.date < b.date ? -1 : a.date > b.date ? 1 : 0,
  )
}

async function report(
  { data, state, now = Date.now }: UploadOptions,
  uploaded: number,
  problem: string | undefined,
): Promise<UploadReport> {
  const due = (await partitions(data)).filter(
    (partition) => dueUpload(partition.files, state.get(partition), partition.date, now()) !== 'no',
  )
  return { uploaded, waiting: due.length, dropped: state.dropped, ...(problem !== undefined && { problem }) }
}
