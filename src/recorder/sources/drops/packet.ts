import { ipv4At, ipv6At } from '../../records/address.ts'
import type { DropRecord } from '../../records/drop.ts'

type PacketFields = Omit<
  DropRecord,
  'time' | 'logPrefix' | 'ingressInterface' | 'egressInterface' | 'sourceMacAddress' | 'dot1qVlanId'
>

const TCP = 6
const UDP = 17
const UDP_LITE = 136
const DCCP = 33
const SCTP = 132
const ICMP = 1
const ICMP_V6 = 58
const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const AUTHENTICATION = 51
const DESTINATION = 60
const MOBILITY = 135
const MAX_EXTENSIONS = 16

/**
 * Reads the headers of an IP packet (RFC 791, RFC 8200) of which the beginning is given. Undefined when even its IP
 * header cannot be read; a transport header that is cut off or missing leaves its fields out.
 */
export function decodePacket(packet: Buffer): PacketFields | undefined {
  const version = (packet[0] ?? 0) >> 4
  if (version === 4) return decodeIpv4(packet)
  if (version === 6) return decodeIpv6(packet)
  return undefined
}

function decodeIpv4(packet: Buffer): PacketFields | undefined {
  if (packet.length < 20) return undefined
  const headerBytes = (packet.readUInt8(0) & 0x0f) * 4
  if (headerBytes < 20) return undefined
  const protocol = packet.readUInt8(9)
  const flags = packet.readUInt16BE(6)
  const offset = flags & 0x1fff
  const fragmented = offset > 0 || (flags & 0x2000) !== 0
  return {
    ipVersion: 4,
    sourceAddress: ipv4At(packet, 12),
    destinationAddress: ipv4At(packet, 16),
    protocolIdentifier: protocol,
    ...(offset === 0 && transport(protocol, packet.subarray(headerBytes))),
    ipTotalLength: packet.readUInt16BE(2),
    ipTTL: packet.readUInt8(8),
    ...(fragmented && { fragmentOffset: offset }),
  }
}

function decodeIpv6(packet: Buffer): PacketFields | undefined {
  if (packet.length < 40) return undefined
  const { protocol, at, offset } = skipExtensions(packet)
  return {
    ipVersion: 6,
    sourceAddress: ipv6At(packet, 8),
    destinationAddress: ipv6At(packet, 24),
    protocolIdentifier: protocol,
    ...(at !== undefined && !offset && transport(protocol, packet.subarray(at))),
    ipTotalLength: 40 + packet.readUInt16BE(4),
    ipTTL: packet.readUInt8(7),
    ...(offset !== undefined && { fragmentOffset: offset }),
  }
}

/** Follows the extension headers (RFC 8200 section 4) to the upper-layer protocol; `at` undefined when cut off. */
function skipExtensions(packet: Buffer): {
  readonly protocol: number
  readonly at: number | undefined
  readonly offset: number | undefined
} {
  let protocol = packet.readUInt8(6)
  let at = 40
  let offset: number | undefined
  for (let i = 0; i < MAX_EXTENSIONS; i++) {
    const known = [HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION, MOBILITY].includes(protocol)
    if (!known) return { protocol, at, offset }
    if (packet.length < at + 8) return { protocol, at: undefined, offset }
    const next = packet.readUInt8(at)
    const length = packet.readUInt8(at + 1)
    if (protocol === FRAGMENT) {
      offset = packet.readUInt16BE(at + 2) >> 3
      at += 8
      // Only the first fragment has the headers that follow.
      if (offset > 0) return { protocol: next, at: undefined, offset }
    } else {
      // The authentication header counts in units of 4 bytes (RFC 4302), the others of 8.
      at += protocol === AUTHENTICATION ? (length + 2) * 4 : (length + 1) * 8
    }
    protocol = next
  }
  return { protocol, at: undefined, offset }
}

function transport(protocol: number, header: Buffer): PacketFields {
  switch (protocol) {
    case TCP:
      return {
        ...ports(header),
        ...(header.length >= 14 && { tcpControlBits: header.readUInt8(13) }),
      }
    case UDP:
    case UDP_LITE:
    case DCCP:
    case SCTP:
      return ports(header)
    case ICMP:
    case ICMP_V6:
      return header.length < 2 ? {} : { icmpType: header.readUInt8(0), icmpCode: header.readUInt8(1) }
    default:
      return {}
  }
}

function ports(header: Buffer): PacketFields {
  if (header.length < 4) return {}
  return { sourceTransportPort: header.readUInt16BE(0), destinationTransportPort: header.readUInt16BE(2) }
}
