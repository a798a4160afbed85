import { join } from 'node:path'
import { archiveDirectory, partitionPath } from '../layout.ts'
import { listArchive } from './files.ts'
import { chooseExpired, removeFiles, type StoredFile, storedFiles } from './retention.ts'
import { isUploaded } from './upload-due.ts'
import type { UploadState } from './upload-state.ts'

/** What is given up because more waits for its upload than the spool takes: the oldest of the kind that holds the most. */
export function chooseOverflow(files: readonly StoredFile[], spoolBytes: number): StoredFile[] {
  const waiting = files.filter(({ waits }) => waits)
  return chooseExpired(waiting, { retentionDays: Number.POSITIVE_INFINITY, maxBytes: spoolBytes }, undefined)
}

/** To be called before files are deleted: what is in the bucket is then the only copy, and what is not is counted. */
export async function noteExpired(state: UploadState, files: readonly StoredFile[]): Promise<void> {
  const partitions = files.flatMap(({ partition }) => (partition ? [partition] : []))
  for (const [partition] of Map.groupBy(partitions, partitionPath).values()) {
    if (partition) await state.release(partition)
  }
  const dropped = files.filter(({ waits }) => waits)
  const bytes = dropped.reduce((sum, file) => sum + file.bytes, 0)
  if (dropped.length > 0) await state.addDropped(dropped.length, bytes)
}

/** Deletes what a crash left of partitions that were released: it must not be merged with what came later. */
export async function removeReleased(data: string, state: UploadState): Promise<void> {
  const left = (await listArchive(data)).filter((file) => {
    const upload = state.get(file)
    return upload?.released === true && isUploaded(file, upload)
  })
  const paths = new Set(left.map(({ path }) => join(archiveDirectory(data), path)))
  await removeFiles((await storedFiles(data, () => false)).filter(({ path }) => paths.has(path)))
}
