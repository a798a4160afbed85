import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { killTree } from './process-tree.ts'

export interface RunOptions {
  readonly input?: string | Uint8Array
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Milliseconds; the child and all its descendants are killed after it and the result's code is 124, as coreutils' timeout says it. */
  readonly timeout?: number
  /** Called with every line of stdout and stderr as it comes, for progress. */
  readonly onLine?: (line: string) => void
}

export interface RunResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs one program with its argument vector (never a shell) and collects what it said. A non-zero exit is a
 * result, a program that cannot be started throws; death by signal N is code 128+N.
 */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [file, ...args] = argv
  if (file === undefined) throw new Error('run: empty argument vector')
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }),
    })
    let timedOut = false
    const timer =
      options.timeout === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true
            if (child.pid !== undefined) killTree(child.pid, 'SIGKILL')
            // One that left the tree may hold the pipes open: do not wait for it.
            child.stdout?.destroy()
            child.stderr?.destroy()
          }, options.timeout)
    const stdout = collect(child.stdout, options.onLine)
    const stderr = collect(child.stderr, options.onLine)
    // A child that exits without reading its input is not our failure; its exit code says enough.
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input)
    child.on('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const killed = signal === null ? 0 : 128 + (constants.signals[signal] ?? 0)
      resolve({ code: timedOut ? 124 : (code ?? killed), stdout: stdout(), stderr: stderr() })
    })
  })
}

/** Like `run`, and throws when the program fails, with its command line and the end of what it said. */
export async function runOk(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(argv, options)
  if (result.code !== 0) throw new Error(`${describe(argv)} failed with code ${result.code}: ${tail(result)}`)
  return result.stdout
}

function describe(argv: readonly string[]): string {
  const line = argv.join(' ')
  return line.length > 200 ? `${line.slice(0, 200)}…` : line
}

function tail(result: RunResult): string {
  const said = `${result.stdout}\n${result.stderr}`.trim().split('\n')
  return said.slice(-12).join('\n') || 'no output'
}

function collect(stream: NodeJS.ReadableStream | null, onLine?: (line: string) => void): () => string {
  let all = ''
  let rest = ''
  stream?.setEncoding('utf8')
  stream?.on('data', (text: string) => {
    all += text
    if (onLine === undefined) return
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  })
  return () => {
    if (rest !== '' && onLine !== undefined) onLine(rest)
    rest = ''
    return all
  }
}
