import type { Command } from 'commander'
import type { Format } from '../recorder/query/output.ts'
import { QueryProblem } from '../recorder/query/problem.ts'

export interface FormatOptions {
  readonly json?: boolean
  readonly csv?: boolean
}

export function addFormatOptions(command: Command): Command {
  return command
    .option('--json', 'a JSON object a line, times in UTC')
    .option('--csv', 'RFC 4180 with a header, times in UTC')
    .option('--data <dir>', "a recorder's data directory, in place of this router's")
}

export function formatOf({ json, csv }: FormatOptions): Format {
  if (json && csv) throw new QueryProblem('--json and --csv exclude each other. Fix: choose one')
  return json ? 'json' : csv ? 'csv' : 'table'
}

/** The columns of the terminal that stdout is; undefined when it is none. */
export function terminalWidth(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined
}

/** Writes to stdout no faster than it is read. */
export function writeOut(text: string): Promise<void> {
  return new Promise((resolve) => {
    // Not 'drain': that never comes when the reader is gone.
    process.stdout.write(text, () => resolve())
  })
}

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
/** DuckDB ends a statement soon when it is asked to, and node waits for it at its end. */
const GIVE_UP_MS = 3000

/**
 * Runs what answers a question. A QueryProblem is said and makes the exit code 1. A signal aborts it, and so does a
 * reader that has read enough (`| head`); either way nothing is left behind.
 */
export async function answering(action: (ended: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController()
  const end = (reason: string, code: number): void => {
    if (controller.signal.aborted) return
    process.exitCode = code
    controller.abort(reason)
    setTimeout(() => {
      process.on('exit', () => process.kill(process.pid, 'SIGKILL'))
      process.exit()
    }, GIVE_UP_MS).unref()
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    end('EPIPE', 0)
  })
  for (const [signal, code] of Object.entries(SIGNALS)) process.on(signal, () => end(signal, code))
  try {
    await action(controller.signal)
  } catch (error) {
    if (controller.signal.aborted) return
    if (!(error instanceof QueryProblem)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}
