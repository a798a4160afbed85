import { copyFile, link, lstat, mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { hasCode } from '../router/host.ts'
import type { Source } from './collect.ts'
import type { ArchivedFolder } from './manifest.ts'
import { Refusal } from './refusal.ts'

export interface Snapshot {
  readonly sources: readonly Source[]
  readonly folders: readonly ArchivedFolder[]
  readonly warnings: readonly string[]
}

interface Found {
  readonly path: string
  readonly inode: number
  readonly folder?: ArchivedFolder
}

const ATTEMPTS = 50
const PAUSE_MS = 20

/**
 * Holds the files of a folder of kept data as they are at one moment, while their program goes on: each gets a second
 * name in `scratch`, and the whole is taken again unless the names were the same before and after. A program that
 * replaces its files by renaming (the agent, and kea when it tidies up its leases) is seen before or after, never in
 * between; one that appends, as kea does line by line, has its whole lines up to then. `only` names the files that
 * are wanted, seen from the folder.
 */
export async function takeSnapshot(
  root: string,
  path: string,
  scratch: string,
  only: readonly string[] | undefined,
): Promise<Snapshot> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const warnings: string[] = []
    const before = await look(root, path, only, warnings)
    try {
      await rm(scratch, { recursive: true, force: true })
      const sources: Source[] = []
      for (const [index, found] of before.entries()) {
        if (found.folder) continue
        const from = join(scratch, String(index))
        await hold(root + found.path, from)
        sources.push({ path: found.path, kind: 'data', from })
      }
      const after = await look(root, path, only, [])
      if (fingerprint(before) === fingerprint(after))
        return { sources, folders: foldersOf(before, only === undefined), warnings }
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  throw new Refusal(
    `the files in ${path} change faster than they can be read`,
    'stop the module for a moment',
  )
}

function foldersOf(found: readonly Found[], whole: boolean): ArchivedFolder[] {
  const folders = found.flatMap(({ folder }) => folder ?? [])
  return folders.map((folder, index) => (whole && index === 0 ? { ...folder, whole: true } : folder))
}

function fingerprint(found: readonly Found[]): string {
  return found.map(({ path, inode }) => `${inode} ${path}`).join('\n')
}

async function look(
  root: string,
  path: string,
  only: readonly string[] | undefined,
  warnings: string[],
): Promise<Found[]> {
  const stat = await lstat(root + path).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  })
  if (stat === undefined) return []
  if (only !== undefined) {
    const folder = folderOf(path, stat)
    const named = await Promise.all(
      [...only].sort().map(async (name) => {
        const found = await look(root, `${path}/${name}`, undefined, warnings)
        const parents = found.length > 0 ? await parentsOf(root, path, name) : []
        return [...parents, ...found]
      }),
    )
    const files = named.flat()
    return files.length === 0 ? [] : [{ path, inode: stat.ino, folder }, ...files]
  }
  if (stat.isDirectory()) {
    const inside: Found[] = []
    for (const name of (await readdir(root + path)).sort())
      inside.push(...(await look(root, `${path}/${name}`, undefined, warnings)))
    return [{ path, inode: stat.ino, folder: folderOf(path, stat) }, ...inside]
  }
  // The number of a process means nothing on another machine, or another process.
  if (path.endsWith('.pid') || stat.isSocket() || stat.isFIFO()) return []
  if (stat.isFile()) return [{ path, inode: stat.ino }]
  warnings.push(`${path} is neither a file nor a folder and stays behind`)
  return []
}

async function parentsOf(root: string, path: string, name: string): Promise<Found[]> {
  const parts = name.split('/').slice(0, -1)
  const parents = parts.map((_, i) => `${path}/${parts.slice(0, i + 1).join('/')}`)
  return Promise.all(
    parents.map(async (parent) => {
      const stat = await lstat(root + parent)
      return { path: parent, inode: stat.ino, folder: folderOf(parent, stat) }
    }),
  )
}

function folderOf(
  path: string,
  { mode, uid, gid }: { mode: number; uid: number; gid: number },
): ArchivedFolder {
  return { path, mode: mode & 0o777, uid, gid }
}

/** A second name costs nothing and stays on the bytes that the first had; across disks there is only a copy. */
async function hold(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 })
  await link(from, to).catch(async (error: unknown) => {
    if (!hasCode(error, 'EXDEV', 'EPERM', 'EMLINK')) throw error
    await copyFile(from, to)
  })
}
