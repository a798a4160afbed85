import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../atomic-file.ts'
import { type Partition, partitionPath } from '../layout.ts'
import type { BackOff } from './s3/back-off.ts'
import type { ArchiveSettings, S3Settings } from './settings.ts'

/** What the bucket has of a partition; `sekisho query` reads it too. */
export interface PartitionUpload {
  /** The records of all segments up to this one are in the objects; -1: of none for certain (the state was lost). */
  readonly sequence: number
  /** The day was over, and whole. */
  readonly final: boolean
  /** When the server's checksum was found to be ours: RFC 3339, UTC. */
  readonly verified: string
  /** The objects are the only copy: local files up to `sequence` are gone, or are about to go. */
  readonly released: boolean
  /** By key. Parquet has one; ndjson.gz one an hour, whose `rows` tell whether something came later. */
  readonly objects: Readonly<Record<string, ObjectState>>
  /** ndjson.gz: the index in the objects' names, one more for what came after the release. */
  readonly index?: number
}

export interface ObjectState {
  readonly bytes: number
  readonly sha256: string
  readonly rows?: number
}

interface Main {
  readonly version: 1
  /** Endpoint, bucket, prefix and format: elsewhere nothing is uploaded yet. */
  readonly target: string
  /** Whether the partitions' files say what the target holds; until then it must be looked up. */
  readonly known: boolean
  readonly backOff?: BackOff
  /** Given up unsent since the beginning, because the spool was full. */
  readonly dropped: { readonly files: number; readonly bytes: number }
}

type Month = Readonly<Record<string, PartitionUpload>>

/** Where the uploads go: somewhere else everything begins anew. */
export function targetOf(format: ArchiveSettings['format'], s3: S3Settings): string {
  return `${s3.endpoint}/${s3.bucket}/${s3.prefix} ${format}`
}

/**
 * The state of the uploads below `<data>/state`: upload.json, and upload/<month>.json with the partitions of a month, so
 * that ten years are no large file to write each hour. Each is replaced atomically.
 */
export class UploadState {
  readonly #data: string
  readonly #months: Map<string, Month>
  #main: Main

  private constructor(data: string, main: Main, months: Map<string, Month>) {
    this.#data = data
    this.#main = main
    this.#months = months
  }

  /** Reads it for a target; what was noted for another one, or is damaged, counts for nothing. */
  static async open(data: string, target: string): Promise<UploadState> {
    await mkdir(monthDirectory(data), { recursive: true })
    const main = await readJson<Main>(mainFile(data))
    const months = await readMonths(data)
    if (main?.target === target && main.known && months) return new UploadState(data, main, months)
    const dropped = main?.dropped ?? { files: 0, bytes: 0 }
    const backOff = main?.target === target ? main.backOff : undefined
    const fresh = { version: 1 as const, target, known: false, dropped, ...(backOff && { backOff }) }
    return new UploadState(data, fresh, new Map())
  }

  get known(): boolean {
    return this.#main.known
  }

  get backOff(): BackOff | undefined {
    return this.#main.backOff
  }

  get dropped(): Main['dropped'] {
    return this.#main.dropped
  }

  get(partition: Partition): PartitionUpload | undefined {
    return this.#months.get(monthOf(partition))?.[partitionPath(partition)]
  }

  async set(partition: Partition, upload: PartitionUpload): Promise<void> {
    const month = monthOf(partition)
    await this.#writeMonth(month, { ...this.#months.get(month), [partitionPath(partition)]: upload })
  }

  /**
   * Notes that local files of a partition are about to be deleted; do so only when it resolved. From then on what is
   * in the bucket is kept by adding to it.
   */
  async release(partition: Partition): Promise<void> {
    const upload = this.get(partition)
    if (upload && !upload.released) await this.set(partition, { ...upload, released: true })
  }

  /** Begins anew with what the bucket was found to hold. */
  async replaceAll(entries: readonly (readonly [Partition, PartitionUpload])[]): Promise<void> {
    await this.#writeMain({ ...this.#main, known: false })
    await rm(monthDirectory(this.#data), { recursive: true })
    await mkdir(monthDirectory(this.#data))
    this.#months.clear()
    for (const [month, list] of Map.groupBy(entries, ([partition]) => monthOf(partition))) {
      const uploads = list.map(([partition, upload]) => [partitionPath(partition), upload] as const)
      await this.#writeMonth(month, Object.fromEntries(uploads))
    }
    await this.#writeMain({ ...this.#main, known: true })
  }

  async setBackOff(backOff: BackOff | undefined): Promise<void> {
    const { backOff: before, ...rest } = this.#main
    if (before === undefined && backOff === undefined) return
    await this.#writeMain({ ...rest, ...(backOff && { backOff }) })
  }

  async addDropped(files: number, bytes: number): Promise<void> {
    const { dropped } = this.#main
    const sum = { files: dropped.files + files, bytes: dropped.bytes + bytes }
    await this.#writeMain({ ...this.#main, dropped: sum })
  }

  async #writeMonth(month: string, partitions: Month): Promise<void> {
    const text = `${JSON.stringify({ version: 1, partitions })}\n`
    await writeFileAtomic(join(monthDirectory(this.#data), `${month}.json`), text)
    this.#months.set(month, partitions)
  }

  async #writeMain(main: Main): Promise<void> {
    await writeFileAtomic(mainFile(this.#data), `${JSON.stringify(main)}\n`)
    this.#main = main
  }
}

/** What the bucket is known to have; nothing when nothing was ever uploaded, or its state is lost. */
export async function readUploads(data: string): Promise<ReadonlyMap<string, PartitionUpload>> {
  const main = await readJson<Main>(mainFile(data))
  const months = main?.known ? await readMonths(data) : undefined
  return new Map([...(months?.values() ?? [])].flatMap((month) => Object.entries(month)))
}

/** The months' files; undefined when one is damaged. */
async function readMonths(data: string): Promise<Map<string, Month> | undefined> {
  const months = new Map<string, Month>()
  for (const name of await readdir(monthDirectory(data)).catch(() => [])) {
    if (!/^\d{4}-\d{2}\.json$/.test(name)) continue
    const file = await readJson<{ partitions?: Month }>(join(monthDirectory(data), name))
    if (typeof file?.partitions !== 'object' || file.partitions === null) return undefined
    months.set(name.slice(0, 7), file.partitions)
  }
  return months
}

async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T
  } catch (error) {
    // A file that is absent or damaged is as good as lost; a disk that fails is another thing.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function mainFile(data: string): string {
  return join(data, 'state', 'upload.json')
}

function monthDirectory(data: string): string {
  return join(data, 'state', 'upload')
}

function monthOf({ date }: Partition): string {
  return date.slice(0, 7)
}
