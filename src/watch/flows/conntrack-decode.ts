import { ipv4Text, ipv6Text } from '../../recorder/records/address.ts'
import { type ConntrackScan, find, lengthAt, newScan, scanConntrack } from './conntrack-scan.ts'
import { IP, PROTOCOL, TCP_STATES, TUPLE } from './ctnetlink.ts'

/** One direction of a connection, as its packets have it on the side that they come from. */
export interface Tuple {
  readonly source: string
  readonly destination: string
  readonly protocol: number
  readonly sourcePort: number | undefined
  readonly destinationPort: number | undefined
  readonly icmpId: number | undefined
  readonly icmpType: number | undefined
  readonly icmpCode: number | undefined
}

/** Packets and IP bytes of both directions. */
export interface Counts {
  readonly originalPackets: number
  readonly originalBytes: number
  readonly replyPackets: number
  readonly replyBytes: number
}

/** A connection as connection tracking has it; undefined is what a message does not say. */
export interface Conntrack {
  readonly id: number
  /** From who opened it, before any NAT. */
  readonly original: Tuple
  /** What answers to it look like, after NAT: its source is where the packets really went. */
  readonly reply: Tuple
  readonly status: number | undefined
  readonly mark: number | undefined
  readonly zone: number | undefined
  readonly timeoutSecs: number | undefined
  readonly tcpState: string | undefined
  /** A new connection has none, and none has without net.netfilter.nf_conntrack_acct. */
  readonly counts: Counts | undefined
  /** Microseconds since 1970, with net.netfilter.nf_conntrack_timestamp. */
  readonly startMicros: number | undefined
  readonly stopMicros: number | undefined
}

const scratch = newScan()

/** The connection in a message's payload (nfgenmsg and attributes); undefined when it has no id or not both tuples. */
export function decodeConntrack(payload: Buffer): Conntrack | undefined {
  if (!scanConntrack(payload, 0, payload.length, scratch)) return undefined
  return conntrackOf(payload, scratch)
}

/** The connection of a message that was scanned. */
export function conntrackOf(bytes: Buffer, scan: ConntrackScan): Conntrack | undefined {
  const original = decodeTuple(bytes, scan.originalAt, scan.originalLength)
  const reply = decodeTuple(bytes, scan.replyAt, scan.replyLength)
  if (!original || !reply) return undefined
  return {
    id: scan.id,
    original,
    reply,
    status: said(scan.status),
    mark: said(scan.mark),
    zone: said(scan.zone),
    timeoutSecs: said(scan.timeoutSecs),
    tcpState: TCP_STATES[scan.tcpState],
    counts: countsOf(scan),
    startMicros: said(scan.startMicros),
    stopMicros: said(scan.stopMicros),
  }
}

function said(value: number): number | undefined {
  return value < 0 ? undefined : value
}

function countsOf(scan: ConntrackScan): Counts | undefined {
  const { originalPackets, originalBytes, replyPackets, replyBytes } = scan
  if (originalPackets < 0 || originalBytes < 0 || replyPackets < 0 || replyBytes < 0) return undefined
  return { originalPackets, originalBytes, replyPackets, replyBytes }
}

/** The tuple in the value of CTA_TUPLE_ORIG or CTA_TUPLE_REPLY. */
export function decodeTuple(bytes: Buffer, at: number, length: number): Tuple | undefined {
  const ip = find(bytes, at, length, TUPLE.ip, 0)
  const protocolAt = find(bytes, at, length, TUPLE.protocol, 0)
  if (ip < 0 || protocolAt < 0) return undefined
  const ipLength = lengthAt(bytes, ip)
  const source = addressOf(bytes, ip, ipLength, IP.v4Source, IP.v6Source)
  const destination = addressOf(bytes, ip, ipLength, IP.v4Destination, IP.v6Destination)
  if (source === undefined || destination === undefined) return undefined
  const protocolLength = lengthAt(bytes, protocolAt)
  const value = (type: number, size: 1 | 2): number | undefined => {
    const found = find(bytes, protocolAt, protocolLength, type, size)
    if (found < 0) return undefined
    return size === 1 ? bytes.readUInt8(found) : bytes.readUInt16BE(found)
  }
  const protocol = value(PROTOCOL.number, 1)
  if (protocol === undefined) return undefined
  const sourcePort = value(PROTOCOL.sourcePort, 2)
  const ported = sourcePort !== undefined
  return {
    source,
    destination,
    protocol,
    sourcePort,
    destinationPort: value(PROTOCOL.destinationPort, 2),
    icmpId: ported ? undefined : (value(PROTOCOL.icmpId, 2) ?? value(PROTOCOL.icmpV6Id, 2)),
    icmpType: ported ? undefined : (value(PROTOCOL.icmpType, 1) ?? value(PROTOCOL.icmpV6Type, 1)),
    icmpCode: ported ? undefined : (value(PROTOCOL.icmpCode, 1) ?? value(PROTOCOL.icmpV6Code, 1)),
  }
}

function addressOf(bytes: Buffer, at: number, length: number, v4: number, v6: number): string | undefined {
  const four = find(bytes, at, length, v4, 4)
  if (four >= 0) return ipv4Text(bytes, four)
  const six = find(bytes, at, length, v6, 16)
  return six < 0 ? undefined : ipv6Text(bytes, six)
}
