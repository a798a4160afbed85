import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../atomic-file.ts'
import { stateDirectory } from '../layout.ts'
import type { Cursor } from './log-reader.ts'
import type { Sent } from './sender.ts'

/** What is known of a receiver from run to run. */
export interface Saved extends Sent {
  readonly cursor: Cursor
}

export function savedFile(data: string): string {
  return join(stateDirectory(data), 'forward-to.json')
}

/** By address; nothing when there is no file or it is damaged: then what is still in the log is sent again. */
export async function readSaved(data: string): Promise<Readonly<Record<string, Saved>>> {
  try {
    const value = JSON.parse(await readFile(savedFile(data), 'utf8')) as Record<string, Saved>
    return Object.fromEntries(Object.entries(value).filter(([, saved]) => isSaved(saved)))
  } catch {
    return {}
  }
}

export function writeSaved(data: string, saved: Readonly<Record<string, Saved>>): Promise<void> {
  return writeFileAtomic(savedFile(data), JSON.stringify(saved))
}

function isSaved({ cursor, forwarded, lost }: Saved): boolean {
  const numbers = [cursor?.sequence, cursor?.offset, cursor?.rows, forwarded, lost]
  return numbers.every((number) => Number.isSafeInteger(number))
}
