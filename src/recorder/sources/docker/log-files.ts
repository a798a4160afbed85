import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Bytes of a file's beginning that tell it from another one with the same inode number. */
export const HEAD_BYTES = 256

/** How a log file is known again under whatever name rotation gave it. */
export interface FileIdentity {
  readonly ino: number
  /** Length of the beginning that `hash` covers, up to HEAD_BYTES. */
  readonly headBytes: number
  readonly hash: string
}

export interface OpenLog {
  readonly handle: FileHandle
  readonly ino: number
  /** The file's beginning as far as it has been seen. */
  head: Buffer
}

export function identityOf({ ino, head }: OpenLog): FileIdentity {
  return { ino, headBytes: head.length, hash: hashOf(head) }
}

/** Whether an open file is the one that was known by this identity; extends its head to what can be read now. */
export async function isSame(log: OpenLog, identity: FileIdentity): Promise<boolean> {
  if (log.ino !== identity.ino) return false
  await readHead(log)
  return (
    log.head.length >= identity.headBytes &&
    hashOf(log.head.subarray(0, identity.headBytes)) === identity.hash
  )
}

/**
 * Reads the beginning again, and more of it where there is more; false, and nothing changed, when it is not what
 * it was: the file was emptied and written anew.
 */
export async function readHead(log: OpenLog): Promise<boolean> {
  const buffer = Buffer.alloc(HEAD_BYTES)
  const { bytesRead } = await log.handle.read(buffer, 0, HEAD_BYTES, 0)
  if (bytesRead < log.head.length || !log.head.equals(buffer.subarray(0, log.head.length))) return false
  log.head = buffer.subarray(0, bytesRead)
  return true
}

/**
 * Opens a container's log and its rotated files (`<id>-json.log`, `.1`, `.2`, …), oldest first. Undefined when a
 * rotation came between: try again.
 */
export async function openLogs(directory: string, id: string): Promise<OpenLog[] | undefined> {
  const main = `${id}-json.log`
  const names = (await readdir(directory))
    .filter(
      (name) =>
        name === main || (name.startsWith(`${main}.`) && /^[1-9]\d{0,5}$/.test(name.slice(main.length + 1))),
    )
    .map((name) => ({ name, age: name === main ? 0 : Number(name.slice(main.length + 1)) }))
    .sort((a, b) => b.age - a.age)
  const logs: OpenLog[] = []
  try {
    for (const { name } of names) {
      const handle = await open(join(directory, name), constants.O_RDONLY | constants.O_NOFOLLOW)
      const log: OpenLog = { handle, ino: 0, head: Buffer.alloc(0) }
      logs.push(log)
      const info = await handle.stat()
      if (!info.isFile()) throw new Error(`${name} is not a file`)
      logs[logs.length - 1] = { ...log, ino: info.ino }
    }
    const inodes = new Set(logs.map(({ ino }) => ino))
    const last = logs.at(-1)
    const steady =
      names.at(-1)?.name === main &&
      inodes.size === logs.length &&
      (await stat(join(directory, main))).ino === last?.ino
    if (steady) return logs
  } catch (error) {
    await closeAll(logs)
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  await closeAll(logs)
  return undefined
}

export async function closeAll(logs: readonly OpenLog[]): Promise<void> {
  for (const { handle } of logs) await handle.close()
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16)
}
