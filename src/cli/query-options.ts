import type { Command } from 'commander'
import type { Screen } from '../recorder/ask/screen.ts'
import type { Format } from '../recorder/query/output.ts'
import { QueryProblem } from '../recorder/query/problem.ts'
import { parseWhen } from '../recorder/query/when.ts'
import type { Row } from '../recorder/query/write-rows.ts'

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

/** What an answer for people is written on. NO_COLOR and TERM=dumb are heeded (no-color.org). */
export function terminal(): Screen {
  const width = terminalWidth()
  const { NO_COLOR: noColor = '', TERM: term } = process.env
  return {
    ...(width !== undefined && { width }),
    color: width !== undefined && noColor === '' && term !== 'dumb',
  }
}

/** Writes to stdout no faster than it is read. */
export function writeOut(text: string): Promise<void> {
  return new Promise((resolve) => {
    // Not 'drain': that never comes when the reader is gone.
    process.stdout.write(text, () => resolve())
  })
}

/** Writes these columns of rows for programs: JSON lines, without what is not known, or CSV. */
export async function writeRows(
  format: 'json' | 'csv',
  columns: readonly string[],
  rows: readonly Row[],
): Promise<void> {
  const { csvWriter, jsonWriter } = await import('../recorder/query/write-rows.ts')
  const writer = format === 'json' ? jsonWriter(false) : csvWriter(columns)
  const ordered = rows.map((row) => Object.fromEntries(columns.map((name) => [name, row[name] ?? null])))
  await writeOut(writer.rows(ordered) + writer.end())
}

/** A bucket is slower than a disk: who waits is told for what. */
export function sayFetch(days: number, bytes: number): void {
  if (process.stderr.isTTY)
    process.stderr.write(`fetching ${days} days, ${Math.ceil(bytes / 1e6)} MB, from the bucket\n`)
}

export interface SpanOptions {
  readonly since?: string
  readonly until?: string
}

export function addSpanOptions(command: Command, without: string): Command {
  return command
    .option(
      '--since <time>',
      `from then on: 5m, 2h, 3d, 1w ago, today, 2026-11-23, "2026-11-23 10:15", RFC 3339${without}`,
    )
    .option('--until <time>', 'up to then')
}

/** `--since` and `--until` in milliseconds since 1970. */
export function spanOf({ since, until }: SpanOptions): { readonly fromMs?: number; readonly toMs?: number } {
  const now = Date.now()
  const fromMs = timeOption('--since', since, now, false)
  const toMs = timeOption('--until', until, now, true)
  return { ...(fromMs !== undefined && { fromMs }), ...(toMs !== undefined && { toMs }) }
}

function timeOption(option: string, text: string | undefined, now: number, end: boolean): number | undefined {
  if (text === undefined) return undefined
  const ms = parseWhen(text, now, end)
  if (ms === undefined)
    throw new QueryProblem(
      `${option} ${text} is no time. Fix: write 5m, 2h, 3d, 1w, today, 2026-11-23, "2026-11-23 10:15" or RFC 3339`,
    )
  return ms
}

/** `--limit`, one at least. */
export function limitOption(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text))
    throw new QueryProblem(`--limit ${text} is no number. Fix: write one like 20`)
  return Number(text)
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
