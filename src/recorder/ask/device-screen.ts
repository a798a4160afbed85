import { sparkline } from './bars.ts'
import type { DeviceReport } from './device.ts'
import { keyStyle, noteCell } from './notes.ts'
import { type Cell, type Screen, screenTable, styled, within } from './screen.ts'
import { type Span, spanText } from './span-text.ts'
import { bytesText, countOf, countText, durationText, minuteText, shareText } from './units.ts'

const MOST_ADDRESSES = 8
const MOST_MACS = 4
/** Where a line's text begins, after its word. */
const INDENT = 13

/** `sekisho device` for people: one screen. `asked` is how the device was asked for. */
export function deviceScreen(screen: Screen, asked: string, report: DeviceReport, span: Span): string {
  return [
    ...identity(screen, asked, report),
    '',
    ...traffic(screen, report, span),
    '',
    ...questions(screen, report),
    '',
    ...destinations(screen, report),
    ...oddities(screen, report),
    '',
  ].join('\n')
}

function identity(screen: Screen, asked: string, { known, addresses }: DeviceReport): string[] {
  const [latest] = known
  const name = latest?.device ?? latest?.macAddress ?? asked
  const network = latest?.network === undefined ? '' : `  ${latest.network}`
  const macs = known.slice(0, MOST_MACS).map(({ macAddress, randomMac, vendor }) => {
    const about = randomMac ? 'made up by the device (random)' : (vendor ?? 'vendor unknown')
    return word(screen, 'MAC', `${macAddress}  ${about}`)
  })
  const more = known.length - macs.length
  return [
    styled(screen, { text: name, style: 'bold' }) + styled(screen, { text: network, style: 'dim' }),
    ...macs,
    ...(more > 0 ? [word(screen, '', `and ${countOf(more, 'MAC address', 'es')} more`)] : []),
    ...(known.length === 0 ? [word(screen, 'MAC', 'no device is known to have had this address')] : []),
    word(screen, 'addresses', few(addresses.now) || 'none now'),
    ...(addresses.before.length > 0 ? [word(screen, 'before', few(addresses.before))] : []),
    ...(latest
      ? [
          word(
            screen,
            'seen',
            `${minuteText(Math.min(...known.map(({ firstSeen }) => firstSeen)))} to ${minuteText(latest.lastSeen)}`,
          ),
        ]
      : []),
  ]
}

function traffic(screen: Screen, { traffic: its }: DeviceReport, span: Span): string[] {
  const { down, up, connections, addresses, parts, partMs } = its
  const heading = styled(screen, { text: `Traffic ${spanText(span)}`, style: 'bold' })
  if (connections === 0) return [heading, word(screen, '', 'no connection was recorded')]
  const row = (label: string, bytes: number, values: readonly number[]): string =>
    word(
      screen,
      label,
      `${bytesText(bytes).padStart(8)}  ${styled(screen, { text: sparkline(values), style: 'green' })}`,
      true,
    )
  return [
    heading,
    row(
      'down',
      down,
      parts.map((part) => part.down),
    ),
    row(
      'up',
      up,
      parts.map((part) => part.up),
    ),
    word(
      screen,
      '',
      `${countOf(connections, 'connection')} to ${countOf(addresses, 'address', 'es')}; a column is ${durationText(partMs)}`,
    ),
  ]
}

function questions(screen: Screen, { questions: all, names, resolvers }: DeviceReport): string[] {
  const heading = styled(screen, { text: 'Asked', style: 'bold' })
  if (all.asked === 0) return [heading, word(screen, '', 'no question was seen')]
  const share = (count: number, what: string): string[] =>
    count === 0 ? [] : [`${shareText(count / all.asked)} ${what}`]
  const parts = [
    `${countOf(all.asked, 'question')} for ${countOf(all.names, 'name')}`,
    ...share(all.nxdomain, 'NXDOMAIN'),
    ...share(all.failed, 'failed'),
    ...share(all.unanswered, 'unanswered'),
  ]
  const table = screenTable(
    indented(screen),
    [{ heading: 'NAME', least: 20 }, { heading: 'ASKED', right: true }, { heading: '' }],
    names.map(({ name, asked, response = '' }) => [
      { text: name, style: 'cyan' },
      countText(asked),
      { text: response === 'NOERROR' ? '' : response, style: 'yellow' },
    ]),
  )
  const others = resolvers.filter(({ local }) => !local)
  return [
    `${heading}  ${within(screen, parts.join(', '), 'Asked'.length + 2)}`,
    ...block(table),
    ...(others.length > 0 ? [bypass(screen, others)] : []),
  ]
}

function bypass(screen: Screen, others: DeviceReport['resolvers']): string {
  const list = others.slice(0, MOST_ADDRESSES).map(({ address, asked }) => `${address} (${countText(asked)})`)
  const text = within(screen, `questions went past this router's resolver to ${list.join(', ')}`, 2)
  return `  ${styled(screen, { text, style: 'magenta' })}`
}

function destinations(screen: Screen, { destinations: all }: DeviceReport): string[] {
  const heading = styled(screen, { text: 'Went to', style: 'bold' })
  if (all.length === 0) return [heading, word(screen, '', 'nothing that was recorded')]
  const noted = all.some(({ note }) => note)
  const table = screenTable(
    indented(screen),
    [
      { heading: 'NAME', least: 14 },
      { heading: 'ADDRS', right: true },
      { heading: 'PORTS', least: 8 },
      { heading: 'DOWN', right: true },
      { heading: 'UP', right: true },
      { heading: 'CONNS', right: true },
      ...(noted ? [{ heading: '' }] : []),
    ],
    all.map(({ name, note, addresses, ports, down, up, connections }) => [
      { text: name, style: keyStyle(note) },
      countText(addresses),
      ports.join(', '),
      bytesText(down),
      bytesText(up),
      countText(connections),
      ...(note ? [noteCell(note)] : []),
    ]),
  )
  return [heading, ...block(table)]
}

/** What somebody may want to know of a device that hides something. */
function oddities(screen: Screen, { encryptedDns, unresolved }: DeviceReport): string[] {
  const peers = (all: DeviceReport['encryptedDns']): string =>
    all.map(({ address, port, connections }) => `${address} ${port} (${countText(connections)})`).join(', ')
  const lines: Cell[] = []
  if (encryptedDns.length > 0)
    lines.push({
      text: `encrypted DNS, which nobody here can read: ${peers(encryptedDns)}`,
      style: 'magenta',
    })
  if (unresolved.connections > 0)
    lines.push({
      text: `${countOf(unresolved.connections, 'connection')} to ${countOf(unresolved.addresses, 'address', 'es')} that it had not asked for: ${peers(unresolved.most)}`,
      style: 'yellow',
    })
  const shown = lines.map(
    ({ text, ...rest }) => `  ${styled(screen, { text: within(screen, text, 2), ...rest })}`,
  )
  return shown.length > 0 ? ['', ...shown] : []
}

/** A line that begins with a word; `ready` text is painted already. */
function word(screen: Screen, label: string, text: string, ready = false): string {
  const head = styled(screen, { text: `  ${label.padEnd(INDENT - 2)}`, style: 'dim' })
  return head + (ready ? text : styled(screen, { text: within(screen, text, INDENT) }))
}

function indented(screen: Screen): Screen {
  return screen.width === undefined ? screen : { ...screen, width: screen.width - 2 }
}

function block(table: string): string[] {
  return table
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`)
}

function few(all: readonly string[]): string {
  const more = all.length - MOST_ADDRESSES
  return all.slice(0, MOST_ADDRESSES).join('  ') + (more > 0 ? `  and ${countText(more)} more` : '')
}
