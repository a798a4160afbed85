import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { withFileLock } from '../lib/file-lock.ts'

export interface CacheOptions {
  /** How many entries of this kind stay, the newest used first. */
  readonly keep?: number
  /** Where the cache lives; the default is $SEKISHO_CACHE or /var/cache/sekisho. */
  readonly root?: string
  readonly onWait?: () => void
}

/** The directory in which built things survive between checkouts: $SEKISHO_CACHE or /var/cache/sekisho. */
export function cacheRoot(): string {
  return process.env.SEKISHO_CACHE || '/var/cache/sekisho'
}

/**
 * Returns the directory `<cache>/<kind>/<hash>`, calling `build` with an empty directory first when it is not
 * there yet. A directory under its final name is always complete; two builders of one hash build once.
 */
export async function cached(
  kind: string,
  hash: string,
  build: (directory: string) => Promise<void>,
  options: CacheOptions = {},
): Promise<string> {
  const folder = join(options.root ?? cacheRoot(), kind)
  const entry = join(folder, hash)
  if (await exists(entry)) {
    await touch(entry)
    return entry
  }
  return withFileLock(
    join(folder, `.${hash}.lock`),
    async () => {
      if (await exists(entry)) return entry
      await removeLeftovers(folder, hash)
      const work = await mkdtemp(join(folder, `.${hash}.`))
      try {
        await build(work)
        // mkdtemp makes 0700; what is built here is no secret.
        await chmod(work, 0o755)
        await touch(work)
        await rename(work, entry)
      } catch (error) {
        await rm(work, { recursive: true, force: true })
        throw error
      }
      await prune(folder, hash, options.keep ?? 2)
      return entry
    },
    options.onWait === undefined ? {} : { onWait: options.onWait },
  )
}

/** Removes all but the `keep` last used entries; one that a running lab has mounted stays for next time. */
async function prune(folder: string, current: string, keep: number): Promise<void> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.') && name !== current)
  const dated = await Promise.all(
    names.map(async (name) => ({ name, used: (await stat(join(folder, name))).mtimeMs })),
  )
  dated.sort((a, b) => b.used - a.used)
  for (const { name } of dated.slice(Math.max(0, keep - 1))) {
    if (await inUse(join(folder, name))) continue
    // Out of sight in one step, so that nobody finds half an entry.
    const doomed = join(folder, `.${name}.old`)
    await rm(doomed, { recursive: true, force: true })
    await rename(join(folder, name), doomed)
    await rm(doomed, { recursive: true, force: true })
    await rm(join(folder, `.${name}.lock`), { force: true })
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch {
    return false
  }
}

async function touch(path: string): Promise<void> {
  const now = new Date()
  await utimes(path, now, now)
}

/** What a builder that was killed left behind. Only the holder of the entry's lock may call it. */
async function removeLeftovers(folder: string, hash: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const left = name.startsWith(`.${hash}.`) && name !== `.${hash}.lock`
    if (left) await rm(join(folder, name), { recursive: true, force: true })
  }
}

/** Whether some mount namespace has this directory mounted, say as the lower layer of a running machine. */
async function inUse(path: string): Promise<boolean> {
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    try {
      if ((await readFile(`/proc/${pid}/mountinfo`, 'utf8')).includes(path)) return true
    } catch {
      // The process is gone, or is another user's.
    }
  }
  return false
}
