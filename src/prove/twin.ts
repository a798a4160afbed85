import { type ChildProcess, spawn } from 'node:child_process'
import { getCompileCacheDir } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Built } from './build-twin.ts'
import type { Outcome, Probe, TwinSpec } from './twin-spec.ts'

export type Request =
  | { readonly op: 'build'; readonly spec: TwinSpec }
  | { readonly op: 'probe'; readonly probe: Probe; readonly waitMs: number }

/** How long a packet may be away that nobody refused, in milliseconds: only what goes wrong takes so long. */
const WAIT_MS = 2000

/**
 * A router's twin at work, in a process with a network of its own: nothing of it is in this machine's, and however
 * this process ends, that one ends with it and its networks with that.
 */
export class Twin {
  readonly built: Built
  readonly #child: ChildProcess
  readonly #ask: (request: Request) => Promise<unknown>

  private constructor(child: ChildProcess, ask: (request: Request) => Promise<unknown>, built: Built) {
    this.#child = child
    this.#ask = ask
    this.built = built
  }

  /** Builds one. Throws when it cannot be: with what the kernel or a program said. */
  static async start(spec: TwinSpec): Promise<Twin> {
    // Who is not root may be it in a namespace of users, where the system lets them.
    const users = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
    const cache = getCompileCacheDir()
    const child = spawn(
      'unshare',
      [...users, '--net', '--fork', '--kill-child', process.execPath, join(import.meta.dirname, 'agent.ts')],
      {
        stdio: ['pipe', 'pipe', 'pipe'],
        // What was made of its TypeScript before need not be made again.
        env: { ...process.env, ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }) },
      },
    )
    const ask = asker(child)
    try {
      return new Twin(child, ask, (await ask({ op: 'build', spec })) as Built)
    } catch (error) {
      child.stdin.end()
      throw error
    }
  }

  /** Sends a probe, and what became of it. */
  async probe(probe: Probe): Promise<Outcome> {
    return (await this.#ask({ op: 'probe', probe, waitMs: WAIT_MS })) as Outcome
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return resolve()
      this.#child.once('exit', () => resolve())
      this.#child.stdin?.end()
    })
  }
}

/** Asks the process one thing after the other. */
function asker(child: ChildProcess): (request: Request) => Promise<unknown> {
  const waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = []
  let stderr = ''
  let gone: Error | undefined
  const end = (error: Error) => {
    gone = error
    for (const { reject } of waiting.splice(0)) reject(error)
  }
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = `${stderr}${text}`.slice(-2000)
  })
  child.stdin?.on('error', () => {})
  child.on('error', (error) => end(new Error(`unshare cannot be started: ${error.message}`)))
  child.on('close', () =>
    end(new Error(`the network for trying things out ended: ${stderr.trim() || 'it said nothing'}`)),
  )
  if (child.stdout) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const answer: { value?: unknown; error?: string } = JSON.parse(line)
      const next = waiting.shift()
      if (answer.error === undefined) next?.resolve(answer.value)
      else next?.reject(new Error(answer.error))
    })
  }
  return (request) =>
    new Promise((resolve, reject) => {
      if (gone) return reject(gone)
      waiting.push({ resolve, reject })
      child.stdin?.write(`${JSON.stringify(request)}\n`)
    })
}
