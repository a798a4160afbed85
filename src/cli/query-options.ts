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
    if (process.stdout.write(text)) resolve()
    else process.stdout.once('drain', resolve)
  })
}

/**
 * Runs what answers a question. A QueryProblem is said and makes the exit code 1; a reader that has read enough
 * (`| head`) ends it; so does a signal, and nothing is left behind.
 */
export async function answering(action: () => Promise<void>): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)
    process.on(signal, () => process.exit(code))
  try {
    await action()
  } catch (error) {
    if (!(error instanceof QueryProblem)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}
