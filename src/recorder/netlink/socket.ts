import { getSystemErrorMessage, getSystemErrorName } from 'node:util'
import * as libc from './libc.ts'
import { type NetlinkMessage, NLMSG_ERROR, parseMessages } from './message.ts'

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOL_SOCKET = 1
const SO_RCVBUFFORCE = 33
const SOL_NETLINK = 270
const NETLINK_EXT_ACK = 11
const MSG_DONTWAIT = 0x40
const MSG_TRUNC = 0x20
const POLLIN = 1
const BUFFER_BYTES = 128 * 1024
const ADDRESS_BYTES = 12

/** What the kernel says to a request, or to the state of the socket. */
export class NetlinkError extends Error {
  readonly errno: number
  constructor(call: string, errno: number) {
    super(`${call}: ${getSystemErrorMessage(-errno)} (${getSystemErrorName(-errno)})`)
    this.name = 'NetlinkError'
    this.errno = errno
  }
}

export type Received =
  | { readonly kind: 'messages'; readonly messages: readonly NetlinkMessage[]; readonly rest: number }
  /** Nothing to read now. */
  | { readonly kind: 'empty' }
  /** The kernel had no room in the socket's buffer and dropped messages. */
  | { readonly kind: 'overrun' }

/** A netlink socket. It is not closed on exec, so that a process without capabilities can take it over. */
export class NetlinkSocket {
  readonly fd: number
  readonly #buffer = Buffer.alloc(BUFFER_BYTES)
  readonly #address = Buffer.alloc(ADDRESS_BYTES)
  readonly #addressLength = Buffer.alloc(4)
  readonly #poll = Buffer.alloc(8)

  /** Takes over an open netlink socket. */
  constructor(fd: number) {
    this.fd = fd
    this.#poll.writeInt32LE(fd, 0)
    this.#poll.writeInt16LE(POLLIN, 4)
  }

  /**
   * Opens and binds a socket of a netlink family (NETLINK_NETFILTER is 12), with a receive buffer in bytes, that hears
   * the multicast groups of a bit mask.
   */
  static open(family: number, receiveBytes: number, groups = 0): NetlinkSocket {
    const fd = check('socket', libc.socket(AF_NETLINK, SOCK_RAW, family))
    try {
      const address = Buffer.alloc(ADDRESS_BYTES)
      address.writeUInt16LE(AF_NETLINK, 0)
      address.writeUInt32LE(groups, 8)
      check('bind', libc.bind(fd, address, address.length))
      // Best effort: without the capability the default of net.core.rmem_default stays.
      libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, int32(receiveBytes), 4)
      libc.setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, int32(1), 4)
      return new NetlinkSocket(fd)
    } catch (error) {
      libc.close(fd)
      throw error
    }
  }

  /** Sends a message to the kernel. */
  send(message: Buffer): void {
    const kernel = Buffer.alloc(ADDRESS_BYTES)
    kernel.writeUInt16LE(AF_NETLINK, 0)
    check('sendto', libc.sendto(this.fd, message, message.length, 0, kernel, kernel.length))
  }

  /** Sends a request to the kernel that asks for an acknowledgement, and throws NetlinkError when it refuses. */
  async request(message: Buffer): Promise<void> {
    this.send(message)
    const sequence = message.readUInt32LE(8)
    const deadline = performance.now() + 2000
    while (performance.now() < deadline) {
      await this.wait(200)
      const received = this.receive()
      if (received.kind !== 'messages') continue
      const answer = received.messages.find((m) => m.type === NLMSG_ERROR && m.sequence === sequence)
      if (!answer || answer.payload.length < 4) continue
      const code = answer.payload.readInt32LE(0)
      if (code !== 0) throw new NetlinkError('netlink request', -code)
      return
    }
    throw new Error('the kernel did not answer a netlink request')
  }

  /** Resolves when there is something to read, or after the time; true when there is. */
  async wait(timeoutMs: number): Promise<boolean> {
    return (await libc.poll(this.#poll, 1, timeoutMs)) !== 0
  }

  /** Reads a datagram without waiting. Only the kernel is listened to. */
  receive(): Received {
    this.#addressLength.writeUInt32LE(ADDRESS_BYTES, 0)
    const length = libc.recvfrom(
      this.fd,
      this.#buffer,
      BUFFER_BYTES,
      MSG_DONTWAIT | MSG_TRUNC,
      this.#address,
      this.#addressLength,
    )
    if (length < 0) {
      const errno = libc.errno()
      if (errno === libc.ERRNO.EAGAIN || errno === libc.ERRNO.EINTR) return { kind: 'empty' }
      if (errno === libc.ERRNO.ENOBUFS) return { kind: 'overrun' }
      throw new NetlinkError('recvfrom', errno)
    }
    const fromKernel = this.#address.readUInt32LE(4) === 0
    if (!fromKernel) return { kind: 'messages', messages: [], rest: 0 }
    const { messages, rest } = parseMessages(this.#buffer.subarray(0, Math.min(length, BUFFER_BYTES)))
    return { kind: 'messages', messages, rest: rest + Math.max(0, length - BUFFER_BYTES) }
  }

  /** Sets an option of netlink's own (SOL_NETLINK) to 1. */
  enable(option: number): void {
    check('setsockopt', libc.setsockopt(this.fd, SOL_NETLINK, option, int32(1), 4))
  }

  close(): void {
    libc.close(this.fd)
  }
}

function check(call: string, result: number): number {
  if (result < 0) throw new NetlinkError(call, libc.errno())
  return result
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32LE(value)
  return buffer
}
