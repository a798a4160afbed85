import { getSystemErrorMessage, getSystemErrorName } from 'node:util'
import * as libc from '../netlink/libc.ts'
import { ipv4Text, ipv6Text } from '../records/address.ts'

const AF_INET = 2
const AF_INET6 = 10
const SOCK_DGRAM = 2
const SOL_SOCKET = 1
const SO_RCVBUF = 8
const SO_RCVBUFFORCE = 33
const SO_MEMINFO = 55
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const MSG_DONTWAIT = 0x40
const POLLIN = 1
const MAX_DATAGRAM = 65_536
const ADDRESS_BYTES = 28
/** Indices of 32-bit numbers in what SO_MEMINFO tells (linux/sock_diag.h). */
const MEMINFO = { receiveBuffer: 1, drops: 8, count: 9 }
/** ::ffff:0:0/96 (RFC 4291 section 2.5.5.2). */
const MAPPED_IPV4 = Buffer.from('00000000000000000000ffff', 'hex')

export interface SenderAddress {
  readonly address: string
  readonly port: number
}

/**
 * A bound UDP socket with a large receive buffer, which is read when there is room for what it holds: a burst, and a disk
 * that is slow for a moment, wait in the kernel. It stays open over exec, so that a process without capabilities can take
 * it over.
 */
export class UdpSocket {
  readonly fd: number
  readonly #buffer = Buffer.alloc(MAX_DATAGRAM)
  readonly #address = Buffer.alloc(ADDRESS_BYTES)
  readonly #addressLength = Buffer.alloc(4)
  readonly #poll = Buffer.alloc(8)

  /** Takes over an open socket. */
  constructor(fd: number) {
    this.fd = fd
    this.#poll.writeInt32LE(fd, 0)
    this.#poll.writeInt16LE(POLLIN, 4)
  }

  /**
   * Binds an address; "::" is every address of both versions. The kernel gives `receiveBytes` to a process with
   * CAP_NET_ADMIN, to others what net.core.rmem_max allows. Throws when it cannot bind.
   */
  static open(address: string, port: number, receiveBytes: number): UdpSocket {
    const target = `${address} port ${port}/udp`
    const name = Buffer.alloc(ADDRESS_BYTES)
    const family = address.includes(':') ? AF_INET6 : AF_INET
    name.writeUInt16LE(family, 0)
    name.writeUInt16BE(port, 2)
    if (libc.inetPton(family, address, name.subarray(family === AF_INET ? 4 : 8)) !== 1)
      throw new Error(`${target}: this is no address`)
    const fd = check(target, libc.socket(family, SOCK_DGRAM, 0))
    try {
      if (family === AF_INET6) check(target, libc.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, int32(0), 4))
      if (libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, int32(receiveBytes), 4) < 0)
        libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, int32(receiveBytes), 4)
      check(target, libc.bind(fd, name, family === AF_INET ? 16 : ADDRESS_BYTES))
      return new UdpSocket(fd)
    } catch (error) {
      libc.close(fd)
      throw error
    }
  }

  /** Bytes that may wait, the kernel's bookkeeping included: it doubles what was asked for. */
  get receiveBuffer(): number {
    return this.#memory(MEMINFO.receiveBuffer)
  }

  /** Datagrams that found the buffer full, since the socket was opened. */
  get drops(): number {
    return this.#memory(MEMINFO.drops)
  }

  /** Resolves when there is something to read, or after the time; true when there is. */
  async wait(timeoutMs: number): Promise<boolean> {
    return (await libc.poll(this.#poll, 1, timeoutMs)) > 0
  }

  /** Reads a datagram without waiting; undefined when there is none. Its bytes last until the next call. */
  receive(): Buffer | undefined {
    this.#addressLength.writeUInt32LE(ADDRESS_BYTES, 0)
    const length = libc.recvfrom(
      this.fd,
      this.#buffer,
      MAX_DATAGRAM,
      MSG_DONTWAIT,
      this.#address,
      this.#addressLength,
    )
    if (length >= 0) return this.#buffer.subarray(0, length)
    const errno = libc.errno()
    if (errno === libc.ERRNO.EAGAIN || errno === libc.ERRNO.EINTR) return undefined
    throw systemError('recvfrom', errno)
  }

  /** Who sent the datagram that was received last; IPv4 as such, also on a socket for both versions. */
  sender(): SenderAddress {
    const port = this.#address.readUInt16BE(2)
    if (this.#address.readUInt16LE(0) === AF_INET) return { address: ipv4Text(this.#address, 4), port }
    const mapped = this.#address.subarray(8, 20).equals(MAPPED_IPV4)
    return { address: mapped ? ipv4Text(this.#address, 20) : ipv6Text(this.#address, 8), port }
  }

  close(): void {
    libc.close(this.fd)
  }

  #memory(index: number): number {
    const value = Buffer.alloc(MEMINFO.count * 4)
    libc.getsockopt(this.fd, SOL_SOCKET, SO_MEMINFO, value, int32(value.length))
    return value.readUInt32LE(index * 4)
  }
}

function check(what: string, result: number): number {
  if (result < 0) throw systemError(what, libc.errno())
  return result
}

function systemError(what: string, errno: number): Error {
  return new Error(`${what}: ${getSystemErrorMessage(-errno)} (${getSystemErrorName(-errno)})`)
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32LE(value)
  return buffer
}
