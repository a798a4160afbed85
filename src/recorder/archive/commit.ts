import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncDirectory, writeFileAtomic } from '../atomic-file.ts'
import { stateDirectory } from '../layout.ts'

/*
 * What a step of the archive changes on the disk happens as a whole, whenever the process or the machine dies: the new
 * files are written and synced under temporary names, then the list of what is to be done is, and then it is done. A
 * list that is found at the start is done again, which changes nothing where it was done before.
 */

/** Paths are relative to the recorder's data directory. */
export interface Changes {
  /** From, to. */
  readonly moves: readonly (readonly [string, string])[]
  readonly removals: readonly string[]
}

/** Makes the changes, or throws with none of them made. */
export async function commit(data: string, changes: Changes): Promise<void> {
  for (const [from] of changes.moves) await syncFile(join(data, from))
  for (const directory of new Set(changes.moves.map(([from]) => dirname(join(data, from)))))
    await syncDirectory(directory)
  await writeFileAtomic(listFile(data), JSON.stringify(changes))
  await apply(data, changes)
}

/** Finishes what a crash interrupted. */
export async function recover(data: string): Promise<void> {
  let text: string
  try {
    text = await readFile(listFile(data), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return
    throw error
  }
  // It came there by one rename, after fsync: what it holds is what was written.
  await apply(data, JSON.parse(text) as Changes)
}

async function apply(data: string, { moves, removals }: Changes): Promise<void> {
  const touched = new Set<string>()
  for (const [from, to] of moves) {
    const target = join(data, to)
    await mkdir(dirname(target), { recursive: true, mode: 0o750 })
    await rename(join(data, from), target).catch(ignoreMissing)
    // The directories above may be new too.
    for (let path = dirname(target); path.length > data.length; path = dirname(path)) touched.add(path)
  }
  for (const directory of touched) await syncDirectory(directory)
  for (const path of removals) await rm(join(data, path), { force: true })
  for (const directory of new Set(removals.map((path) => dirname(join(data, path))))) {
    await syncDirectory(directory).catch(ignoreMissing)
  }
  await rm(listFile(data), { force: true })
  await syncDirectory(stateDirectory(data))
}

function listFile(data: string): string {
  return join(stateDirectory(data), 'commit.json')
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.chmod(0o640)
    await file.sync()
  } finally {
    await file.close()
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
