import type { DnsRecord } from '../records/dns.ts'
import type { FlowRecord } from '../records/flow.ts'
import { THIS_ROUTER } from './ends.ts'
import { noteCell } from './notes.ts'
import { type Cell, type Screen, type Style, styledLine } from './screen.ts'
import { bytesText, durationText, momentText } from './units.ts'

/** Whose an address is now: its name for people, and its MAC address where a device has it. */
export interface Holder {
  readonly device: string
  readonly macAddress?: string
}

export type HolderOf = (address: string) => Holder

const DEVICE_COLUMNS = 14
const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp6' }
const GOES_ON = 2

/** A line of `sekisho watch` for a DNS transaction. */
export function dnsLine(screen: Screen, record: Partial<DnsRecord>, holderOf: HolderOf): string {
  const { clientAddress = '', serverAddress = '', queryName, queryType, responseCode, status } = record
  const answers = (record.answers ?? []).map(({ data }) => data).join(', ')
  const { responseTimeMicroseconds: micros } = record
  return styledLine(screen, [
    ...head(record.time, 'dns', holderOf(clientAddress)),
    { text: queryName ?? '(no question)', style: 'bold' },
    { text: queryType ?? '', style: 'dim' },
    status === 'timeout'
      ? { text: 'no answer', style: 'red' }
      : responseCode !== undefined && responseCode !== 'NOERROR'
        ? { text: responseCode, style: 'yellow' }
        : { text: `→ ${answers || 'nothing'}` },
    ...(record.localResolver === false ? [{ text: `by ${serverAddress}`, style: 'magenta' as const }] : []),
    ...(status === 'unasked' ? [{ text: 'unasked', style: 'magenta' as const }] : []),
    ...(micros === undefined ? [] : [{ text: durationText(micros / 1000), style: 'dim' as const }]),
  ])
}

/** A line for a connection, from its client's side; `incoming` from the side of who was connected to. */
export function flowLine(
  screen: Screen,
  record: Partial<FlowRecord>,
  holderOf: HolderOf,
  incoming: boolean,
): string {
  const { octetDeltaCount: sent = 0, reverseOctetDeltaCount: returned = 0 } = record
  const [address, peer] = incoming
    ? [ourDestination(record), record.sourceAddress]
    : [record.sourceAddress, record.destinationAddress]
  const zone = incoming ? record.destinationZone : record.sourceZone
  const [down, up] = incoming ? [sent, returned] : [returned, sent]
  const name = incoming ? undefined : record.destinationName
  return styledLine(screen, [
    ...head(record.time, 'flow', ownHolder(zone, address ?? '', holderOf)),
    { text: `${incoming ? '← ' : ''}${name ?? peerName(peer ?? '', holderOf)}`, style: 'bold' },
    { text: `↓ ${bytesText(Number(down))}`, style: 'green' },
    { text: `↑ ${bytesText(Number(up))}`, style: 'green' },
    ...notes(record, incoming),
    ...duration(record),
    // What a narrow terminal can do without comes last.
    { text: portText(record), style: 'dim' },
    ...(name === undefined ? [] : [{ text: peer ?? '', style: 'dim' as const }]),
  ])
}

function portText({ protocolIdentifier = 0, destinationTransportPort: port }: Partial<FlowRecord>): string {
  const protocol = PROTOCOLS[protocolIdentifier] ?? `protocol ${protocolIdentifier}`
  return port === undefined ? protocol : `${protocol} ${port}`
}

/** Our end of a connection that came in. */
export function ourDestination(record: Partial<FlowRecord>): string | undefined {
  return record.postNatDestinationAddress ?? record.destinationAddress
}

function head(time: string | undefined, kind: string, { device }: Holder): Cell[] {
  const ms = Date.parse(time ?? '')
  return [
    { text: Number.isNaN(ms) ? '--:--:--' : momentText(ms).slice(11), style: 'dim' },
    { text: kind.padEnd(4), style: kind === 'dns' ? 'cyan' : 'green' },
    { text: device.padEnd(DEVICE_COLUMNS), style: 'cyan' },
  ]
}

function ownHolder(zone: string | undefined, address: string, holderOf: HolderOf): Holder {
  if (zone === 'router') return { device: THIS_ROUTER }
  return zone === 'containers' ? { device: zone } : holderOf(address)
}

/** Another device's name, or the address. */
function peerName(address: string, holderOf: HolderOf): string {
  const { device, macAddress } = holderOf(address)
  return macAddress === undefined ? address : `${device} ${address}`
}

function duration({ flowStart = '', flowEnd = '' }: Partial<FlowRecord>): Cell[] {
  const ms = Date.parse(flowEnd) - Date.parse(flowStart)
  return Number.isNaN(ms) ? [] : [{ text: durationText(ms), style: 'dim' }]
}

function notes(record: Partial<FlowRecord>, incoming: boolean): Cell[] {
  const note = (text: string, style: Style): Cell => ({ text, style })
  return [
    ...(incoming || record.destinationName !== undefined || record.destinationNameStatus !== 'none'
      ? []
      : [noteCell('unresolved')]),
    ...(record.applicationName === undefined ? [] : [note(record.applicationName, 'magenta')]),
    ...(record.flowEndReason === GOES_ON ? [note('goes on', 'dim')] : []),
  ]
}
