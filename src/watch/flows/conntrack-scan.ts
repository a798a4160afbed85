import { COUNTERS, CTA, NFGEN_BYTES, PROTOCOL_INFO_TCP, TCP_STATE, TIMESTAMP } from './ctnetlink.ts'

/** What a message of connection tracking says in numbers; -1 is what it does not say. One is filled again and again. */
export interface ConntrackScan {
  family: number
  /** CTA_ID: a hash of 32 bits, not always unique even among live connections. */
  id: number
  status: number
  mark: number
  zone: number
  timeoutSecs: number
  tcpState: number
  originalPackets: number
  originalBytes: number
  replyPackets: number
  replyBytes: number
  /** Microseconds since 1970. */
  startMicros: number
  stopMicros: number
  /** Where the attributes of the tuples have their values, and how long those are. */
  originalAt: number
  originalLength: number
  replyAt: number
  replyLength: number
  /** Of the id and the tuple of the original direction: the same in each message about a connection. Below 2^53. */
  key: number
}

export function newScan(): ConntrackScan {
  return {
    family: -1,
    id: -1,
    status: -1,
    mark: -1,
    zone: -1,
    timeoutSecs: -1,
    tcpState: -1,
    originalPackets: -1,
    originalBytes: -1,
    replyPackets: -1,
    replyBytes: -1,
    startMicros: -1,
    stopMicros: -1,
    originalAt: -1,
    originalLength: 0,
    replyAt: -1,
    replyLength: 0,
    key: -1,
  }
}

/** Of the tuple's hash, what fits above the id's 32 bits into a safe integer. */
const HASH_BITS = 21

/**
 * Walks over a message's payload between two offsets (nfgenmsg and attributes, linux/netfilter/nfnetlink_conntrack.h)
 * without allocating anything: a busy router makes tens of thousands of these a second. False when it has no id or no
 * tuples, which every message of the kernel has.
 */
export function scanConntrack(bytes: Buffer, from: number, to: number, scan: ConntrackScan): boolean {
  reset(scan)
  const end = Math.min(to, bytes.length)
  if (end - from < NFGEN_BYTES) return false
  scan.family = bytes[from] ?? 0
  for (let at = from + NFGEN_BYTES; end - at >= 4; ) {
    const length = u16(bytes, at)
    if (length < 4 || length > end - at) break
    attribute(bytes, u16(bytes, at + 2) & 0x3fff, at + 4, length - 4, scan)
    at += (length + 3) & ~3
  }
  if (scan.id < 0 || scan.originalAt < 0 || scan.replyAt < 0) return false
  scan.key = hashOf(bytes, scan.originalAt, scan.originalLength) * 2 ** 32 + scan.id
  return true
}

function attribute(bytes: Buffer, type: number, at: number, length: number, scan: ConntrackScan): void {
  switch (type) {
    case CTA.tupleOriginal:
      scan.originalAt = at
      scan.originalLength = length
      return
    case CTA.tupleReply:
      scan.replyAt = at
      scan.replyLength = length
      return
    case CTA.status:
      scan.status = uint32(bytes, at, length)
      return
    case CTA.id:
      scan.id = uint32(bytes, at, length)
      return
    case CTA.mark:
      scan.mark = uint32(bytes, at, length)
      return
    case CTA.timeout:
      scan.timeoutSecs = uint32(bytes, at, length)
      return
    case CTA.zone:
      scan.zone = length === 2 ? bytes.readUInt16BE(at) : -1
      return
    case CTA.countersOriginal:
      scan.originalPackets = count(bytes, at, length, COUNTERS.packets)
      scan.originalBytes = count(bytes, at, length, COUNTERS.bytes)
      return
    case CTA.countersReply:
      scan.replyPackets = count(bytes, at, length, COUNTERS.packets)
      scan.replyBytes = count(bytes, at, length, COUNTERS.bytes)
      return
    case CTA.timestamp:
      scan.startMicros = micros(bytes, at, length, TIMESTAMP.start)
      scan.stopMicros = micros(bytes, at, length, TIMESTAMP.stop)
      return
    case CTA.protocolInfo:
      scan.tcpState = tcpStateOf(bytes, at, length)
      return
    default:
  }
}

/** Where the value of an attribute is within a nest, -1 when it is not there or not as long as it must be. */
export function find(bytes: Buffer, from: number, length: number, type: number, size: number): number {
  const end = from + length
  for (let at = from; end - at >= 4; ) {
    const whole = u16(bytes, at)
    if (whole < 4 || whole > end - at) return -1
    if ((u16(bytes, at + 2) & 0x3fff) === type) {
      return size === 0 || whole - 4 === size ? at + 4 : -1
    }
    at += (whole + 3) & ~3
  }
  return -1
}

/** How long the attribute is whose value is there. */
export function lengthAt(bytes: Buffer, at: number): number {
  return u16(bytes, at - 4) - 4
}

function tcpStateOf(bytes: Buffer, at: number, length: number): number {
  const tcp = find(bytes, at, length, PROTOCOL_INFO_TCP, 0)
  if (tcp < 0) return -1
  const state = find(bytes, tcp, lengthAt(bytes, tcp), TCP_STATE, 1)
  return state < 0 ? -1 : bytes.readUInt8(state)
}

function uint32(bytes: Buffer, at: number, length: number): number {
  return length === 4 ? u32(bytes, at) : -1
}

function count(bytes: Buffer, at: number, length: number, type: number): number {
  const value = find(bytes, at, length, type, 8)
  if (value < 0) return -1
  // Exact to 2^53 bytes, which is 9 petabytes of one connection.
  return u32(bytes, value) * 2 ** 32 + u32(bytes, value + 4)
}

/** The kernel's nanoseconds as microseconds, in parts that each stay below 2^53. */
function micros(bytes: Buffer, at: number, length: number, type: number): number {
  const value = find(bytes, at, length, type, 8)
  if (value < 0) return -1
  const high = u32(bytes, value)
  const low = u32(bytes, value + 4)
  return high * 4_294_967 + Math.floor((high * 296 + low) / 1000)
}

/* Buffer's own readers check what is known here to be within the bytes, which made half of the time of a walk. */

/** In the host's byte order, which is little-endian (see parseMessages). */
function u16(bytes: Buffer, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
}

/** In network order. */
function u32(bytes: Buffer, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) |
      ((bytes[at + 1] ?? 0) << 16) |
      ((bytes[at + 2] ?? 0) << 8) |
      (bytes[at + 3] ?? 0)) >>>
    0
  )
}

/** FNV-1a, which is enough to tell connections apart that share an id. */
function hashOf(bytes: Buffer, from: number, length: number): number {
  let hash = 0x811c9dc5
  const end = from + length
  for (let at = from; at < end; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193)
  return hash >>> (32 - HASH_BITS)
}

function reset(scan: ConntrackScan): void {
  scan.family = -1
  scan.id = -1
  scan.status = -1
  scan.mark = -1
  scan.zone = -1
  scan.timeoutSecs = -1
  scan.tcpState = -1
  scan.originalPackets = -1
  scan.originalBytes = -1
  scan.replyPackets = -1
  scan.replyBytes = -1
  scan.startMicros = -1
  scan.stopMicros = -1
  scan.originalAt = -1
  scan.originalLength = 0
  scan.replyAt = -1
  scan.replyLength = 0
  scan.key = -1
}
