import { Command } from 'commander'
import type { Target } from '../recorder/ask/who.ts'
import { QueryProblem } from '../recorder/query/problem.ts'
import { openAsking, ownAddresses } from './open-asking.ts'
import {
  addFormatOptions,
  addSpanOptions,
  answering,
  type FormatOptions,
  formatOf,
  type SpanOptions,
  spanOf,
  terminal,
  writeOut,
  writeRows,
} from './query-options.ts'

interface Options extends FormatOptions, SpanOptions {
  readonly data?: string
}

const COLUMNS = [
  'device',
  'macAddress',
  'addresses',
  'first',
  'last',
  'asked',
  'lastAsked',
  'lastResponse',
  'connections',
  'open',
  'unresolved',
  'incoming',
  'down',
  'up',
  'names',
]

/** `sekisho who`: which devices asked for a name or talked to an address. Exit 0, also for nobody; 1 when it cannot tell. */
export function whoCommand(): Command {
  const command = addFormatOptions(new Command('who'))
    .description('who asked for a name, or connected to it or to an address: when, how often, how much')
    .argument('<name|address|prefix>', 'a name and all below it (or with *), an address, or a prefix')
  return addSpanOptions(command, '; all that is kept without it').action((what: string, options: Options) =>
    answering(async (signal) => {
      const format = formatOf(options)
      const span = spanOf(options)
      const target = await targetOf(what)
      const session = await openAsking(options.data, span, signal)
      try {
        const { whoTalked } = await import('../recorder/ask/who.ts')
        const who = await whoTalked(session, { target, span, own: ownAddresses(options.data) })
        if (format !== 'table') {
          await writeRows(format, COLUMNS, who.talkers.map(timesInUtc))
          return
        }
        const { whoScreen } = await import('../recorder/ask/who-screen.ts')
        await writeOut(whoScreen(terminal(), target, who, span, Date.now()))
      } finally {
        session.close()
      }
    }),
  )
}

async function targetOf(text: string): Promise<Target> {
  const { parseIpOrCidr, formatIp, formatPrefix } = await import('../lib/ip.ts')
  const cidr = parseIpOrCidr(text)
  if (cidr) {
    const { ip, prefix } = cidr
    const single = prefix.first === prefix.last
    const address = { text: formatIp(ip), prefix, single }
    return { kind: 'address', address, label: single ? address.text : formatPrefix(prefix) }
  }
  const name = text.toLowerCase().replace(/(?<=.)\.$/, '')
  // A slip of the finger in an address would be answered with "nobody".
  if (name === '' || /^[\d.:]+$|[/:\s]/.test(name))
    throw new QueryProblem(
      `${text} is neither a name nor an address. Fix: write one like www.example.org, 192.0.2.7 or 2001:db8::/32`,
    )
  return { kind: 'name', name }
}

type Times = {
  readonly first: number
  readonly last: number
  readonly lastAsked?: number
  readonly lastRecorded?: number
}

function timesInUtc<T extends Times>({ first, last, lastAsked, lastRecorded, ...rest }: T) {
  const utc = (ms: number): string => new Date(ms).toISOString()
  return {
    ...rest,
    first: utc(first),
    last: utc(last),
    ...(lastAsked !== undefined && { lastAsked: utc(lastAsked) }),
    ...(lastRecorded !== undefined && { lastRecorded: utc(lastRecorded) }),
  }
}
