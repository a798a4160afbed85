import type { Host } from '../host.ts'
import type { GenerationOnDisk } from '../inventory.ts'
import { PATHS } from '../paths.ts'
import { linkedGeneration, listGenerations, readGeneration } from './generation.ts'
import { readMeta } from './meta.ts'
import { readUndone } from './undone.ts'

/** A generation as the list has it. */
export interface HistoryEntry {
  readonly number: number
  /** When it was made, ISO 8601; of one that does not say so, when its folder was. */
  readonly createdAt: string
  /** Undefined for one that does not say. */
  readonly author: string | undefined
  readonly summary: readonly string[]
  /** It is in use. */
  readonly current: boolean
  /** The next boot starts it. */
  readonly confirmed: boolean
  /** Why the machine went back from it before it was ever confirmed; absent when it did not. */
  readonly undone?: string
}

/** Every generation on the disk, the newest first. */
export async function listHistory(host: Host): Promise<HistoryEntry[]> {
  const [numbers, current, confirmed] = await Promise.all([
    listGenerations(host),
    linkedGeneration(host, PATHS.current),
    linkedGeneration(host, PATHS.confirmed),
  ])
  const entries = numbers.toReversed().map(async (number): Promise<HistoryEntry> => {
    const [meta, undone] = await Promise.all([readMeta(host, number), readUndone(host, number)])
    return {
      number,
      createdAt: meta?.createdAt ?? (await folderDate(host, number)),
      author: meta?.author,
      summary: meta?.summary ?? [],
      current: number === current,
      confirmed: number === confirmed,
      ...(undone && { undone: undone.why }),
    }
  })
  return Promise.all(entries)
}

async function folderDate(host: Host, number: number): Promise<string> {
  const { stdout } = await host.exec(['stat', '--format=%Y', `${PATHS.generations}/${number}`])
  const seconds = Number(stdout.trim() || 0)
  return new Date(Number.isFinite(seconds) ? seconds * 1000 : 0).toISOString()
}

/** The generation that a word means, its number, "current" or "confirmed"; or why there is none. */
export async function findGeneration(host: Host, word: string): Promise<GenerationOnDisk | string> {
  const link = { current: PATHS.current, confirmed: PATHS.confirmed }[word]
  const number =
    link !== undefined
      ? await linkedGeneration(host, link)
      : /^\d{1,9}$/.test(word)
        ? Number(word)
        : undefined
  const found = number === undefined ? undefined : await readGeneration(host, number)
  if (found) return found
  const there = (await listGenerations(host)).join(', ')
  return `there is no generation ${JSON.stringify(word)}. Fix: ${there === '' ? 'apply first' : `name one of ${there}`}`
}
