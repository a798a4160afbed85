import { chmod, chown, copyFile, mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncPath } from '../lib/sync-path.ts'
import { hasCode } from '../router/host.ts'
import { PATHS } from '../router/paths.ts'
import { exists } from './exists.ts'
import type { ArchivedFile, BackupManifest } from './manifest.ts'
import { CONFIG_FOLDER } from './travel.ts'

/** What has to be moved where. */
export interface Placing {
  readonly manifest: BackupManifest
  readonly root: string
  readonly stage: string
  readonly conflicts: readonly string[]
  /** What takes back what was done so far, in the order in which it was done. */
  readonly undo: (() => Promise<void>)[]
}

/** Moves everything into its place, router.yaml last; returns where that is now which was there. */
export async function placeAll({ manifest, root, stage, conflicts, undo }: Placing): Promise<string[]> {
  const kept: string[] = []
  for (const path of conflicts) {
    const beside = await freeName(`${root}${path}.before-restore`)
    await rename(root + path, beside)
    undo.push(async () => {
      await rm(root + path, { recursive: true, force: true })
      await rename(beside, root + path)
    })
    kept.push(beside.slice(root.length))
  }
  for (const { path, mode, uid, gid } of manifest.folders) {
    await makeFolder(root, dirname(path))
    await mkdir(root + path, { recursive: true })
    await chown(root + path, uid, gid)
    await chmod(root + path, mode)
  }
  const last = ({ path }: ArchivedFile) => (path === PATHS.config ? 1 : 0)
  for (const file of manifest.files.toSorted((a, b) => last(a) - last(b))) {
    // The same bytes are there already, as after a restore that was cut short: they stay if this one is taken back.
    if (!(await exists(root + file.path))) undo.push(() => rm(root + file.path, { force: true }))
    await place(file, root, stage)
  }
  return kept
}

async function place({ path, mode, uid, gid }: ArchivedFile, root: string, stage: string): Promise<void> {
  const from = stage + path
  const to = root + path
  await makeFolder(root, dirname(path))
  await chown(from, uid, gid)
  await chmod(from, mode)
  await rename(from, to).catch(async (error: unknown) => {
    if (!hasCode(error, 'EXDEV')) throw error
    const beside = join(dirname(to), `.sekisho-restore-${process.pid}`)
    try {
      await copyFile(from, beside)
      await chown(beside, uid, gid)
      await chmod(beside, mode)
      await syncPath(beside)
      await rename(beside, to)
    } catch (failure) {
      await rm(beside, { force: true })
      throw failure
    }
  })
  await syncPath(dirname(to))
}

async function makeFolder(root: string, path: string): Promise<void> {
  if (path === PATHS.secrets) {
    await mkdir(root + path, { recursive: true, mode: 0o700 })
    await chmod(root + path, 0o700)
  } else if (path.startsWith(`${PATHS.secrets}/`)) await mkdir(root + path, { recursive: true, mode: 0o700 })
  else if (path.startsWith(CONFIG_FOLDER)) await mkdir(root + path, { recursive: true, mode: 0o755 })
  else await mkdir(root + path, { recursive: true, mode: 0o750 })
}

async function freeName(path: string): Promise<string> {
  for (let i = 1; ; i++) {
    const name = i === 1 ? path : `${path}.${i}`
    if (!(await exists(name))) return name
  }
}
