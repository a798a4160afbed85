import { readdir, stat } from 'node:fs/promises'
import { keptDirectory, keptFile, segmentFile, segmentSequence, walDirectory } from '../layout.ts'

export interface ClosedSegment {
  readonly sequence: number
  readonly path: string
  readonly bytes: number
}

/** The segments that nothing is written to any more, oldest first: all but the newest. */
export async function closedSegments(data: string): Promise<ClosedSegment[]> {
  const sequences = await sequencesIn(walDirectory(data))
  return present(sequences.slice(0, -1), (sequence) => segmentFile(data, sequence))
}

/** The segments that are in the archive and kept for receivers of forward_to, oldest first. */
export async function keptSegments(data: string): Promise<ClosedSegment[]> {
  return present(await sequencesIn(keptDirectory(data)), (sequence) => keptFile(data, sequence))
}

/** The numbers of a directory's segments, ascending; none when there is no such directory. */
export async function sequencesIn(directory: string): Promise<number[]> {
  const names: string[] = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const sequences = names.map(segmentSequence).filter((n) => n !== undefined)
  return sequences.toSorted((a, b) => a - b)
}

async function present(
  sequences: readonly number[],
  pathOf: (sequence: number) => string,
): Promise<ClosedSegment[]> {
  const found: ClosedSegment[] = []
  for (const sequence of sequences) {
    const path = pathOf(sequence)
    // The archive takes away what it has converted, and the log the oldest when it is over its budget.
    const info = await stat(path).catch(() => undefined)
    if (info?.isFile()) found.push({ sequence, path, bytes: info.size })
  }
  return found
}
