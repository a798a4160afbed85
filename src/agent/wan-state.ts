import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { hasDefaultRoute4, hasDefaultRoute6 } from './default-route.ts'

/** The WAN as the kernel shows it now. */
export interface WanState {
  readonly device: string
  readonly carrier: boolean
  /** Addresses on the device without link-local ones, IPv4 first. */
  readonly addresses: readonly string[]
  readonly defaultRoute4: boolean
  readonly defaultRoute6: boolean
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
  return {
    device,
    carrier: up,
    addresses: [...found.filter((e) => e.family === 'IPv4'), ...found.filter((e) => e.family === 'IPv6')].map(
      (entry) => entry.address,
    ),
    defaultRoute4: up && hasDefaultRoute4(routes4, device),
    defaultRoute6: up && hasDefaultRoute6(routes6, device),
  }
}

/** Reading fails with EINVAL while a device is administratively down, with ENOENT when there is none. */
function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return otherwise
  }
}
