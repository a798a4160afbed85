import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const PREFIX = 'sekisho-query-'
// Not tmpdir(): Debian 13's /tmp is in memory, which is what a query that comes here has too little of.
const DEFAULT_ROOT = '/var/tmp'

/** Those of this process. In a container each process has the number of the one before: all others of it are leftovers. */
const own = new Set<string>()

/**
 * A directory for what one process needs while it answers: mode 0700, gone when the process ends, by a signal too. What a
 * process left that was killed outright is removed by the next one.
 */
export class TempDirectory {
  readonly path: string
  readonly #onExit = (): void => this.remove()

  constructor(root = process.env.TMPDIR ?? DEFAULT_ROOT) {
    removeLeftovers(root)
    this.path = mkdtempSync(join(root, `${PREFIX}${process.pid}-`))
    own.add(this.path)
    process.on('exit', this.#onExit)
  }

  remove(): void {
    process.off('exit', this.#onExit)
    rmSync(this.path, { recursive: true, force: true })
    own.delete(this.path)
  }
}

function removeLeftovers(root: string): void {
  for (const name of readdirSync(root)) {
    const pid = /^sekisho-query-(\d+)-/.exec(name)?.[1]
    const path = join(root, name)
    if (pid === undefined || own.has(path)) continue
    if (Number(pid) !== process.pid && isAlive(Number(pid))) continue
    try {
      // In a directory that everybody writes to, a name says nothing.
      if (lstatSync(path).uid === process.getuid?.()) rmSync(path, { recursive: true, force: true })
    } catch {
      // Another process was first.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
