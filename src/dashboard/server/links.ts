import { mkdir, readdir, readFile, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAtomic } from '../../agent/write-atomic.ts'
import { newToken, tokenHash } from './token.ts'

/*
 * Links that sign in once: `sekisho dashboard link` makes one, the server takes it. Each is a file whose name is the hash
 * of its token, so that two processes need no lock: whoever removes the file has used the link, and only one can.
 */

export const LINK_MS = 10 * 60_000

/** Makes a link's token, good for ten minutes and one use. Those that nobody used go. */
export async function newLink(stateDirectory: string, now: number = Date.now()): Promise<string> {
  const folder = folderOf(stateDirectory)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    if (!isGood(await expiry(path), now)) await rm(path, { force: true })
  }
  const token = newToken()
  const expiresMs = now + LINK_MS
  await writeAtomic(join(folder, tokenHash(token) ?? ''), `${expiresMs}\n`, { mode: 0o600 })
  return token
}

/** Uses a link: whether it was good. Never again after that, whoever asks at the same moment. */
export async function takeLink(
  stateDirectory: string,
  token: string,
  now: number = Date.now(),
): Promise<boolean> {
  const hash = tokenHash(token)
  if (hash === undefined) return false
  const path = join(folderOf(stateDirectory), hash)
  const expiresMs = await expiry(path)
  const removed = await unlink(path).then(
    () => true,
    () => false,
  )
  return removed && isGood(expiresMs, now)
}

function folderOf(stateDirectory: string): string {
  return join(stateDirectory, 'links')
}

/** A clock that was put back makes no link last longer. */
function isGood(expiresMs: number, now: number): boolean {
  return expiresMs > now && expiresMs <= now + LINK_MS
}

async function expiry(path: string): Promise<number> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return /^\d{1,16}\n$/.test(text) ? Number(text) : 0
}
