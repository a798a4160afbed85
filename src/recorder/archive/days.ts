import { mkdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import {
  archiveDirectory,
  currentFiles,
  dayName,
  type Partition,
  partitionPath,
  temporaryDirectory,
} from '../layout.ts'
import { commit } from './commit.ts'
import type { Engine } from './engine.ts'
import type { ArchivedFile } from './files.ts'
import { mergeFiles } from './merge.ts'
import { DAY, type Size } from './parquet.ts'

/** For records that come a little late. */
const SLACK_MS = 3_600_000
/** A day that was merged waits this long for more of them. */
const AGAIN_MS = 6 * 3_600_000

/** A partition and its current files, oldest first. */
export interface PartitionFiles extends Partition {
  readonly files: readonly ArchivedFile[]
  /** Remains that are in a newer file as well. */
  readonly old: readonly ArchivedFile[]
}

export function partitionsOf(files: readonly ArchivedFile[]): PartitionFiles[] {
  const groups = Map.groupBy(files, partitionPath)
  return [...groups.values()].flatMap((group) => {
    const names = currentFiles(group.map(({ name }) => name))
    const current = names.flatMap((name) => group.filter((file) => file.name === name))
    const [first] = group
    return first
      ? [
          {
            site: first.site,
            kind: first.kind,
            date: first.date,
            files: current,
            old: group.filter((file) => !current.includes(file)),
          },
        ]
      : []
  })
}

/** Whether a partition's date is over and it has parts that are not in its day file, or remains. */
export function isDue({ date, files, old }: PartitionFiles, nowMs: number): boolean {
  if (old.length > 0) return true
  const [first] = files
  if (!first || (files.length === 1 && first.name.startsWith('day-'))) return false
  const over = Date.parse(`${date}T00:00:00Z`) + 86_400_000 + SLACK_MS
  if (nowMs < over) return false
  // A file from the future tells of a clock that was set back.
  const age = nowMs - first.modifiedMs
  return !first.name.startsWith('day-') || age < 0 || age >= AGAIN_MS
}

/** Replaces a partition's files by one, sorted. */
export async function mergeDay(
  engine: Engine,
  data: string,
  partition: PartitionFiles,
  onProgress?: () => void,
): Promise<void> {
  const { kind, files, old } = partition
  const archive = archiveDirectory(data)
  const relativePath = (file: ArchivedFile): string => relative(data, join(archive, file.path))
  const [first] = files
  if (files.length === 1 && first?.name.startsWith('day-')) {
    await commit(data, { moves: [], removals: old.map(relativePath) })
    return
  }
  const directory = temporaryDirectory(data)
  await mkdir(directory, { recursive: true, mode: 0o750 })
  const path = join(directory, `${kind}-${partition.date}.parquet`)
  await writePartition(engine, data, partition, path, onProgress)
  const name = dayName(Math.max(...files.map(({ sequence }) => sequence)))
  const target = relative(data, join(archive, partitionPath(partition), name))
  await commit(data, {
    moves: [[relative(data, path), target]],
    removals: [...files, ...old].map(relativePath).filter((path) => path !== target),
  })
}

/** Writes a partition's current files as one sorted file, which is a finished day's, or a day's so far. */
export function writePartition(
  engine: Engine,
  data: string,
  { kind, files }: Pick<PartitionFiles, 'kind' | 'files'>,
  output: string,
  onProgress?: () => void,
): Promise<Size> {
  const inputs = files.map(({ path }) => join(archiveDirectory(data), path))
  return mergeFiles(engine, kind, inputs, output, DAY, onProgress)
}
