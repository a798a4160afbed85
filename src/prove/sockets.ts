import { isIPv6 } from 'node:net'
import { getSystemErrorName } from 'node:util'
import {
  accept,
  bind,
  close,
  connect,
  errno,
  getsockopt,
  listen,
  recvfrom,
  sendto,
  setsockopt,
  socket,
} from '../recorder/netlink/libc.ts'
import { addressBytes, checksum, ipv6Text } from './packet.ts'

/*
 * Sockets by hand: Node opens its own later than it says, when this thread may be in another network again.
 */

const AF_INET = 2
const AF_INET6 = 10
const SOCK = { stream: 1, datagram: 2, raw: 3 } as const
const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000
const IPPROTO = { icmp: 1, icmpv6: 58 } as const
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_ERROR = 4
const SOL_IPV6 = 41
const IPV6_V6ONLY = 26
const IP_RECVERR: readonly [level: number, name: number] = [0, 11]
const IPV6_RECVERR: readonly [level: number, name: number] = [41, 25]
const EINPROGRESS = 115
const ECHO = { request4: 8, reply4: 0, request6: 128, reply6: 129 } as const

/** struct sockaddr_in or sockaddr_in6. */
export function sockaddr(address: string, port: number): Buffer {
  const six = isIPv6(address)
  const buffer = Buffer.alloc(six ? 28 : 16)
  buffer.writeUInt16LE(six ? AF_INET6 : AF_INET, 0)
  buffer.writeUInt16BE(port, 2)
  addressBytes(address).copy(buffer, six ? 8 : 4)
  return buffer
}

/** The address in one; of an IPv4 client at a socket for both, the IPv4 address. */
function addressOf(buffer: Buffer): string {
  if (buffer.readUInt16LE(0) === AF_INET) return [...buffer.subarray(4, 8)].join('.')
  const mapped = buffer.subarray(8, 20).equals(Buffer.from('00000000000000000000ffff', 'hex'))
  return mapped ? [...buffer.subarray(20, 24)].join('.') : ipv6Text(buffer.subarray(8, 24))
}

function checked(call: string, result: number): number {
  if (result < 0) throw new Error(`${call}: ${getSystemErrorName(-errno())}`)
  return result
}

function open(family: number, type: number, protocol = 0): number {
  return checked('socket', socket(family, type | NONBLOCK_CLOEXEC, protocol))
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32LE(value)
  return buffer
}

/** Waits for clients of both families on a port. */
export function openListener(protocol: 'tcp' | 'udp', port: number): number {
  const fd = open(AF_INET6, protocol === 'tcp' ? SOCK.stream : SOCK.datagram)
  setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, int32(0), 4)
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, int32(1), 4)
  const address = sockaddr('::', port)
  checked(`bind to port ${port}`, bind(fd, address, address.length))
  if (protocol === 'tcp') checked('listen', listen(fd, 64))
  return fd
}

/** The address of one client that connected meanwhile. */
export function acceptOne(fd: number): string | undefined {
  const [address, length] = addressBuffers()
  const client = accept(fd, address, length)
  if (client < 0) return undefined
  close(client)
  return addressOf(address)
}

/** One datagram, with where it came from. */
export function receive(fd: number): { readonly from: string; readonly data: Buffer } | undefined {
  const [address, length] = addressBuffers()
  const data = Buffer.alloc(2048)
  const bytes = recvfrom(fd, data, data.length, 0, address, length)
  return bytes < 0 ? undefined : { from: addressOf(address), data: data.subarray(0, bytes) }
}

function addressBuffers(): [Buffer, Buffer] {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(28)
  return [Buffer.alloc(28), length]
}

/** A socket that has begun to send, or the system's word for why it could not. */
export type Begun = { readonly fd: number } | { readonly error: string }

function begin(fd: number, work: () => number): Begun {
  if (work() >= 0 || errno() === EINPROGRESS) return { fd }
  const error = getSystemErrorName(-errno())
  close(fd)
  return { error }
}

function openFrom(source: string, type: number, protocol = 0): Begun {
  const fd = open(isIPv6(source) ? AF_INET6 : AF_INET, type, protocol)
  const from = sockaddr(source, 0)
  return begin(fd, () => bind(fd, from, from.length))
}

/** Begins to open a connection. */
export function beginTcp(source: string, destination: string, port: number): Begun {
  const begun = openFrom(source, SOCK.stream)
  if ('error' in begun) return begun
  const to = sockaddr(destination, port)
  return begin(begun.fd, () => connect(begun.fd, to, to.length))
}

/** Sends a datagram; the socket hears of ICMP errors about it. */
export function beginUdp(source: string, destination: string, port: number, text: string): Begun {
  const begun = openFrom(source, SOCK.datagram)
  if ('error' in begun) return begun
  setsockopt(begun.fd, ...(isIPv6(source) ? IPV6_RECVERR : IP_RECVERR), int32(1), 4)
  const to = sockaddr(destination, port)
  const connected = begin(begun.fd, () => connect(begun.fd, to, to.length))
  if ('error' in connected) return connected
  const data = Buffer.from(text)
  return begin(begun.fd, () => sendto(begun.fd, data, data.length, 0, to, to.length))
}

/** Sends an echo request (RFC 792, RFC 4443 section 4.1). */
export function beginEcho(source: string, destination: string, id: number): Begun {
  const six = isIPv6(source)
  const begun = openFrom(source, SOCK.raw, six ? IPPROTO.icmpv6 : IPPROTO.icmp)
  if ('error' in begun) return begun
  const message = Buffer.alloc(16)
  message[0] = six ? ECHO.request6 : ECHO.request4
  message.writeUInt16BE(id, 4)
  message.writeUInt16BE(1, 6)
  // ICMPv6's, which covers the addresses, is the kernel's business.
  if (!six) message.writeUInt16BE(checksum(message), 2)
  const to = sockaddr(destination, 0)
  return begin(begun.fd, () => sendto(begun.fd, message, message.length, 0, to, to.length))
}

/** The error that a connection ended with: "" for none. */
export function pendingError(fd: number): string {
  const value = int32(0)
  const length = int32(4)
  getsockopt(fd, SOL_SOCKET, SO_ERROR, value, length)
  const code = value.readInt32LE(0)
  return code === 0 ? '' : getSystemErrorName(-code)
}

/** What an ICMP message on a raw socket says of our echo request. */
export function echoAnswer(data: Buffer, six: boolean, id: number): 'reply' | 'error' | undefined {
  const icmp = six ? data : data.subarray(((data[0] ?? 0) & 15) * 4)
  if (icmp.length < 8) return undefined
  const type = icmp[0] ?? 0
  if (type === (six ? ECHO.reply6 : ECHO.reply4)) return icmp.readUInt16BE(4) === id ? 'reply' : undefined
  // Destination unreachable: behind its own eight bytes stands the packet that it is about.
  if (type !== (six ? 1 : 3)) return undefined
  const inner = icmp.subarray(8)
  const about = inner.subarray(six ? 40 : ((inner[0] ?? 0) & 15) * 4)
  return about.length >= 6 && about.readUInt16BE(4) === id ? 'error' : undefined
}

export { close }
