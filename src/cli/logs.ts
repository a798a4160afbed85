import { Command } from 'commander'
import { type Filter, missing } from '../recorder/query/filter.ts'
import { findPlace, type Place } from '../recorder/query/place.ts'
import { QueryProblem } from '../recorder/query/problem.ts'
import { isKindName, KINDS, type KindName } from '../recorder/records/kinds.ts'
import { openAsking } from './open-asking.ts'
import { openSession } from './open-session.ts'
import {
  addFormatOptions,
  addSpanOptions,
  answering,
  type FormatOptions,
  formatOf,
  type SpanOptions,
  spanOf,
  terminalWidth,
  writeOut,
} from './query-options.ts'

interface Options extends FormatOptions, SpanOptions {
  readonly data?: string
  readonly client?: string
  readonly name?: string
  readonly address?: string
  readonly grep?: string
  readonly limit?: string
  readonly follow?: boolean
}

/** How many of the past a follower is shown, as with tail(1). */
const FOLLOW_LIMIT = 10

/**
 * `sekisho logs KIND`: the records of a kind, the oldest first. Exit 0, also when there are none (as journalctl has it);
 * 1 when the question cannot be answered.
 */
export function logsCommand(): Command {
  return addSpanOptions(addFormatOptions(new Command('logs')), '')
    .description('what was recorded: DNS, flows, syslog, containers, …')
    .argument('[kind]', 'which records; without it: what there is')
    .option(
      '--client <who>',
      "a device's name, MAC address or address: all addresses it had, when it had them",
    )
    .option('--name <name>', 'a name and all below it: example.org; or with *')
    .option('--address <address>', 'an address or a prefix')
    .option('--grep <regex>', 'in any text; without capitals it matches them too')
    .option('--limit <n>', 'only the last n')
    .option('--follow', 'then go on with what comes')
    .action((kind: string | undefined, options: Options) =>
      answering(async (signal) => {
        const format = formatOf(options)
        const place = findPlace(options.data)
        if (kind === undefined || !isKindName(kind)) {
          await listKinds(place, kind, signal)
          return
        }
        const filter = filterOf(kind, options)
        const session = await openAsking(options.data, filter, signal)
        try {
          const { findClient } = await import('../recorder/query/find-client.ts')
          const { writeLogs } = await import('../recorder/query/logs.ts')
          const client = options.client === undefined ? undefined : await findClient(session, options.client)
          const limit = limitOf(options)
          const width = terminalWidth()
          await writeLogs(place, session, kind, {
            filter: {
              ...filter,
              ...(options.address !== undefined && { address: await addressOf(options.address) }),
              ...(client && { client }),
            },
            format,
            write: writeOut,
            ...(limit !== undefined && { limit }),
            ...(options.follow && { follow: signal }),
            ...(width !== undefined && { width }),
          })
        } finally {
          // Ctrl-C is how following ends.
          if (options.follow && signal.reason === 'SIGINT') process.exitCode = 0
          session.close()
        }
      }),
    )
}

async function listKinds(place: Place, wrong: string | undefined, signal: AbortSignal): Promise<void> {
  // To count, nothing is fetched.
  const { s3, ...here } = place
  const session = await openSession(here, { signal })
  try {
    const counts = await session.run(['records'], 'SELECT kind, count(*) FROM records GROUP BY 1', (result) =>
      result.getRowsJS(),
    )
    const rows = Object.entries(KINDS).map(([kind, { about }]) => {
      const count = (counts.find(([name]) => name === kind)?.[1] ?? 0n) as bigint
      return `${kind.padEnd(10)}${String(count).padStart(12)}  ${about}\n`
    })
    const table = `${'KIND'.padEnd(10)}${'RECORDS'.padStart(12)}  WHAT ONE IS\n${rows.join('')}${s3 ? '(without the days that are only in the bucket)\n' : ''}`
    if (wrong !== undefined)
      throw new QueryProblem(`there is no kind "${wrong}". Fix: choose one\n${table.trimEnd()}`)
    await writeOut(table)
  } finally {
    session.close()
  }
}

function filterOf(kind: KindName, options: Options): Filter {
  const { name, address, client, grep } = options
  const asked = { ...(name !== undefined && { name }), ...(grep !== undefined && { grep }) }
  const lacks = missing(kind, {
    ...asked,
    ...(address !== undefined && { address: { text: address, single: true, prefix: NONE } }),
    ...(client !== undefined && { client: { holdings: [], macs: [] } }),
  })
  if (lacks !== undefined)
    throw new QueryProblem(`records of "${kind}" have no ${lacks}. Fix: look with --grep`)
  return { ...asked, ...spanOf(options) }
}

const NONE = { version: 4, length: 0, first: 0n, last: 0n } as const

async function addressOf(text: string): Promise<NonNullable<Filter['address']>> {
  const { parseIpOrCidr, formatIp } = await import('../lib/ip.ts')
  const cidr = parseIpOrCidr(text)
  if (!cidr)
    throw new QueryProblem(`--address ${text} is no address. Fix: write one like 192.0.2.7 or 2001:db8::/32`)
  const { ip, prefix } = cidr
  const single = prefix.first === prefix.last
  return { text: formatIp(ip), prefix, single }
}

function limitOf({ limit, follow, since }: Options): number | undefined {
  if (limit === undefined) return follow && since === undefined ? FOLLOW_LIMIT : undefined
  if (!/^\d{1,9}$/.test(limit)) throw new QueryProblem(`--limit ${limit} is no number`)
  return Number(limit)
}
