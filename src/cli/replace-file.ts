import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncPath } from '../lib/sync-path.ts'

/** Replaces a user's file at one stroke; its owner and mode stay, and a crash leaves the old text or the new. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const beside = `${path}.${process.pid}.tmp`
  try {
    const { mode, uid, gid } = await stat(path)
    const handle = await open(beside, 'wx', mode & 0o777)
    try {
      await handle.writeFile(text)
      await handle.chown(uid, gid)
      await handle.chmod(mode & 0o777)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(beside, path)
  } finally {
    await rm(beside, { force: true })
  }
  await syncPath(dirname(path))
}
