import type { UploadReport } from './upload.ts'

/** What became of a segment's records. */
export interface Converted {
  rows: number
  /** Forward chunks that had come before, and were left out. */
  duplicateChunks: number
  /** Rows of which a value did not fit its column and is null now. */
  repaired: number
  /** Lines that are no record, kept in the quarantine. */
  malformed: number
  /** Frames of an encoding or kind that this release does not know, kept in the quarantine. */
  unknownFrames: number
  /** Bytes behind the last whole frame, kept in the quarantine. */
  damagedBytes: number
}

/** What a pass did. */
export interface PassCounts extends Converted {
  segments: number
  /** Segments that could not be converted at all, kept in the quarantine. */
  quarantined: number
  /** Partitions that were merged into one file. */
  days: number
  /** Files that retention deleted, and their bytes. */
  deletedFiles: number
  deletedBytes: number
}

/** What is kept, in the bucket and here, and what a month of that costs at S3's prices: as `sekisho cost` says it. */
export interface MonthlyCost {
  readonly storedBytes: number
  readonly dollars: number
  readonly yen: number
}

/** What the process of a pass says on stdout, a line each. */
export interface PassMessage {
  /** Since the pass began. */
  readonly counts: PassCounts
  /** In the last message: what the archive holds. */
  readonly stored?: { readonly files: number; readonly bytes: number }
  /** In the last message: what a month costs as things are now. */
  readonly cost?: MonthlyCost
  /** In the last message: the most memory that the pass had resident. */
  readonly peakBytes?: number
  /** In the last message, when there is a bucket. */
  readonly upload?: UploadReport
  /** In the last message: why the pass failed. */
  readonly error?: string
}

export function zeroConverted(): Converted {
  return { rows: 0, duplicateChunks: 0, repaired: 0, malformed: 0, unknownFrames: 0, damagedBytes: 0 }
}

export function zeroPass(): PassCounts {
  return { segments: 0, ...zeroConverted(), quarantined: 0, days: 0, deletedFiles: 0, deletedBytes: 0 }
}
