import type { FlowRecord } from '../../recorder/records/flow.ts'
import { isEncryptedDns } from './encrypted-dns.ts'
import type { FlowPart } from './flow-table.ts'
import type { Name } from './names.ts'
import type { Place } from './zones.ts'

/** What is known of a connection beside what the kernel says. */
export interface Setting {
  readonly source: Place
  /** Where its packets really went, after NAT. */
  readonly destination: Place
  readonly name: Destination
}

export interface Destination {
  readonly name?: string
  readonly status?: Name['status'] | 'local'
}

type Draft = { -readonly [Key in keyof FlowRecord]: FlowRecord[Key] }

/** Start seconds that a flowId has room for above connection tracking's 32 bits: 24 days, then they begin again. */
const ID_SECONDS = 2 ** 21

/** The record of a connection, or of a part of it, that is made now. */
export function flowRecord(
  part: FlowPart,
  { source, destination, name }: Setting,
  nowMs: number,
): FlowRecord {
  const { conntrack, delta } = part
  const { original, reply } = conntrack
  const { icmpType, icmpCode } = original
  const encrypted = isEncryptedDns(
    original.protocol,
    original.destinationPort,
    original.destination,
    name.name,
  )
  const record: Draft = {
    time: rfc3339(nowMs * 1000),
    flowStart: rfc3339(part.startMicros),
    flowEnd: rfc3339(part.endMicros),
    flowId: flowId(conntrack.id, part.startMicros),
    sourceAddress: original.source,
    destinationAddress: original.destination,
    protocolIdentifier: original.protocol,
    octetDeltaCount: delta.originalBytes,
    packetDeltaCount: delta.originalPackets,
    reverseOctetDeltaCount: delta.replyBytes,
    reversePacketDeltaCount: delta.replyPackets,
    flowEndReason: part.endReason,
  }
  if (source.device !== undefined) record.ingressInterface = source.device
  if (destination.device !== undefined) record.egressInterface = destination.device
  if (original.sourcePort !== undefined) record.sourceTransportPort = original.sourcePort
  if (original.destinationPort !== undefined) record.destinationTransportPort = original.destinationPort
  if (icmpType !== undefined && icmpCode !== undefined) record.icmpTypeCode = icmpType * 256 + icmpCode
  if (reply.destination !== original.source) record.postNatSourceAddress = reply.destination
  if (reply.destinationPort !== undefined && reply.destinationPort !== original.sourcePort)
    record.postNaptSourceTransportPort = reply.destinationPort
  if (reply.source !== original.destination) record.postNatDestinationAddress = reply.source
  if (reply.sourcePort !== undefined && reply.sourcePort !== original.destinationPort)
    record.postNaptDestinationTransportPort = reply.sourcePort
  if (conntrack.tcpState !== undefined) record.tcpState = conntrack.tcpState
  if (source.zone !== undefined) record.sourceZone = source.zone
  if (destination.zone !== undefined) record.destinationZone = destination.zone
  if (name.name !== undefined) record.destinationName = name.name
  if (name.status !== undefined) record.destinationNameStatus = name.status
  if (encrypted) record.applicationName = 'encrypted-dns'
  return record
}

/**
 * A number for a connection that is the same in each of its records, after a restart too: connection tracking's id, which
 * is a hash that comes again sooner or later, below the second in which the connection began. Below 2^53.
 */
function flowId(id: number, startMicros: number): number {
  return (Math.floor(startMicros / 1e6) % ID_SECONDS) * 2 ** 32 + id
}

/** Texts of whole seconds: thousands of connections share one. */
const seconds = new Map<number, string>()
const MAX_SECONDS = 1024

/** UTC with microseconds. */
function rfc3339(micros: number): string {
  const second = Math.floor(micros / 1e6)
  let text = seconds.get(second)
  if (text === undefined) {
    if (seconds.size >= MAX_SECONDS) seconds.clear()
    text = new Date(second * 1000).toISOString().slice(0, 20)
    seconds.set(second, text)
  }
  return `${text}${String(Math.floor(micros - second * 1e6)).padStart(6, '0')}Z`
}
