/*
 * The kernel's own tables in /proc/net: two small reads, no process to start and no socket to keep.
 */

const RTF_UP = 0x1
const RTF_REJECT = 0x200
const ZERO6 = '0'.repeat(32)

/** Whether /proc/net/route (the IPv4 main table) has a default route out of the device. */
export function hasDefaultRoute4(table: string, device: string): boolean {
  return table.split('\n').some((line) => {
    const [name, destination, , flags = '', , , , mask] = line.trim().split(/\s+/)
    if (name !== device || destination !== '00000000' || mask !== '00000000') return false
    return usable(Number.parseInt(flags, 16))
  })
}

/**
 * Whether /proc/net/ipv6_route has a default route out of the device: learned from an advertisement, or static,
 * through a gateway or not (point-to-point links have none).
 */
export function hasDefaultRoute6(table: string, device: string): boolean {
  return table.split('\n').some((line) => {
    const [destination, prefixLength, source, sourceLength, , , , , flags = '', name] = line
      .trim()
      .split(/\s+/)
    if (name !== device || destination !== ZERO6 || prefixLength !== '00') return false
    // A source-specific route counts only when it takes every source.
    return source === ZERO6 && sourceLength === '00' && usable(Number.parseInt(flags, 16))
  })
}

function usable(flags: number): boolean {
  return (flags & RTF_UP) !== 0 && (flags & RTF_REJECT) === 0
}
