import { type CapturedPacket, type CaptureFormat, CaptureProblem } from './capture.ts'
import { PcapFormat } from './pcap.ts'
import { PcapngFormat } from './pcapng.ts'

const GZIP = 0x1f8b
const ZSTD = 0x28b5

/** Reads the packets of a pcap or pcapng capture from chunks of it, in bounded memory. */
export class CaptureReader {
  readonly packet: CapturedPacket = {
    bytes: Buffer.alloc(0),
    start: 0,
    end: 0,
    linkType: 0,
    timeMicros: 0,
    interfaceName: undefined,
  }
  #format: CaptureFormat | undefined
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  /** Chunks that come after `bytes`, until there is enough for a step. */
  #more: Buffer[] = []
  #moreBytes = 0
  #skip = 0

  /** Takes the next chunk, which must stay as it is until `next` says that there is no packet left. */
  push(chunk: Buffer): void {
    const skipped = Math.min(this.#skip, chunk.length)
    this.#skip -= skipped
    if (skipped === chunk.length) return
    this.#more.push(chunk.subarray(skipped))
    this.#moreBytes += chunk.length - skipped
  }

  /** Reads the next packet into `packet`; false when it takes another chunk. Throws a CaptureProblem. */
  next(): boolean {
    for (;;) {
      const format = this.#format
      if (!this.#has(format ? format.wants : MAGIC_BYTES)) return false
      if (!format) {
        this.#format = formatOf(this.#bytes.readUInt32BE(this.#at))
        continue
      }
      this.#at = format.next(this.#bytes, this.#at, this.#bytes.length, this.packet)
      if (format.packetRead) return true
      if (format.skip > 0) this.#pass(format.skip)
    }
  }

  /** No chunk will come any more: throws a CaptureProblem unless the capture ends where a packet does. */
  end(): void {
    const left = this.#bytes.length - this.#at + this.#moreBytes
    if (!this.#format && left === 0)
      throw new CaptureProblem(
        'the capture is empty. Fix: see whether what wrote it had written anything, and name that file',
      )
    if (!this.#format) throw new CaptureProblem(NO_CAPTURE)
    if (left > 0 || this.#skip > 0 || !this.#format.begun)
      throw new CaptureProblem(
        'the capture is cut off: it ends in the middle of a packet. All before it was read. Fix: copy the file whole, or end what writes it with SIGINT or SIGTERM',
      )
  }

  #has(wanted: number): boolean {
    const here = this.#bytes.length - this.#at
    if (here >= wanted) return true
    if (here + this.#moreBytes < wanted) return false
    this.#bytes = here === 0 && this.#more.length === 1 ? (this.#more[0] ?? this.#bytes) : this.#joined()
    this.#at = 0
    this.#more = []
    this.#moreBytes = 0
    return true
  }

  #joined(): Buffer {
    return Buffer.concat([this.#bytes.subarray(this.#at), ...this.#more])
  }

  #pass(bytes: number): void {
    this.#bytes = this.#joined()
    this.#more = []
    this.#moreBytes = 0
    this.#at = Math.min(bytes, this.#bytes.length)
    this.#skip = bytes - this.#at
  }
}

const MAGIC_BYTES = 4
const NO_CAPTURE =
  'this is neither a pcap nor a pcapng capture. Fix: name a file that tcpdump or Wireshark wrote'

/** By the first four bytes. */
function formatOf(magic: number): CaptureFormat {
  const format = PcapFormat.of(magic) ?? PcapngFormat.of(magic)
  if (format) return format
  if (magic >>> 16 === GZIP)
    throw new CaptureProblem('the capture is compressed. Fix: zcat FILE | sekisho dns read -')
  if (magic >>> 16 === ZSTD)
    throw new CaptureProblem('the capture is compressed. Fix: zstdcat FILE | sekisho dns read -')
  throw new CaptureProblem(NO_CAPTURE)
}
