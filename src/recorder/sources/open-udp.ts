import type { Settings } from '../settings.ts'
import { UdpSocket } from './udp-socket.ts'

/**
 * What may wait in each socket: 40,000 datagrams of up to 300 bytes or so, or 15,000 full ones, for each 16 MiB. The
 * kernel doubles the number, and charges 800 bytes at least. Syslog's is two seconds of 20,000 messages.
 */
const RECEIVE_BYTES = { syslog: 16 * 1024 * 1024, netflow: 32 * 1024 * 1024 } as const

export type UdpSourceName = keyof typeof RECEIVE_BYTES
export const UDP_SOURCES = Object.keys(RECEIVE_BYTES) as UdpSourceName[]

/** Descriptors of open sockets, which start.ts hands over as JSON. */
export type UdpDescriptors = Readonly<Partial<Record<UdpSourceName, number>>>

/**
 * Opens a source's socket, with the large buffer if this process may; throws when it cannot bind. Where every address is
 * meant and this machine has no IPv6, those of IPv4.
 */
export function openUdp(name: UdpSourceName, settings: Settings): UdpSocket {
  const { address, port } = settings[name]
  try {
    return UdpSocket.open(address, port, RECEIVE_BYTES[name])
  } catch (error) {
    if (address !== '::') throw error
    return UdpSocket.open('0.0.0.0', port, RECEIVE_BYTES[name])
  }
}
