import type { ArchivedFile } from './files.ts'
import { dateOf } from './filing.ts'
import type { PartitionUpload } from './upload-state.ts'

const HOUR_MS = 3_600_000

type LocalFile = Pick<ArchivedFile, 'name' | 'sequence'>

/** Whether the bucket has, verified, all that is in a local file. */
export function isUploaded(file: LocalFile, upload: PartitionUpload | undefined): boolean {
  return upload !== undefined && file.sequence <= upload.sequence
}

/** The files of a partition that belong into its next object. */
export function unsent<F extends LocalFile>(files: readonly F[], upload: PartitionUpload | undefined): F[] {
  return files.filter((file) => !(upload?.released && isUploaded(file, upload)))
}

/**
 * Whether a partition is to be put now. While its day lasts: when it has changed, at most hourly. Once more when the day is
 * over and sorted to one file. When late records came: when they are sorted in, at most hourly.
 */
export function dueUpload(
  files: readonly LocalFile[],
  upload: PartitionUpload | undefined,
  date: string,
  now: number,
): 'no' | 'interim' | 'final' {
  const left = unsent(files, upload)
  if (left.length === 0) return 'no'
  const whole = date < dateOf(now) && left.length === 1 && left[0]?.name.startsWith('day-') === true
  if (whole && !upload?.final) return 'final'
  if (left.every((file) => isUploaded(file, upload))) return 'no'
  // A clock that was set back must not hold an upload until it is right again.
  const age = upload ? Math.abs(now - Date.parse(upload.verified)) : HOUR_MS
  if (age < HOUR_MS) return 'no'
  return whole ? 'final' : 'interim'
}
