import { Command } from 'commander'
import { TOP_BY, type TopBy } from '../recorder/ask/top.ts'
import { QueryProblem } from '../recorder/query/problem.ts'
import { openAsking, ownAddresses } from './open-asking.ts'
import {
  addFormatOptions,
  addSpanOptions,
  answering,
  type FormatOptions,
  formatOf,
  limitOption,
  type SpanOptions,
  spanOf,
  terminal,
  writeOut,
  writeRows,
} from './query-options.ts'

interface Options extends FormatOptions, SpanOptions {
  readonly data?: string
  readonly by?: string
  readonly client?: string
  readonly limit?: string
}

const COLUMNS = ['key', 'note', 'of', 'down', 'up', 'share', 'connections', 'devices']

/** `sekisho top`: who, or what, used how much. Exit 1 when the question cannot be answered. */
export function topCommand(): Command {
  const command = addFormatOptions(new Command('top'))
    .description('who used how much: bytes by device, name, address, port or zone')
    .option('--by <what>', `one of ${TOP_BY.join(', ')}`, 'device')
  return addSpanOptions(command, '; 24h without it')
    .option('--client <who>', "only a device's: its name, MAC address or address")
    .option('--limit <n>', 'so many lines', '20')
    .action((options: Options) =>
      answering(async (signal) => {
        const format = formatOf(options)
        const by = byOf(options)
        const limit = limitOption(options.limit ?? '')
        const span = spanOf({ since: '24h', ...options })
        const session = await openAsking(options.data, span, signal)
        try {
          const { findClient } = await import('../recorder/query/find-client.ts')
          const { topOf } = await import('../recorder/ask/top.ts')
          const client = options.client === undefined ? undefined : await findClient(session, options.client)
          const own = ownAddresses(options.data)
          const top = await topOf(session, { by, span, limit, own, ...(client && { client }) })
          if (format !== 'table') {
            const all = top.total.down + top.total.up
            const rows = top.rows.map((row) => ({ ...row, share: all === 0 ? 0 : (row.down + row.up) / all }))
            await writeRows(format, COLUMNS, rows)
            return
          }
          const { topScreen } = await import('../recorder/ask/top-screen.ts')
          await writeOut(topScreen(terminal(), by, top, span))
        } finally {
          session.close()
        }
      }),
    )
}

function byOf({ by }: Options): TopBy {
  const found = TOP_BY.find((one) => one === by)
  if (!found) throw new QueryProblem(`--by ${by} is none of ${TOP_BY.join(', ')}. Fix: choose one`)
  return found
}
