import { Command } from 'commander'
import { DEFAULT_LIMITS } from '../recorder/query/database.ts'
import { datesOf } from '../recorder/query/filter.ts'
import { Output } from '../recorder/query/output.ts'
import { findPlace } from '../recorder/query/place.ts'
import { QueryProblem } from '../recorder/query/problem.ts'
import { parseDuration } from '../recorder/query/when.ts'
import { openSession } from './open-session.ts'
import {
  addFormatOptions,
  answering,
  type FormatOptions,
  formatOf,
  type SpanOptions,
  sayFetch,
  spanOf,
  terminalWidth,
  writeOut,
} from './query-options.ts'

interface Options extends FormatOptions, SpanOptions {
  readonly data?: string
  readonly timeout?: string
  readonly memory?: string
}

const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }

/** `sekisho query SQL`: one SELECT over the views of all kinds of records. Exit 1 when it cannot be answered. */
export function queryCommand(): Command {
  return addFormatOptions(new Command('query'))
    .description('the answer to an SQL SELECT over the records')
    .argument('<sql>', 'e.g. "SELECT clientAddress, count(*) FROM dns GROUP BY 1"')
    .option('--since <time>', 'look only at days of the archive since then (WHERE time … says the rest)')
    .option('--until <time>', 'and until then')
    .option('--timeout <duration>', 'give up after it', '60s')
    .option('--memory <bytes>', 'use at most so much memory', '512M')
    .addHelpText('after', '\nSHOW TABLES and DESCRIBE TABLE tell what there is. Times in SQL are UTC.')
    .action((sql: string, options: Options) =>
      answering(async (signal) => {
        const format = formatOf(options)
        const limits = {
          ...DEFAULT_LIMITS,
          timeoutMs: durationOption('--timeout', options.timeout ?? ''),
          memoryBytes: bytesOption('--memory', options.memory ?? ''),
        }
        const session = await openSession(findPlace(options.data), {
          limits,
          signal,
          onFetch: sayFetch,
          dates: datesOf(spanOf(options)),
        })
        const width = terminalWidth()
        const output = new Output({ format, write: writeOut, ...(width !== undefined && { width }) })
        try {
          await session.query(sql, (result) => output.take(result))
          await output.end()
        } finally {
          session.close()
        }
      }),
    )
}

function durationOption(name: string, text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms === 0 || ms > 86_400_000)
    throw new QueryProblem(`${name} ${text} is no duration up to a day. Fix: write one like 90s or 5m`)
  return ms
}

function bytesOption(name: string, text: string): number {
  const match = /^(\d{1,6})([KMG])i?B?$/i.exec(text)
  const bytes = Number(match?.[1] ?? 0) * (UNITS[(match?.[2] ?? '').toUpperCase()] ?? 0)
  if (bytes < 16 * 2 ** 20)
    throw new QueryProblem(`${name} ${text} is not at least 16M. Fix: write a size like 512M or 2G`)
  return bytes
}
