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
  return {
    time: rfc3339(nowMs * 1000),
    flowStart: rfc3339(part.startMicros),
    flowEnd: rfc3339(part.endMicros),
    flowId: flowId(conntrack.id, part.startMicros),
    ...(source.device !== undefined && { ingressInterface: source.device }),
    ...(destination.device !== undefined && { egressInterface: destination.device }),
    sourceAddress: original.source,
    destinationAddress: original.destination,
    protocolIdentifier: original.protocol,
    ...(original.sourcePort !== undefined && { sourceTransportPort: original.sourcePort }),
    ...(original.destinationPort !== undefined && { destinationTransportPort: original.destinationPort }),
    ...(icmpType !== undefined && icmpCode !== undefined && { icmpTypeCode: icmpType * 256 + icmpCode }),
    octetDeltaCount: delta.originalBytes,
    packetDeltaCount: delta.originalPackets,
    reverseOctetDeltaCount: delta.replyBytes,
    reversePacketDeltaCount: delta.replyPackets,
    ...(reply.destination !== original.source && { postNatSourceAddress: reply.destination }),
    ...(reply.destinationPort !== undefined &&
      reply.destinationPort !== original.sourcePort && {
        postNaptSourceTransportPort: reply.destinationPort,
      }),
    ...(reply.source !== original.destination && { postNatDestinationAddress: reply.source }),
    ...(reply.sourcePort !== undefined &&
      reply.sourcePort !== original.destinationPort && {
        postNaptDestinationTransportPort: reply.sourcePort,
      }),
    flowEndReason: part.endReason,
    ...(conntrack.tcpState !== undefined && { tcpState: conntrack.tcpState }),
    ...(source.zone !== undefined && { sourceZone: source.zone }),
    ...(destination.zone !== undefined && { destinationZone: destination.zone }),
    ...(name.name !== undefined && { destinationName: name.name }),
    ...(name.status !== undefined && { destinationNameStatus: name.status }),
    ...(encrypted && { applicationName: 'encrypted-dns' as const }),
  }
}

/**
 * A number for a connection that is the same in each of its records, after a restart too: connection tracking's id, which
 * is a hash that comes again sooner or later, below the second in which the connection began. Below 2^53.
 */
function flowId(id: number, startMicros: number): number {
  return (Math.floor(startMicros / 1e6) % ID_SECONDS) * 2 ** 32 + id
}

/** UTC with microseconds. */
function rfc3339(micros: number): string {
  const whole = Math.floor(micros / 1000)
  const text = new Date(whole).toISOString()
  return `${text.slice(0, -1)}${String(micros - whole * 1000).padStart(3, '0')}Z`
}
