/** What of a capture cannot be read, and why; what came before it was read. */
export class CaptureProblem extends Error {
  override readonly name = 'CaptureProblem'
}

/** The packet that was read last; its bytes are good until the next one is asked for. */
export interface CapturedPacket {
  bytes: Buffer
  start: number
  end: number
  linkType: number
  timeMicros: number
  interfaceName: string | undefined
}

/** What reads a format, a step at a time. */
export interface CaptureFormat {
  /**
   * Reads what stands at `at`: a packet, which goes into `packet`, or something else. Returns where to go on. Throws a
   * CaptureProblem.
   */
  next(bytes: Buffer, at: number, end: number, packet: CapturedPacket): number
  /** Whether it was a packet. */
  readonly packetRead: boolean
  /** How many bytes must be there before it is worth another try. */
  readonly wants: number
  /** Bytes from where it goes on that mean nothing to it. */
  readonly skip: number
  /** The file's own header was read. */
  readonly begun: boolean
}

/** More than tcpdump's largest snapshot length. */
export const MAX_PACKET_BYTES = 1024 * 1024
