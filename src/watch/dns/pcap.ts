import { type CapturedPacket, type CaptureFormat, CaptureProblem, MAX_PACKET_BYTES } from './capture.ts'

/** As four bytes of a file in this byte order would be read; nanoseconds have one of their own. */
const MICROSECONDS = 0xa1b2c3d4
const NANOSECONDS = 0xa1b23c4d
const FILE_HEADER = 24
const PACKET_HEADER = 16

/** pcap (draft-ietf-opsawg-pcap), in both byte orders, with microseconds or nanoseconds. */
export class PcapFormat implements CaptureFormat {
  readonly #little: boolean
  readonly #nanoseconds: boolean
  #linkType = -1
  packetRead = false
  wants = FILE_HEADER
  readonly skip = 0

  private constructor(little: boolean, nanoseconds: boolean) {
    this.#little = little
    this.#nanoseconds = nanoseconds
  }

  /** By the file's first four bytes, read as big-endian; undefined when it is no pcap. */
  static of(magic: number): PcapFormat | undefined {
    for (const number of [MICROSECONDS, NANOSECONDS]) {
      if (magic === number) return new PcapFormat(false, number === NANOSECONDS)
      if (magic === swapped(number)) return new PcapFormat(true, number === NANOSECONDS)
    }
    return undefined
  }

  get begun(): boolean {
    return this.#linkType >= 0
  }

  next(bytes: Buffer, at: number, end: number, packet: CapturedPacket): number {
    this.packetRead = false
    if (this.#linkType < 0) {
      // The upper bits say how long the frame check sequence is.
      this.#linkType = this.#u32(bytes, at + 20) & 0xffff
      this.wants = PACKET_HEADER
      return at + FILE_HEADER
    }
    const length = this.#u32(bytes, at + 8)
    if (length > MAX_PACKET_BYTES)
      throw new CaptureProblem(
        `the capture is damaged: a packet of ${length} bytes. Fix: take another copy; all before it was read`,
      )
    if (at + PACKET_HEADER + length > end) {
      this.wants = PACKET_HEADER + length
      return at
    }
    const fraction = this.#u32(bytes, at + 4)
    packet.timeMicros =
      this.#u32(bytes, at) * 1_000_000 + (this.#nanoseconds ? Math.floor(fraction / 1000) : fraction)
    packet.bytes = bytes
    packet.start = at + PACKET_HEADER
    packet.end = packet.start + length
    packet.linkType = this.#linkType
    this.packetRead = true
    this.wants = PACKET_HEADER
    return packet.end
  }

  #u32(bytes: Buffer, at: number): number {
    return this.#little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
  }
}

function swapped(number: number): number {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(number)
  return bytes.readUInt32LE()
}
