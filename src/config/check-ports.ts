import type { At } from './draft.ts'
import type { Finding } from './finding.ts'
import type { PortRange } from './schema.ts'

/** Whether two port ranges share a port. */
export function portsMeet(a: PortRange, b: PortRange): boolean {
  return a.from <= b.to && b.from <= a.to
}

/** Whether two of tcp, udp, tcp+udp and any share a transport. */
export function protocolsMeet(a: string, b: string): boolean {
  const parts = (p: string) => (p === 'any' ? ['tcp', 'udp'] : p.split('+'))
  return parts(a).some((part) => parts(b).includes(part))
}

/** "443" or "6000-6010". */
export function portText({ from, to }: PortRange): string {
  return from === to ? String(from) : `${from}-${to}`
}

/** nftables refuses a set whose intervals overlap. */
export function portsTwice(ports: readonly At<PortRange>[]): Finding[] {
  return ports.flatMap(({ value, path }, i) => {
    const other = ports.slice(0, i).find((before) => portsMeet(before.value, value))
    if (!other) return []
    const message = `${portText(value)} overlaps ${portText(other.value)} in the same list`
    return [{ path, message, fix: 'make one entry of the two' }]
  })
}
