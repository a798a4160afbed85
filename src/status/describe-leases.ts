import { printable } from '../lib/printable.ts'
import { table } from '../lib/table.ts'
import type { ListedLease } from './listed-leases.ts'

const HEAD = ['ADDRESS', 'NAME', 'MAC', 'NETWORK', 'ENDS', '']

/** Leases as a table for people; what a device said of itself cannot hurt a terminal. */
export function describeLeases(leases: readonly ListedLease[], nowMs: number): string {
  if (leases.length === 0) return 'No address is given out.\n'
  const rows = leases.map(({ address, name, mac, clientId, network, state, ends, reserved }) => [
    address,
    name || '-',
    mac ?? clientId ?? '-',
    network || '-',
    state === 'in use' ? left(ends, nowMs) : state,
    reserved ? 'reserved' : '',
  ])
  return table([HEAD, ...rows.map((row) => row.map(printable))])
}

/** "in 3 h 12 min". */
function left(ends: string | null, nowMs: number): string {
  if (ends === null) return 'never'
  const minutes = Math.max(1, Math.round((Date.parse(ends) - nowMs) / 60_000))
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24]
  if (days > 0) return `in ${days} d ${hours} h`
  return hours > 0 ? `in ${hours} h ${minutes % 60} min` : `in ${minutes} min`
}
