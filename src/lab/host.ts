import { type ChildProcess, spawn } from 'node:child_process'
import { killTree } from '../lib/process-tree.ts'
import { type RunResult, run } from '../lib/run.ts'
import { enterProcess } from './namespaces.ts'
import type { ProcessId } from './process-id.ts'

export interface ExecOptions {
  readonly input?: string | Uint8Array
  /** Milliseconds, default 60 000; afterwards the command is killed and the code is 124. */
  readonly timeout?: number
  readonly env?: Readonly<Record<string, string>>
}

/** A command that runs in the background of a host. */
export interface Running {
  /** What it has printed so far. */
  readonly output: () => string
  /** Resolves with its exit code. */
  readonly done: Promise<number>
  /** Resolves when a line of its output contains the text or matches; rejects when it ends without. */
  waitFor(pattern: string | RegExp): Promise<void>
  /** Interrupts it, kills it when that is not enough in 2 s, and returns all it printed. */
  stop(): Promise<string>
}

export interface Capture {
  /** Waits for what is under way, ends the capture and returns tcpdump's lines, one per packet. */
  stop(options?: { readonly settleMs?: number }): Promise<string[]>
}

export const DIE_WITH_US = ['setpriv', '--pdeathsig=KILL', '--']
const CLEAN_ENVIRONMENT = ['env', '-i', '-C', '/root']

/** The command in a login's environment, and nothing of ours. */
export function loginCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): readonly string[] {
  const environment = {
    HOME: '/root',
    USER: 'root',
    LOGNAME: 'root',
    SHELL: '/bin/bash',
    LANG: 'C.UTF-8',
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ...(process.env.TERM === undefined ? {} : { TERM: process.env.TERM }),
    ...env,
  }
  return [
    ...CLEAN_ENVIRONMENT,
    ...Object.entries(environment).map(([key, value]) => `${key}=${value}`),
    ...argv,
  ]
}

/** One machine of the lab, simple host or router, seen from the tests: it runs commands and captures packets. */
export class Host {
  readonly name: string
  readonly #root: ProcessId
  readonly #process: () => number

  /** `process` gives the number, within the lab, of a process in the host's namespaces: a reboot changes it. */
  constructor(name: string, root: ProcessId, process: () => number) {
    this.name = name
    this.#root = root
    this.#process = process
  }

  /** The full argument vector that runs `argv` in this host as root in a login's environment. */
  command(
    argv: readonly string[],
    options: { readonly env?: Readonly<Record<string, string>> } = {},
  ): string[] {
    return [
      ...enterProcess(this.#root, this.#process()),
      // When this process is killed, and nsenter with it, the command is not to stay.
      ...DIE_WITH_US,
      ...loginCommand(argv, options.env),
    ]
  }

  exec(argv: readonly string[], options: ExecOptions = {}): Promise<RunResult> {
    const { timeout = this.patienceMs, input, env } = options
    return run(this.command(argv, env === undefined ? {} : { env }), {
      timeout,
      ...(input === undefined ? {} : { input }),
    })
  }

  /** Runs a command that must succeed and returns its standard output; throws with what it said otherwise. */
  async execOk(argv: readonly string[], options: ExecOptions = {}): Promise<string> {
    const result = await this.exec(argv, options)
    if (result.code !== 0) {
      const said = `${result.stdout}${result.stderr}`.trim().split('\n').slice(-15).join('\n')
      throw new Error(`${this.name}: ${argv.join(' ')} ended with code ${result.code}: ${said}`)
    }
    return result.stdout
  }

  spawn(argv: readonly string[]): Running {
    const [file = '', ...args] = this.command(argv)
    return follow(spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] }), this.interrupts)
  }

  /** How long a command may take unless told, in milliseconds. */
  protected readonly patienceMs: number = 60_000
  /** Who is to be interrupted when a command is to end: what the process that we started began, or that itself. */
  protected readonly interrupts: 'children' | 'itself' = 'children'

  /** Captures packets on an interface with tcpdump; it is running when this resolves. */
  async capture(port: string, filter = '', options: readonly string[] = ['-e']): Promise<Capture> {
    const tcpdump = ['tcpdump', '-nn', '-l', '--immediate-mode', '-i', port, ...options]
    const running = this.spawn([...tcpdump, ...(filter === '' ? [] : ['--', filter])])
    await running.waitFor(/listening on/)
    return {
      async stop({ settleMs = 300 } = {}) {
        await new Promise((resolve) => setTimeout(resolve, settleMs))
        const said = await running.stop()
        // Packets begin with the time; a packet's further lines are indented.
        return said
          .replaceAll(/\n[ \t]+/g, ' ')
          .split('\n')
          .filter((line) => /^\d\d:\d\d:\d\d\./.test(line))
      },
    }
  }

  /** Copies bytes into a file of this host, making its folder. */
  async writeFile(path: string, content: string | Uint8Array, mode = '0644'): Promise<void> {
    const script = 'mkdir -p -- "$(dirname -- "$1")" && cat >"$1" && chmod "$2" "$1"'
    await this.execOk(['sh', '-c', script, 'write', path, mode], { input: content })
  }
}

function follow(child: ChildProcess, interrupts: 'children' | 'itself'): Running {
  let said = ''
  const listeners = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8')
    stream?.on('data', (text: string) => {
      said += text
      for (const listener of listeners) listener()
    })
  }
  let ended = false
  const done = new Promise<number>((resolve) => {
    child.on('error', () => resolve(127))
    child.on('close', (code) => resolve(code ?? 137))
  }).then((code) => {
    ended = true
    for (const listener of listeners) listener()
    return code
  })
  return {
    output: () => said,
    done,
    waitFor(pattern) {
      return new Promise((resolve, reject) => {
        function look(): void {
          if (typeof pattern === 'string' ? said.includes(pattern) : pattern.test(said)) resolve()
          else if (ended) reject(new Error(`ended before it said ${pattern}: ${said.trim()}`))
          else return
          listeners.delete(look)
        }
        listeners.add(look)
        look()
      })
    },
    async stop() {
      if (child.pid !== undefined && !ended) {
        killTree(child.pid, 'SIGINT', { self: interrupts === 'itself' })
        const end = setTimeout(() => killTree(child.pid ?? 0, 'SIGKILL'), 2000)
        await done
        clearTimeout(end)
      }
      return said
    },
  }
}
