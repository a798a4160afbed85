import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const PREFIX = 'sekisho-query-'
// Not tmpdir(): Debian 13's /tmp is in memory, which is what a query that comes here has too little of.
const DEFAULT_ROOT = '/var/tmp'

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
    process.on('exit', this.#onExit)
  }

  remove(): void {
    process.off('exit', this.#onExit)
    rmSync(this.path, { recursive: true, force: true })
  }
}

function removeLeftovers(root: string): void {
  for (const name of readdirSync(root)) {
    const pid = /^sekisho-query-(\d+)-/.exec(name)?.[1]
    if (pid === undefined || isAlive(Number(pid))) continue
    const path = join(root, name)
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
