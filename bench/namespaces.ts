import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import koffi from 'koffi'
import { runOk } from '../src/lib/run.ts'

const CLONE_NEWNET = 0x40000000
const setns: (fd: number, type: number) => number = koffi
  .load('libc.so.6')
  .func('int setns(int fd, int type)')

/** A network namespace that lives as long as this process at most: whatever ends us takes it along. */
export class Namespace {
  readonly pid: number
  readonly #holder: ChildProcess

  private constructor(holder: ChildProcess) {
    this.#holder = holder
    this.pid = holder.pid ?? 0
  }

  static async start(): Promise<Namespace> {
    const holder = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] })
    const space = new Namespace(holder)
    const ours = readlinkSync('/proc/self/ns/net')
    for (let i = 0; readlinkSync(space.#path) === ours; i++) {
      if (i > 200) throw new Error('unshare makes no network namespace')
      await sleep(10)
    }
    return space
  }

  get #path(): string {
    return `/proc/${this.pid}/ns/net`
  }

  /** The arguments that run a program in here. */
  argv(...argv: readonly string[]): string[] {
    return ['nsenter', `--net=${this.#path}`, ...argv]
  }

  run(argv: readonly string[], input?: string): Promise<string> {
    return runOk(this.argv(...argv), input === undefined ? {} : { input })
  }

  /** Several commands of ip(8) at once. */
  ip(...lines: readonly string[]): Promise<string> {
    return this.run(['ip', '-batch', '-'], `${lines.join('\n')}\n`)
  }

  /** Sets keys of this namespace. */
  sysctl(settings: Readonly<Record<string, string | number>>): void {
    this.inside(() => {
      for (const [key, value] of Object.entries(settings))
        writeFileSync(`/proc/sys/${key.replaceAll('.', '/')}`, String(value))
    })
  }

  /** Does something with the network of this namespace, and is back in ours before it returns. */
  inside<T>(work: () => T): T {
    const home = openSync('/proc/self/ns/net', 'r')
    const there = openSync(this.#path, 'r')
    try {
      if (setns(there, CLONE_NEWNET) < 0) throw new Error(`setns: errno ${koffi.errno()}`)
      return work()
    } finally {
      if (setns(home, CLONE_NEWNET) < 0) process.abort()
      closeSync(there)
      closeSync(home)
    }
  }

  /** What a device has received and sent. */
  counters(
    device: string,
  ): Record<'received' | 'sent', { readonly packets: number; readonly bytes: number }> {
    const line = readFileSync(`/proc/${this.pid}/net/dev`, 'utf8')
      .split('\n')
      .find((text) => text.trim().startsWith(`${device}:`))
    const figures = (line?.split(':')[1] ?? '').trim().split(/\s+/).map(Number)
    const pair = (at: number) => ({
      bytes: figures[at] ?? Number.NaN,
      packets: figures[at + 1] ?? Number.NaN,
    })
    return { received: pair(0), sent: pair(8) }
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return resolve()
      this.#holder.once('exit', () => resolve())
      this.#holder.stdin?.end()
    })
  }
}
