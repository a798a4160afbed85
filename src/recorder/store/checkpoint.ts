import { readFile } from 'node:fs/promises'
import { describe, log } from '../log.ts'
import { writeFileAtomic } from './atomic-file.ts'

/**
 * How far a source that can be read again has been stored: its position, and the length that each open segment
 * had when that position was right. What a crash left beyond that length is cut off, and read from the source again.
 */
export interface Checkpoint {
  readonly version: 1
  readonly position: unknown
  /** Segment path below the data directory → bytes. */
  readonly sizes: Readonly<Record<string, number>>
}

/** Reads a checkpoint; undefined when there is none yet, or when the file is not one (said in the log). */
export async function readCheckpoint(path: string): Promise<Checkpoint | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    const value: unknown = JSON.parse(text)
    if (isCheckpoint(value)) return value
    log('checkpoint', `${path} is not a checkpoint; starting over`)
  } catch (error) {
    log('checkpoint', `${path} is damaged (${describe(error)}); starting over`)
  }
  return undefined
}

export function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  return writeFileAtomic(path, `${JSON.stringify(checkpoint)}\n`)
}

function isCheckpoint(value: unknown): value is Checkpoint {
  if (typeof value !== 'object' || value === null) return false
  const { version, sizes } = value as Partial<Record<keyof Checkpoint, unknown>>
  return (
    version === 1 &&
    typeof sizes === 'object' &&
    sizes !== null &&
    Object.values(sizes).every((size) => Number.isSafeInteger(size) && (size as number) >= 0)
  )
}
