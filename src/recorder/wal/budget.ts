import { mkdir, rm, writeFile } from 'node:fs/promises'
import { keptDirectory, lostFile } from '../layout.ts'
import { describe, log } from '../log.ts'
import type { ClosedSegment } from './closed-segments.ts'
import { readFrames } from './read.ts'

/** Segments that were deleted before they were converted: the log was over its budget. */
export interface Dropped {
  segments: number
  bytes: number
  rows: number
}

export function zeroDropped(): Dropped {
  return { segments: 0, bytes: 0, rows: 0 }
}

/** Records by kind; what came by the Forward protocol counts as "events" until it is decoded. */
export type RowsByKind = Readonly<Record<string, number>>

/** Deletes the oldest segments until those left have `maxBytes` at most, and counts what was in them. */
export async function dropOldest(
  segments: readonly ClosedSegment[],
  maxBytes: number,
  dropped: Dropped,
  onDropped?: (segment: ClosedSegment, rows: RowsByKind) => Promise<void>,
): Promise<void> {
  let left = segments.reduce((sum, { bytes }) => sum + bytes, 0)
  for (const segment of segments) {
    const { path, bytes } = segment
    if (left <= maxBytes) return
    const byKind = await countRows(path)
    await rm(path, { force: true })
    left -= bytes
    const rows = Object.values(byKind).reduce((sum, count) => sum + count, 0)
    dropped.segments += 1
    dropped.bytes += bytes
    dropped.rows += rows
    await onDropped?.(segment, byKind)
    log('budget', `log: over its budget: ${path} with ${rows} records is deleted`)
  }
}

/** Notes for the receivers of forward_to what went with a segment, so that they count what they had not got. */
export async function noteLost(data: string, sequence: number, rows: RowsByKind): Promise<void> {
  try {
    await mkdir(keptDirectory(data), { recursive: true, mode: 0o750 })
    await writeFile(lostFile(data, sequence), JSON.stringify(rows), { mode: 0o640 })
  } catch (error) {
    // The disk is full, which is why it went.
    log('budget note', `log: cannot note what ${sequence} held: ${describe(error)}`)
  }
}

/** How many records of each kind a segment holds, as far as it can be read. */
async function countRows(path: string): Promise<RowsByKind> {
  const rows: Record<string, number> = {}
  try {
    for await (const { meta } of readFrames(path, { transient: true })) {
      const kind = meta.kind ?? 'events'
      if (meta.rows !== undefined) rows[kind] = (rows[kind] ?? 0) + meta.rows
    }
  } catch {
    // It is damaged or gone; what was counted so far is all that is known.
  }
  return rows
}
