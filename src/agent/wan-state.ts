import { readFileSync } from 'node:fs'
import { SocketAddress } from 'node:net'
import { networkInterfaces } from 'node:os'
import { defaultRoute4, defaultRoute6 } from './default-route.ts'

/** The WAN as the kernel shows it now. */
export interface WanState {
  readonly device: string
  readonly carrier: boolean
  /** Addresses on the device without link-local ones, IPv4 first. */
  readonly addresses: readonly string[]
  readonly defaultRoute4: boolean
  readonly defaultRoute6: boolean
  /** Where the default routes lead; absent without one, and on a point-to-point link. */
  readonly gateway4?: string
  readonly gateway6?: string
}

/**
 * Reads the state of a device; one that does not exist is down. It reads at once, not through the thread pool: the
 * kernel answers from memory, and this is what the agent does most.
 */
export function readWanState(device: string): WanState {
  const carrier = readOr(`/sys/class/net/${device}/carrier`, '0')
  const routes4 = readOr('/proc/net/route', '')
  const routes6 = readOr('/proc/net/ipv6_route', '')
  // A static route outlives its link in the tables.
  const up = carrier.trim() === '1'
  const found = (networkInterfaces()[device] ?? []).filter(
    (entry) => !(entry.family === 'IPv6' && entry.address.startsWith('fe80:')),
  )
  const [route4, route6] = up ? [defaultRoute4(routes4, device), defaultRoute6(routes6, device)] : []
  return {
    device,
    carrier: up,
    addresses: [...found.filter((e) => e.family === 'IPv4'), ...found.filter((e) => e.family === 'IPv6')].map(
      (entry) => entry.address,
    ),
    defaultRoute4: route4 !== undefined,
    defaultRoute6: route6 !== undefined,
    ...(route4?.gateway === undefined ? {} : { gateway4: route4.gateway }),
    ...(route6?.gateway === undefined ? {} : { gateway6: shortIp(route6.gateway) }),
  }
}

/** RFC 5952, by the runtime's own means. */
function shortIp(address: string): string {
  return new SocketAddress({ address, family: 'ipv6' }).address
}

/** Reading fails with EINVAL while a device is administratively down, with ENOENT when there is none. */
function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return otherwise
  }
}
