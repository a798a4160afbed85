import { isIPv4 } from 'node:net'
import { buildAttribute } from '../src/recorder/netlink/message.ts'
import type { Conntrack, Counts, Tuple } from '../src/watch/flows/conntrack-decode.ts'
import {
  AF_INET,
  AF_INET6,
  COUNTERS,
  CTA,
  IP,
  PROTOCOL,
  PROTOCOL_INFO_TCP,
  TCP_STATE,
  TCP_STATES,
  TIMESTAMP,
  TUPLE,
} from '../src/watch/flows/ctnetlink.ts'

/* Messages of connection tracking as the kernel writes them, for tests. */

const NESTED = 0x8000

/** A connection of TCP from 192.0.2.9 behind a masquerade, with what is given instead. */
export function connection(over: Partial<Conntrack> = {}): Conntrack {
  return {
    id: 7,
    original: ports('192.0.2.9', 50_000, '198.51.100.7', 443),
    reply: ports('198.51.100.7', 443, '203.0.113.1', 50_000),
    status: 0x1ae,
    mark: 0,
    zone: undefined,
    timeoutSecs: undefined,
    tcpState: 'TIME_WAIT',
    counts: { originalPackets: 5, originalBytes: 500, replyPackets: 4, replyBytes: 4000 },
    startMicros: 1_790_000_000_000_001,
    stopMicros: undefined,
    ...over,
  }
}

/** A tuple of TCP, or another protocol with ports. */
export function ports(
  source: string,
  sourcePort: number,
  destination: string,
  destinationPort: number,
  protocol = 6,
): Tuple {
  return {
    source,
    destination,
    protocol,
    sourcePort,
    destinationPort,
    icmpId: undefined,
    icmpType: undefined,
    icmpCode: undefined,
  }
}

/** The payload of a message about a connection: nfgenmsg and attributes. */
export function conntrackPayload(entry: Conntrack): Buffer {
  const { counts, startMicros, stopMicros } = entry
  const tcp = entry.tcpState === undefined ? undefined : TCP_STATES.indexOf(entry.tcpState)
  return Buffer.concat([
    Buffer.of(isIPv4(entry.original.source) ? AF_INET : AF_INET6, 0, 0, 0),
    nest(CTA.tupleOriginal, tuple(entry.original)),
    nest(CTA.tupleReply, tuple(entry.reply)),
    buildAttribute(CTA.id, uint32(entry.id)),
    optional(entry.status, (value) => buildAttribute(CTA.status, uint32(value))),
    optional(entry.timeoutSecs, (value) => buildAttribute(CTA.timeout, uint32(value))),
    optional(counts, (value) =>
      Buffer.concat([
        nest(CTA.countersOriginal, counters(value, 'original')),
        nest(CTA.countersReply, counters(value, 'reply')),
      ]),
    ),
    optional(startMicros, (start) =>
      nest(
        CTA.timestamp,
        Buffer.concat([
          buildAttribute(TIMESTAMP.start, uint64(BigInt(start) * 1000n + 999n)),
          optional(stopMicros, (stop) => buildAttribute(TIMESTAMP.stop, uint64(BigInt(stop) * 1000n))),
        ]),
      ),
    ),
    optional(tcp, (state) =>
      nest(CTA.protocolInfo, nest(PROTOCOL_INFO_TCP, buildAttribute(TCP_STATE, Buffer.of(state)))),
    ),
    optional(entry.mark, (value) => buildAttribute(CTA.mark, uint32(value))),
    optional(entry.zone, (value) => buildAttribute(CTA.zone, uint16(value))),
  ])
}

function tuple(of: Tuple): Buffer {
  const v4 = isIPv4(of.source)
  const icmp = v4
    ? ([PROTOCOL.icmpId, PROTOCOL.icmpType, PROTOCOL.icmpCode] as const)
    : ([PROTOCOL.icmpV6Id, PROTOCOL.icmpV6Type, PROTOCOL.icmpV6Code] as const)
  return Buffer.concat([
    nest(
      TUPLE.ip,
      Buffer.concat([
        buildAttribute(v4 ? IP.v4Source : IP.v6Source, addressBytes(of.source)),
        buildAttribute(v4 ? IP.v4Destination : IP.v6Destination, addressBytes(of.destination)),
      ]),
    ),
    nest(
      TUPLE.protocol,
      Buffer.concat([
        buildAttribute(PROTOCOL.number, Buffer.of(of.protocol)),
        optional(of.sourcePort, (value) => buildAttribute(PROTOCOL.sourcePort, uint16(value))),
        optional(of.destinationPort, (value) => buildAttribute(PROTOCOL.destinationPort, uint16(value))),
        optional(of.icmpId, (value) => buildAttribute(icmp[0], uint16(value))),
        optional(of.icmpType, (value) => buildAttribute(icmp[1], Buffer.of(value))),
        optional(of.icmpCode, (value) => buildAttribute(icmp[2], Buffer.of(value))),
      ]),
    ),
  ])
}

function counters(counts: Counts, direction: 'original' | 'reply'): Buffer {
  return Buffer.concat([
    buildAttribute(COUNTERS.packets, uint64(BigInt(counts[`${direction}Packets`]))),
    buildAttribute(COUNTERS.bytes, uint64(BigInt(counts[`${direction}Bytes`]))),
  ])
}

/** The bytes of an address; of IPv6 without "::" inside an IPv4 tail. */
function addressBytes(text: string): Buffer {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number))
  const [left = '', right = ''] = text.split('::')
  const groups = (side: string): string[] => (side === '' ? [] : side.split(':'))
  const zeros = Array.from({ length: 8 - groups(left).length - groups(right).length }, () => '0')
  const bytes = Buffer.alloc(16)
  for (const [i, group] of [...groups(left), ...zeros, ...groups(right)].entries()) {
    bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * i)
  }
  return bytes
}

function nest(type: number, value: Buffer): Buffer {
  return buildAttribute(type | NESTED, value)
}

function optional<T>(value: T | undefined, write: (value: T) => Buffer): Buffer {
  return value === undefined ? Buffer.alloc(0) : write(value)
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}
