import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Each process of the watchers has a file, written anew this often. */
export const STATUS_MS = 5000

/** What every status file says; each adds its own figures. */
export interface WatchStatus {
  readonly version: 1
  /** When the process started and when this was written: RFC 3339, UTC. */
  readonly since: string
  readonly time: string
  /** "up", or why it is not. */
  readonly state: string
}

let last: Promise<unknown> = Promise.resolve()

/** Replaces `<directory>/<name>.json` in one rename; it lies on a tmpfs and need not survive a power cut. */
export function writeStatus(
  directory: string,
  name: string,
  status: WatchStatus & Readonly<Record<string, unknown>>,
): Promise<void> {
  // One after the other: they share a temporary file.
  const written = last.then(() => replace(join(directory, `${name}.json`), `${JSON.stringify(status)}\n`))
  last = written
  return written
}

async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`
  try {
    await writeFile(temporary, text, { mode: 0o644 })
    await rename(temporary, path)
  } catch (error) {
    process.stderr.write(`cannot write ${path}: ${error instanceof Error ? error.message : String(error)}\n`)
  }
}
