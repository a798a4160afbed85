import { readdir, stat } from 'node:fs/promises'
import { segmentFile, segmentSequence, walDirectory } from '../layout.ts'

export interface ClosedSegment {
  readonly sequence: number
  readonly path: string
  readonly bytes: number
}

/** The segments that nothing is written to any more, oldest first: all but the newest. */
export async function closedSegments(data: string): Promise<ClosedSegment[]> {
  const names: string[] = await readdir(walDirectory(data)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const sequences = names.map(segmentSequence).filter((n) => n !== undefined)
  const closed: ClosedSegment[] = []
  for (const sequence of sequences.toSorted((a, b) => a - b).slice(0, -1)) {
    const path = segmentFile(data, sequence)
    // The archive deletes what it has converted, and the log the oldest when it is over its budget.
    const info = await stat(path).catch(() => undefined)
    if (info?.isFile()) closed.push({ sequence, path, bytes: info.size })
  }
  return closed
}
