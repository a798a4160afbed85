import { spawnSync } from 'node:child_process'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { getSystemErrorName } from 'node:util'
import { errno, setns, unshare } from '../recorder/netlink/libc.ts'

const CLONE_NEWNET = 0x40000000
/** Of the thread, not of the process: a thread may be in a network of its own. */
const HERE = '/proc/thread-self/ns/net'

/**
 * A network namespace that lives as long as the process that made it: nothing but a descriptor holds it, so that
 * however the process ends, the kernel takes the network away.
 */
export class Namespace {
  readonly #fd: number

  private constructor(fd: number) {
    this.#fd = fd
  }

  /** The one that this thread is in. */
  static here(): Namespace {
    return new Namespace(openSync(HERE, 'r'))
  }

  /** A new, empty one. */
  static create(): Namespace {
    const before = Namespace.here()
    try {
      check('unshare', unshare(CLONE_NEWNET))
      return Namespace.here()
    } finally {
      before.#enter()
      closeSync(before.#fd)
    }
  }

  /** A path by which programs that this process starts find it. */
  get path(): string {
    return `/proc/${process.pid}/fd/${this.#fd}`
  }

  /** What `work` opens or starts belongs to this network. It must not wait: the thread is in one network at a time. */
  run<T>(work: () => T): T {
    const before = Namespace.here()
    this.#enter()
    try {
      return work()
    } finally {
      before.#enter()
      closeSync(before.#fd)
    }
  }

  /** Runs a program there; what went wrong, or undefined. */
  try(argv: readonly string[], input = ''): { readonly stdout: string; readonly problem?: string } {
    const [file = '', ...args] = argv
    const done = this.run(() =>
      spawnSync(file, args, { input, encoding: 'utf8', timeout: 60_000, maxBuffer: 1 << 28 }),
    )
    if (done.error) return { stdout: '', problem: done.error.message }
    if (done.status === 0) return { stdout: done.stdout }
    return { stdout: done.stdout, problem: (done.stderr || done.stdout).trim().slice(0, 2000) }
  }

  /** The same, and throws when it fails. */
  exec(argv: readonly string[], input = ''): string {
    const { stdout, problem } = this.try(argv, input)
    if (problem !== undefined) throw new Error(`${argv.join(' ')}: ${problem}`)
    return stdout
  }

  /** `ip` with several commands at once. */
  ip(lines: readonly string[]): void {
    if (lines.length > 0) this.exec(['ip', '-batch', '-'], `${lines.join('\n')}\n`)
  }

  /** Sets kernel settings by their path below /proc/sys; false for those that this kernel has not. */
  sysctl(path: string, value: string): boolean {
    try {
      this.run(() => writeFileSync(`/proc/sys/${path}`, value))
      return true
    } catch {
      return false
    }
  }

  #enter(): void {
    check('setns', setns(this.#fd, CLONE_NEWNET))
  }
}

function check(call: string, result: number): void {
  if (result < 0) throw new Error(`${call}: ${getSystemErrorName(-errno())}`)
}
