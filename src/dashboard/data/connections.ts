import { type Answer, moment, number, rowsOf, text } from '../../recorder/ask/rows.ts'
import { addressMatch, heldBy } from '../../recorder/query/filter.ts'
import type { Session } from '../../recorder/query/session.ts'
import { identifier, literal } from '../../recorder/sql.ts'
import type { ConnectionRow, ConnectionsReport, Span } from '../api.ts'
import type { ConnectionsQuery } from '../queries.ts'
import { addressFilter, clientOf, during, nameHas, ofClient, onDates, UNRESOLVED } from './conditions.ts'
import { cutName } from './cut.ts'
import { type HolderAt, holdersOf } from './holders.ts'
import { newest } from './newest.ts'

const NUMBERS = { icmp: 1, tcp: 6, udp: 17, icmp6: 58 } as const
const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  47: 'gre',
  50: 'esp',
  58: 'icmp6',
  132: 'sctp',
  136: 'udplite',
}
/** IPFIX's flowEndReason "active timeout": it goes on. */
const GOES_ON = 2
/** A connection that goes on has another record within its active timeout, which is shorter. */
const NEXT_RECORD_MS = 6 * 3_600_000
const CLIENT_COLUMNS = ['sourceAddress', 'destinationAddress', 'postNatDestinationAddress']

/** SQL for what a ConnectionRow is made of. */
export const CONNECTION_COLUMNS = `"time", flowId::VARCHAR AS flowId, epoch_ms(flowStart)::DOUBLE AS startMs,
  epoch_ms(coalesce(flowEnd, "time"))::DOUBLE AS endMs, protocolIdentifier AS protocol, sourceAddress, sourceTransportPort,
  sourceZone, destinationAddress, destinationTransportPort, destinationZone, postNatSourceAddress,
  postNaptSourceTransportPort, postNatDestinationAddress, postNaptDestinationTransportPort, destinationName,
  ${UNRESOLVED} AS unresolved, applicationName, coalesce(octetDeltaCount, 0) AS sent,
  coalesce(reverseOctetDeltaCount, 0) AS returned,
  coalesce(packetDeltaCount, 0) + coalesce(reversePacketDeltaCount, 0) AS packets, tcpState, flowEndReason AS reason`

export function connectionRow(row: Answer, holderAt: HolderAt): ConnectionRow {
  const [source, destination] = [text(row.sourceAddress) ?? '', text(row.destinationAddress) ?? '']
  const timeMs = moment(row.time) ?? 0
  const incoming = row.sourceZone === 'wan'
  const holder = holderAt(ourAddress(row), timeMs)
  const [sent, returned] = [number(row.sent), number(row.returned)]
  const protocol = number(row.protocol)
  return {
    flowId: text(row.flowId) ?? '',
    startMs: number(row.startMs) || timeMs,
    endMs: number(row.endMs) || timeMs,
    protocol: PROTOCOLS[protocol] ?? `protocol ${protocol}`,
    source,
    ...port('sourcePort', row.sourceTransportPort),
    ...given('sourceZone', row.sourceZone),
    destination,
    ...port('destinationPort', row.destinationTransportPort),
    ...given('destinationZone', row.destinationZone),
    ...nat('natSource', row.postNatSourceAddress, row.postNaptSourceTransportPort),
    ...nat('natDestination', row.postNatDestinationAddress, row.postNaptDestinationTransportPort),
    ...(holder && { deviceId: holder.macAddress }),
    ...(holder?.name !== undefined && { device: cutName(holder.name) }),
    ...given('name', row.destinationName),
    unresolved: row.unresolved === true,
    encryptedDns: row.applicationName === 'encrypted-dns',
    down: incoming ? sent : returned,
    up: incoming ? returned : sent,
    packets: number(row.packets),
    ...given('state', row.tcpState),
  }
}

/** The address of our end. */
function ourAddress(row: Answer): string {
  const inside =
    row.sourceZone === 'wan' ? (row.postNatDestinationAddress ?? row.destinationAddress) : row.sourceAddress
  return text(inside) ?? ''
}

function given<K extends string>(key: K, value: Answer[string] | undefined): Partial<Record<K, string>> {
  return typeof value === 'string' ? ({ [key]: cutName(value) } as Record<K, string>) : {}
}

function port<K extends string>(key: K, value: Answer[string] | undefined): Partial<Record<K, number>> {
  return typeof value === 'number' ? ({ [key]: value } as Record<K, number>) : {}
}

function nat<K extends string>(
  key: K,
  address: Answer[string] | undefined,
  portNumber: Answer[string] | undefined,
): Partial<Record<K, string>> {
  if (typeof address !== 'string') return {}
  const shown = address.includes(':') ? `[${address}]` : address
  return { [key]: typeof portNumber === 'number' ? `${shown}:${portNumber}` : address } as Record<K, string>
}

/** The newest connections first: a long one, of which there are several records, once, with all that it moved so far. */
export async function connectionsOf(session: Session, query: ConnectionsQuery): Promise<ConnectionsReport> {
  const { rows, next } = await newest(session, {
    kind: 'flows',
    span: query,
    where: await matching(session, query),
    columns: CONNECTION_COLUMNS,
    limit: query.limit,
    cursor: query.cursor,
  })
  const whole = await wholes(session, rows, query)
  const shown = rows.flatMap((row) => {
    const its = whole.get(keyOf(row))
    if (!its) return [row]
    return (moment(row.time) ?? 0) < its.newestMs ? [] : [{ ...row, ...its.sums }]
  })
  const holderAt = await holdersOf(session, shown.map(ourAddress))
  return { rows: shown.map((row) => connectionRow(row, holderAt)), ...(next !== undefined && { next }) }
}

interface Whole {
  readonly newestMs: number
  readonly sums: Answer
}

/** What all records of the connections that have several say together, up to the end of the time. */
async function wholes(session: Session, rows: readonly Answer[], span: Span): Promise<Map<string, Whole>> {
  const long = rows.filter((row) => row.reason === GOES_ON || number(row.endMs) - number(row.startMs) > 1000)
  if (long.length === 0) return new Map()
  const times = long.map((row) => moment(row.time) ?? 0)
  const some = {
    fromMs: Math.min(...long.map((row) => number(row.startMs))),
    toMs: Math.min(span.toMs, Math.max(...times) + NEXT_RECORD_MS),
  }
  const ids = [...new Set(long.map((row) => text(row.flowId) ?? '0'))]
  const found = await rowsOf(
    session,
    ['flows'],
    `SELECT flowId::VARCHAR AS flowId, epoch_ms(flowStart)::DOUBLE AS startMs, max("time") AS newest,
      sum(octetDeltaCount)::DOUBLE AS sent, sum(reverseOctetDeltaCount)::DOUBLE AS returned,
      sum(coalesce(packetDeltaCount, 0) + coalesce(reversePacketDeltaCount, 0))::DOUBLE AS packets
      FROM flows WHERE flowId IN (${ids.join(', ')}) AND ${onDates(some)} AND ${during('flows', some)}
      GROUP BY flowId, flowStart HAVING count(*) > 1`,
  )
  return new Map(
    found.map((row) => [
      keyOf(row),
      {
        newestMs: moment(row.newest) ?? 0,
        sums: { sent: row.sent ?? 0, returned: row.returned ?? 0, packets: row.packets ?? 0 },
      },
    ]),
  )
}

/** An id is used anew after a restart. */
function keyOf({ flowId, startMs }: Answer): string {
  return `${text(flowId)} ${number(startMs)}`
}

/** SQL for the connections that are meant. */
async function matching(session: Session, query: ConnectionsQuery): Promise<string> {
  const { text: wanted, client, protocol, port: portNumber, unresolved, encryptedDns } = query
  const all = [
    ...(wanted === undefined ? [] : [await textMatch(session, wanted, query)]),
    await ofClient(session, client, CLIENT_COLUMNS, query),
    ...(protocol === undefined ? [] : [`protocolIdentifier = ${NUMBERS[protocol]}`]),
    ...(portNumber === undefined ? [] : [`destinationTransportPort = ${portNumber}`]),
    ...(unresolved === undefined ? [] : [`(${UNRESOLVED}) = ${unresolved}`]),
    ...(encryptedDns === undefined
      ? []
      : [`(applicationName IS NOT DISTINCT FROM 'encrypted-dns') = ${encryptedDns}`]),
  ]
  return all.length === 0 ? 'true' : all.map((one) => `(${one})`).join(' AND ')
}

/** An address or a prefix, a port, a zone, a device, or a name. */
async function textMatch(session: Session, wanted: string, span: Span): Promise<string> {
  const address = addressFilter(wanted)
  if (address) return CLIENT_COLUMNS.map((column) => `(${addressMatch(column, address)})`).join(' OR ')
  const service = /^(?:(tcp|udp) )?(\d{1,5})$/.exec(wanted.toLowerCase())
  if (service) {
    const protocol =
      service[1] === 'tcp' || service[1] === 'udp' ? ` AND protocolIdentifier = ${NUMBERS[service[1]]}` : ''
    return `destinationTransportPort = ${Number(service[2])}${protocol}`
  }
  const client = await clientOf(session, wanted, span)
  const held = client ? CLIENT_COLUMNS.map((column) => `(${heldBy(column, client)})`) : []
  const zones = ['sourceZone', 'destinationZone'].map(
    (column) => `${identifier(column)} = ${literal(wanted.toLowerCase())}`,
  )
  return [nameHas('flows', 'destinationName', wanted), ...zones, ...held].join(' OR ')
}
