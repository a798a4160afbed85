import { type CapturedPacket, type CaptureFormat, CaptureProblem, MAX_PACKET_BYTES } from './capture.ts'

const SECTION = 0x0a0d0d0a
const INTERFACE = 1
/** Obsolete, and still found. */
const PACKET = 2
const SIMPLE_PACKET = 3
const ENHANCED_PACKET = 6
const BIG_ENDIAN = 0x1a2b3c4d
const LITTLE_ENDIAN = 0x4d3c2b1a
const BLOCK_HEADER = 8
/** Type, length, and the length again at the end. */
const BLOCK_FRAME = 12
const OPTION_NAME = 2
const OPTION_RESOLUTION = 9
const OPTION_OFFSET = 14
/** A section has no more interfaces than this: each is remembered. */
const MAX_INTERFACES = 4096
/** A packet's block has options besides. */
const MAX_BLOCK_BYTES = MAX_PACKET_BYTES + 1024 * 1024

interface Interface {
  readonly linkType: number
  readonly snapLength: number
  readonly name: string | undefined
  /** Units of a time in a second. */
  readonly unitsPerSecond: number
  /** Seconds that are added to each time. */
  readonly offsetSeconds: number
}

/** pcapng (draft-ietf-opsawg-pcapng): sections of either byte order, each with interfaces of its own. */
export class PcapngFormat implements CaptureFormat {
  #little = true
  #interfaces: Interface[] = []
  packetRead = false
  wants = BLOCK_FRAME
  skip = 0
  begun = false

  /** By the file's first four bytes; undefined when it is no pcapng. */
  static of(magic: number): PcapngFormat | undefined {
    return magic === SECTION ? new PcapngFormat() : undefined
  }

  next(bytes: Buffer, at: number, end: number, packet: CapturedPacket): number {
    this.packetRead = false
    this.skip = 0
    const type = bytes.readUInt32BE(at) === SECTION ? SECTION : this.#u32(bytes, at)
    if (type === SECTION) this.#readByteOrder(bytes.readUInt32BE(at + 8))
    const length = this.#u32(bytes, at + 4)
    if (length < BLOCK_FRAME || length % 4 !== 0) throw damaged(`a block of ${length} bytes`)
    if (!isRead(type)) {
      this.skip = length
      this.wants = BLOCK_FRAME
      return at
    }
    if (length > MAX_BLOCK_BYTES) throw damaged(`a block of ${length} bytes`)
    if (at + length > end) {
      this.wants = length
      return at
    }
    this.wants = BLOCK_FRAME
    const [body, stop] = [at + BLOCK_HEADER, at + length - 4]
    if (type === INTERFACE) this.#readInterface(bytes, body, stop)
    else if (type !== SECTION) this.#readPacket(type, bytes, body, stop, packet)
    return at + length
  }

  #readByteOrder(magic: number): void {
    if (magic !== BIG_ENDIAN && magic !== LITTLE_ENDIAN) throw damaged('a section of unknown byte order')
    this.#little = magic === LITTLE_ENDIAN
    this.begun = true
    this.#interfaces = []
  }

  #readInterface(bytes: Buffer, at: number, end: number): void {
    if (end - at < 8) throw damaged('an interface without a link type')
    if (this.#interfaces.length >= MAX_INTERFACES) throw damaged(`more than ${MAX_INTERFACES} interfaces`)
    let name: string | undefined
    let unitsPerSecond = 1_000_000
    let offsetSeconds = 0
    for (let option = at + 8; option + 4 <= end; ) {
      const code = this.#u16(bytes, option)
      const length = this.#u16(bytes, option + 2)
      const value = option + 4
      if (value + length > end) break
      if (code === OPTION_NAME) name = bytes.toString('utf8', value, value + length).replace(/\0+$/, '')
      else if (code === OPTION_RESOLUTION && length >= 1) unitsPerSecond = resolution(bytes[value] ?? 0)
      else if (code === OPTION_OFFSET && length >= 8)
        offsetSeconds = Number(this.#little ? bytes.readBigInt64LE(value) : bytes.readBigInt64BE(value))
      option = value + length + (-length & 3)
    }
    const snapLength = this.#u32(bytes, at + 4) || MAX_PACKET_BYTES
    this.#interfaces.push({ linkType: this.#u16(bytes, at), snapLength, name, unitsPerSecond, offsetSeconds })
  }

  #readPacket(type: number, bytes: Buffer, at: number, end: number, packet: CapturedPacket): void {
    const header = type === SIMPLE_PACKET ? 4 : 20
    if (end - at < header) throw damaged('a packet without a header')
    const number =
      type === ENHANCED_PACKET ? this.#u32(bytes, at) : type === PACKET ? this.#u16(bytes, at) : 0
    const from = this.#interfaces[number]
    if (!from) throw damaged(`a packet of interface ${number}, which there is not`)
    const length =
      type === SIMPLE_PACKET
        ? Math.min(this.#u32(bytes, at), from.snapLength, end - at - header)
        : this.#u32(bytes, at + 12)
    if (at + header + length > end) throw damaged('a packet longer than its block')
    packet.bytes = bytes
    packet.start = at + header
    packet.end = packet.start + length
    packet.linkType = from.linkType
    packet.interfaceName = from.name
    // A simple packet has no time.
    packet.timeMicros =
      type === SIMPLE_PACKET ? 0 : microsOf(this.#u32(bytes, at + 4), this.#u32(bytes, at + 8), from)
    this.packetRead = true
  }

  #u16(bytes: Buffer, at: number): number {
    return this.#little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at)
  }

  #u32(bytes: Buffer, at: number): number {
    return this.#little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
  }
}

function isRead(type: number): boolean {
  return (
    type === SECTION ||
    type === INTERFACE ||
    type === PACKET ||
    type === SIMPLE_PACKET ||
    type === ENHANCED_PACKET
  )
}

function damaged(what: string): CaptureProblem {
  return new CaptureProblem(`the capture is damaged: ${what}. Fix: take another copy; all before it was read`)
}

/** if_tsresol: a negative power of 10, or of 2 where the highest bit is set. */
function resolution(byte: number): number {
  return (byte & 0x80) === 0 ? 10 ** byte : 2 ** (byte & 0x7f)
}

function microsOf(high: number, low: number, { unitsPerSecond, offsetSeconds }: Interface): number {
  const offset = offsetSeconds * 1_000_000
  if (unitsPerSecond === 1_000_000) return high * 2 ** 32 + low + offset
  // Nanoseconds are what tshark writes: 2^32 of them are 4,294,967 microseconds and 296 ns.
  if (unitsPerSecond === 1_000_000_000)
    return high * 4_294_967 + Math.floor((high * 296 + low) / 1000) + offset
  const units = (BigInt(high) << 32n) | BigInt(low)
  return Number((units * 1_000_000n) / BigInt(unitsPerSecond)) + offset
}
