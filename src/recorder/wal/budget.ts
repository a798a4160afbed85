import { rm } from 'node:fs/promises'
import { log } from '../log.ts'
import type { ClosedSegment } from './closed-segments.ts'
import { readFrames } from './read.ts'

/** Segments that were deleted before they were converted: the log was over its budget. */
export interface Dropped {
  segments: number
  bytes: number
  rows: number
}

/** Deletes the oldest segments until those left have `maxBytes` at most, and counts what was in them. */
export async function dropOldest(
  segments: readonly ClosedSegment[],
  maxBytes: number,
  dropped: Dropped,
): Promise<void> {
  let left = segments.reduce((sum, { bytes }) => sum + bytes, 0)
  for (const { path, bytes } of segments) {
    if (left <= maxBytes) return
    const rows = await countRows(path)
    await rm(path, { force: true })
    left -= bytes
    dropped.segments += 1
    dropped.bytes += bytes
    dropped.rows += rows
    log('budget', `log: over its budget: ${path} with ${rows} records is deleted unconverted`)
  }
}

/** How many records a segment holds, as far as it can be read. */
async function countRows(path: string): Promise<number> {
  let rows = 0
  try {
    for await (const { meta } of readFrames(path)) rows += meta.rows ?? 0
  } catch {
    // It is damaged or gone; what was counted so far is all that is known.
  }
  return rows
}
