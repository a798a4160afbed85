import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { S3Client } from '../archive/s3/client.ts'
import { readCredentials } from '../archive/s3/credentials.ts'
import type { S3Settings } from '../archive/settings.ts'
import { parquetKey, parquetPartition } from '../archive/upload-parquet.ts'
import { type PartitionUpload, readUploads } from '../archive/upload-state.ts'
import { type Partition, partitionPath } from '../layout.ts'
import { describe } from '../log.ts'
import type { KindName } from '../records/kinds.ts'
import { type ArchiveFile, type DateRange, inRange } from './archive-files.ts'
import { QueryProblem } from './problem.ts'

export interface RemoteOptions {
  readonly data: string
  readonly s3: S3Settings
  /** Where copies are kept, and how much they may take together. */
  readonly directory: string
  readonly maxBytes: number
  readonly onFetch?: (days: number, bytes: number) => void
}

/** A day that is only in the bucket. */
interface RemoteDay extends Partition {
  readonly key: string
  readonly sequence: number
  readonly bytes: number
  /** Where its copy is, or will be. The name says which object it is: a day that was put again is another one. */
  readonly path: string
}

const AT_ONCE = 4

/**
 * The archive's days that have left this machine, as copies in a cache: asked for again they cost no request. What was
 * not asked for longest goes first.
 */
export class RemoteDays {
  readonly #options: RemoteOptions

  constructor(options: RemoteOptions) {
    this.#options = options
  }

  /** `local` with the days in the bucket that it lacks, fetched; what a day in the bucket has in it too is left out. */
  async complete(
    local: readonly ArchiveFile[],
    kinds: ReadonlySet<KindName>,
    dates: DateRange,
  ): Promise<ArchiveFile[]> {
    const uploads = await readUploads(this.#options.data)
    const days = [...uploads.values()].flatMap((upload) => this.#daysOf(upload))
    const wanted = days.filter(
      ({ kind, date }) => kinds.has(kind) && (kind === 'devices' || inRange(date, dates)),
    )
    if (wanted.length === 0) return [...local]
    await this.#fetch(wanted)
    const sequences = new Map(wanted.map((day) => [partitionPath(day), day.sequence]))
    return [
      ...local.filter((file) => file.sequence > (sequences.get(partitionPath(file)) ?? -1)),
      ...wanted.map(({ site, kind, date, path, sequence }) => ({ site, kind, date, path, sequence })),
    ].sort((a, b) => (a.date < b.date ? 1 : a.date > b.date ? -1 : 0))
  }

  #daysOf({ released, sequence, objects }: PartitionUpload): RemoteDay[] {
    const { prefix } = this.#options.s3
    if (!released) return []
    return Object.entries(objects).flatMap(([key, { bytes, sha256 }]) => {
      const partition = parquetPartition(prefix, key)
      if (!partition || parquetKey(prefix, partition) !== key) return []
      const name = `day-${sequence}-${bytes}-${sha256.slice(0, 16)}.parquet`
      return [
        {
          ...partition,
          key,
          sequence,
          bytes,
          path: join(this.#options.directory, partitionPath(partition), name),
        },
      ]
    })
  }

  async #fetch(days: readonly RemoteDay[]): Promise<void> {
    const { directory, maxBytes, onFetch } = this.#options
    const needed = sum(days)
    if (needed > maxBytes)
      throw new QueryProblem(
        `the answer needs ${days.length} days of ${megabytes(needed)} from the bucket, more than the ${megabytes(maxBytes)} that are kept here. Fix: narrow it with --since and --until`,
      )
    const cached = new Map(cachedFiles(directory).map((file) => [file.path, file]))
    const now = new Date()
    for (const { path } of days) if (cached.has(path)) utimesSync(path, now, now)
    const missing = days.filter(({ path, bytes }) => cached.get(path)?.bytes !== bytes)
    if (missing.length === 0) return
    evict(cached, new Set(days.map(({ path }) => path)), maxBytes - needed)
    onFetch?.(missing.length, sum(missing))
    const client = await this.#client()
    const waiting = [...missing]
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let day = waiting.pop(); day; day = waiting.pop()) await fetchDay(client, day)
      }),
    )
  }

  async #client(): Promise<S3Client> {
    const { s3 } = this.#options
    try {
      const credentials = await readCredentials(s3.hostCredentialsFile ?? s3.credentialsFile, process.env)
      return new S3Client({ settings: s3, credentials })
    } catch (error) {
      throw new QueryProblem(`days that are only in the bucket cannot be fetched: ${describe(error)}`)
    }
  }
}

async function fetchDay(client: S3Client, { key, path, bytes }: RemoteDay): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const incoming = `${path}.${process.pid}.tmp`
  try {
    await client.getFile(key, incoming, bytes)
    if (statSync(incoming).size !== bytes) throw new Error(`${key} is not of ${bytes} bytes`)
    renameSync(incoming, path)
  } catch (error) {
    throw new QueryProblem(`a day that is only in the bucket cannot be fetched: ${describe(error)}`)
  } finally {
    rmSync(incoming, { force: true })
  }
}

interface CachedFile {
  readonly path: string
  readonly bytes: number
  readonly usedMs: number
}

function cachedFiles(directory: string): CachedFile[] {
  let names: string[]
  try {
    names = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return names.flatMap((name) => {
    const info = statSync(join(directory, name), { throwIfNoEntry: false })
    return info?.isFile() ? [{ path: join(directory, name), bytes: info.size, usedMs: info.mtimeMs }] : []
  })
}

/** Deletes what was used longest ago until the rest, beside what is kept, is no more than `bytes`. */
function evict(cached: ReadonlyMap<string, CachedFile>, keep: ReadonlySet<string>, bytes: number): void {
  const others = [...cached.values()]
    .filter(({ path }) => !keep.has(path))
    .sort((a, b) => a.usedMs - b.usedMs)
  let left = sum(others)
  for (const file of others) {
    if (left <= bytes) return
    rmSync(file.path, { force: true })
    left -= file.bytes
  }
}

function sum(files: readonly { readonly bytes: number }[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0)
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`
}
