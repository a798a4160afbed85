import { stat } from 'node:fs/promises'
import { segmentFile, segmentSequence, walDirectory } from '../layout.ts'
import type { ClosedSegment } from '../wal/segment-log.ts'
import { namesIn } from './files.ts'

/** The segments that nothing is written to any more, oldest first: all but the newest. */
export async function closedSegments(data: string): Promise<ClosedSegment[]> {
  const sequences = (await namesIn(walDirectory(data))).map(segmentSequence).filter((n) => n !== undefined)
  const closed: ClosedSegment[] = []
  for (const sequence of sequences.toSorted((a, b) => a - b).slice(0, -1)) {
    const path = segmentFile(data, sequence)
    // The log deletes the oldest itself when it is over its budget.
    const info = await stat(path).catch(() => undefined)
    if (info?.isFile()) closed.push({ sequence, path, bytes: info.size })
  }
  return closed
}
