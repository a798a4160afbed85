/*
 * The kernel's own tables in /proc/net: two small reads, no process to start and no socket to keep.
 */

const RTF_UP = 0x1
const RTF_REJECT = 0x200
const ZERO6 = '0'.repeat(32)

/** A default route; without a gateway on a point-to-point link. */
export interface DefaultRoute {
  readonly gateway?: string
}

/** The default route out of the device in /proc/net/route (the IPv4 main table). */
export function defaultRoute4(table: string, device: string): DefaultRoute | undefined {
  for (const line of table.split('\n')) {
    const [name, destination, gateway = '', flags = '', , , , mask] = line.trim().split(/\s+/)
    if (name !== device || destination !== '00000000' || mask !== '00000000') continue
    if (!usable(Number.parseInt(flags, 16))) continue
    if (!/^[0-9A-F]{8}$/.test(gateway) || gateway === '00000000') return {}
    // A number of the machine's byte order, which is little-endian on all that we run on.
    return {
      gateway: (gateway.match(/../g) ?? [])
        .reverse()
        .map((byte) => Number.parseInt(byte, 16))
        .join('.'),
    }
  }
  return undefined
}

/**
 * The default route out of the device in /proc/net/ipv6_route: learned from an advertisement, or static, through a
 * gateway or not (point-to-point links have none).
 */
export function defaultRoute6(table: string, device: string): DefaultRoute | undefined {
  for (const line of table.split('\n')) {
    const [destination, prefixLength, source, sourceLength, gateway = '', , , , flags = '', name] = line
      .trim()
      .split(/\s+/)
    if (name !== device || destination !== ZERO6 || prefixLength !== '00') continue
    // A source-specific route counts only when it takes every source.
    if (source !== ZERO6 || sourceLength !== '00' || !usable(Number.parseInt(flags, 16))) continue
    if (!/^[0-9a-f]{32}$/.test(gateway) || gateway === ZERO6) return {}
    return { gateway: gateway.match(/.{4}/g)?.join(':') ?? '' }
  }
  return undefined
}

function usable(flags: number): boolean {
  return (flags & RTF_UP) !== 0 && (flags & RTF_REJECT) === 0
}
