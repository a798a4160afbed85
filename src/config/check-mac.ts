import type { At } from './draft.ts'
import type { Finding } from './finding.ts'

/** A hardware address that no single port can have: a group address (IEEE 802 section 8.2.2), or all zero. */
export function macProblem({ value, path }: At<string>): Finding[] {
  if (value === '00:00:00:00:00:00')
    return [{ path, message: 'it is all zero', fix: "write the port's MAC address" }]
  if ((Number.parseInt(value.slice(0, 2), 16) & 1) === 1) {
    const message = `${value} is a group address: its first byte is odd`
    return [{ path, message, fix: "write the port's MAC address" }]
  }
  return []
}
