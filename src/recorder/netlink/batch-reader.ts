import * as libc from './libc.ts'
import { NetlinkError } from './socket.ts'

const BATCH = 64
/** Room for a datagram: messages about events are some hundred bytes. */
const DATAGRAM_BYTES = 4096
const MSG_DONTWAIT = 0x40
/* Sizes and offsets of struct mmsghdr, msghdr, iovec and sockaddr_nl on machines of 64 bits (recvmmsg(2), netlink(7)). */
const HEADER_BYTES = 64
const HEADER = { name: 0, nameLength: 8, vector: 16, vectorLength: 24, length: 56 } as const
const VECTOR_BYTES = 16
const ADDRESS_BYTES = 12

/** Reads the datagrams of a netlink socket many at a time, into one buffer that is used again. */
export class BatchReader {
  readonly bytes = Buffer.alloc(BATCH * DATAGRAM_BYTES)
  readonly #fd: number
  readonly #headers = Buffer.alloc(BATCH * HEADER_BYTES)
  readonly #vectors = Buffer.alloc(BATCH * VECTOR_BYTES)
  readonly #addresses = Buffer.alloc(BATCH * ADDRESS_BYTES)

  constructor(fd: number) {
    this.#fd = fd
    const [bytes, vectors, addresses] = [this.bytes, this.#vectors, this.#addresses].map(libc.addressOf) as [
      bigint,
      bigint,
      bigint,
    ]
    for (let i = 0; i < BATCH; i++) {
      this.#vectors.writeBigUInt64LE(bytes + BigInt(i * DATAGRAM_BYTES), i * VECTOR_BYTES)
      this.#vectors.writeBigUInt64LE(BigInt(DATAGRAM_BYTES), i * VECTOR_BYTES + 8)
      const at = i * HEADER_BYTES
      this.#headers.writeBigUInt64LE(addresses + BigInt(i * ADDRESS_BYTES), at + HEADER.name)
      this.#headers.writeBigUInt64LE(vectors + BigInt(i * VECTOR_BYTES), at + HEADER.vector)
      this.#headers.writeBigUInt64LE(1n, at + HEADER.vectorLength)
    }
  }

  /** How many datagrams there were, 0 when there is none now; 'overrun' when the kernel had no room for some. */
  read(): number | 'overrun' {
    for (let i = 0; i < BATCH; i++) {
      this.#headers.writeUInt32LE(ADDRESS_BYTES, i * HEADER_BYTES + HEADER.nameLength)
    }
    const count = libc.recvmmsg(this.#fd, this.#headers, BATCH, MSG_DONTWAIT, null)
    if (count >= 0) return count
    const errno = libc.errno()
    if (errno === libc.ERRNO.EAGAIN || errno === libc.ERRNO.EINTR) return 0
    if (errno === libc.ERRNO.ENOBUFS) return 'overrun'
    throw new NetlinkError('recvmmsg', errno)
  }

  /** Where a datagram of the last read begins in `bytes`. */
  start(index: number): number {
    return index * DATAGRAM_BYTES
  }

  /** Its length; 0 when it is not from the kernel, who alone is listened to. */
  length(index: number): number {
    const fromKernel = this.#addresses.readUInt32LE(index * ADDRESS_BYTES + 4) === 0
    return fromKernel ? this.#headers.readUInt32LE(index * HEADER_BYTES + HEADER.length) : 0
  }
}
