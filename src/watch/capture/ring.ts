import * as libc from '../../recorder/netlink/libc.ts'
import { check, int32 } from './open.ts'

const AF_PACKET = 17
const SOL_SOCKET = 1
const SO_ERROR = 4
const SOL_PACKET = 263
const PACKET_RX_RING = 5
const PACKET_STATISTICS = 6
const PACKET_VERSION = 10
const TPACKET_V3 = 2
const ETH_P_ALL = 3
const PACKET_OUTGOING = 4
/** A packet of 64 KiB, which is what the kernel merges TCP segments to, fits into a block. */
const BLOCK_BYTES = 256 * 1024
const FRAME_BYTES = 2048
/** A block that is not full is handed over after this. */
const RETIRE_MS = 20
/** So long it may take until a packet is here: the kernel looks twice, and its timers may be late. */
export const HERE_MS = 100

/** In a block: struct tpacket_hdr_v1 behind version and offset (linux/if_packet.h), in the host's byte order. */
const BLOCK = { status: 8, packets: 12, first: 16 } as const
const STATUS_KERNEL = 0
const STATUS_USER = 1
/** struct tpacket3_hdr, and struct sockaddr_ll behind it. */
const PACKET = { next: 0, seconds: 4, nanoseconds: 8, captured: 12, length: 16, mac: 24 } as const
const ADDRESS = { type: 48 + 10 } as const

/** What a ring gave and lost since it was opened. */
export interface RingCounts {
  packets: number
  /** Found the ring full. */
  kernelDrops: number
  /** Larger than a block: cut. */
  truncated: number
}

/** A packet's bytes last until the call returns. */
export type TakePacket = (bytes: Buffer, timeMicros: number, outgoing: boolean, device: string) => void

/**
 * The packets of one device, from a ring of memory that the kernel fills (AF_PACKET with TPACKET_V3,
 * Documentation/networking/packet_mmap.rst): a block of packets is read without a system call and given back.
 */
export class PacketRing {
  readonly fd: number
  readonly device: string
  readonly #counts: RingCounts = { packets: 0, kernelDrops: 0, truncated: 0 }
  readonly #mapping: libc.Mapping
  readonly #view: DataView
  readonly #status: Int32Array
  readonly #blocks: number
  /** The block that is being read, and when it and those after it were noted. */
  #block = 0
  readonly #seen: number[] = []
  /** In that block: the next packet, and how many there are. */
  #at = 0
  #left = 0
  /** Of the interface that it is bound to; 0 while there was none. */
  #index = 0

  /** Takes over a socket of `openCapture` for a device, which may come later; no capability is needed. */
  constructor(fd: number, device: string, ringBytes: number) {
    this.fd = fd
    this.device = device
    this.#blocks = Math.max(2, Math.floor(ringBytes / BLOCK_BYTES))
    check('PACKET_VERSION', libc.setsockopt(fd, SOL_PACKET, PACKET_VERSION, int32(TPACKET_V3), 4))
    const request = ringRequest(this.#blocks)
    check('PACKET_RX_RING', libc.setsockopt(fd, SOL_PACKET, PACKET_RX_RING, request, request.length))
    const mapping = libc.mapShared(fd, this.#blocks * BLOCK_BYTES)
    if (!mapping) throw new Error(`mmap of a packet ring: errno ${libc.errno()}`)
    this.#mapping = mapping
    this.#view = new DataView(mapping.memory)
    this.#status = new Int32Array(mapping.memory)
  }

  /** Whether there is an interface of this name that it sees. */
  get bound(): boolean {
    return this.#index !== 0
  }

  /** Binds to the interface of the device's name, also when that is another one than before. */
  follow(): void {
    // A device that went down leaves an error, which would keep poll(2) from waiting.
    libc.getsockopt(this.fd, SOL_SOCKET, SO_ERROR, Buffer.alloc(4), int32(4))
    const index = libc.ifNameToIndex(this.device)
    if (index === this.#index) return
    this.#index = 0
    if (index === 0) return
    const address = Buffer.alloc(20)
    address.writeUInt16LE(AF_PACKET, 0)
    address.writeUInt16BE(ETH_P_ALL, 2)
    address.writeInt32LE(index, 4)
    // It may be gone again by now.
    if (libc.bind(this.fd, address, address.length) === 0) this.#index = index
  }

  /** Notes which blocks the kernel has handed over by `now`, on the clock of performance.now(); true when there is one. */
  look(now: number): boolean {
    while (this.#seen.length < this.#blocks) {
      const block = (this.#block + this.#seen.length) % this.#blocks
      const status = Atomics.load(this.#status, (block * BLOCK_BYTES + BLOCK.status) / 4)
      if ((status & STATUS_USER) === 0) break
      this.#seen.push(now)
    }
    if (this.#left === 0) this.#enter()
    return this.#left > 0
  }

  /** When the oldest packet that is here came, microseconds since 1970; infinite when there is none. */
  get nextMicros(): number {
    return this.#left > 0 ? this.#micros(this.#at) : Number.POSITIVE_INFINITY
  }

  /** When its block was noted. */
  get seenAt(): number {
    return this.#seen[0] ?? Number.POSITIVE_INFINITY
  }

  /** Gives the packets that are here and came until then, oldest first and at most so many; how many it were. */
  give(take: TakePacket, untilMicros: number, most: number): number {
    let given = 0
    for (; given < most && this.#left > 0; given++) {
      const at = this.#at
      const micros = this.#micros(at)
      if (micros > untilMicros) break
      const view = this.#view
      const captured = view.getUint32(at + PACKET.captured, true)
      if (captured < view.getUint32(at + PACKET.length, true)) this.#counts.truncated += 1
      const bytes = Buffer.from(this.#mapping.memory, at + view.getUint16(at + PACKET.mac, true), captured)
      this.#counts.packets += 1
      this.#left -= 1
      this.#at = at + view.getUint32(at + PACKET.next, true)
      try {
        take(bytes, micros, view.getUint8(at + ADDRESS.type) === PACKET_OUTGOING, this.device)
      } finally {
        if (this.#left === 0) this.#release()
      }
    }
    return given
  }

  /** The counts, up to now. */
  counts(): Readonly<RingCounts> {
    const statistics = Buffer.alloc(12)
    // Reading sets the kernel's counts to zero.
    if (libc.getsockopt(this.fd, SOL_PACKET, PACKET_STATISTICS, statistics, int32(statistics.length)) === 0)
      this.#counts.kernelDrops += statistics.readUInt32LE(4)
    return this.#counts
  }

  close(): void {
    this.#mapping.unmap()
    libc.close(this.fd)
  }

  /** Begins with the oldest block that was noted. */
  #enter(): void {
    while (this.#seen.length > 0) {
      const base = this.#block * BLOCK_BYTES
      this.#left = this.#view.getUint32(base + BLOCK.packets, true)
      this.#at = base + this.#view.getUint32(base + BLOCK.first, true)
      if (this.#left > 0) return
      this.#giveBack()
    }
  }

  #release(): void {
    this.#giveBack()
    this.#enter()
  }

  #giveBack(): void {
    Atomics.store(this.#status, (this.#block * BLOCK_BYTES + BLOCK.status) / 4, STATUS_KERNEL)
    this.#block = (this.#block + 1) % this.#blocks
    this.#seen.shift()
  }

  #micros(at: number): number {
    const nanoseconds = this.#view.getUint32(at + PACKET.nanoseconds, true)
    return this.#view.getUint32(at + PACKET.seconds, true) * 1e6 + Math.floor(nanoseconds / 1000)
  }
}

/** struct tpacket_req3. */
function ringRequest(blocks: number): Buffer {
  const request = Buffer.alloc(28)
  const fields = [BLOCK_BYTES, blocks, FRAME_BYTES, (BLOCK_BYTES / FRAME_BYTES) * blocks, RETIRE_MS]
  fields.forEach((value, i) => {
    request.writeUInt32LE(value, i * 4)
  })
  return request
}
