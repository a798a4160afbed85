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
  const names = await logNames(directory, id)
  const logs: OpenLog[] = []
  try {
    for (const name of names) {
      const handle = await open(join(directory, name), constants.O_RDONLY | constants.O_NOFOLLOW)
      const log = { handle, ino: 0, head: Buffer.alloc(0) }
      logs.push(log)
      const info = await handle.stat()
      if (!info.isFile()) throw new Error(`${name} is not a file`)
      log.ino = info.ino
    }
    // A rotation while we opened shifts every name: a file could be missing, or be there twice.
    if (await isUnchanged(directory, id, names, logs)) return logs
  } catch (error) {
    await closeAll(logs)
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  await closeAll(logs)
  return undefined
}

/** Names of the log files, oldest first: the numbers fall, and the file being written has none. */
async function logNames(directory: string, id: string): Promise<string[]> {
  const main = `${id}-json.log`
  const ageOf = (name: string): number => Number(name.slice(main.length + 1))
  return (await readdir(directory))
    .filter(
      (name) => name === main || (name.startsWith(`${main}.`) && /^[1-9]\d{0,5}$/.test(`${ageOf(name)}`)),
    )
    .sort((a, b) => ageOf(b) - ageOf(a))
}

async function isUnchanged(
  directory: string,
  id: string,
  names: readonly string[],
  logs: readonly OpenLog[],
): Promise<boolean> {
  if (names.at(-1) !== `${id}-json.log`) return false
  const again = await logNames(directory, id)
  if (again.join() !== names.join()) return false
  for (const [i, name] of names.entries()) {
    if ((await stat(join(directory, name))).ino !== logs[i]?.ino) return false
  }
  return true
}

export async function closeAll(logs: readonly OpenLog[]): Promise<void> {
  for (const { handle } of logs) await handle.close()
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16)
}
