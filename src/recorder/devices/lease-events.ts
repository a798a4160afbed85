import type { DhcpRecord } from '../records/dhcp.ts'
import type { Lease } from './clients-file.ts'

/** Leases by address. */
export type Leases = ReadonlyMap<string, Lease>

/** What became of the leases from `before` to `after`, which the DHCP server gave at `asOf` (milliseconds since 1970). */
export function leaseEvents(before: Leases, after: Leases, asOf: number): DhcpRecord[] {
  const events: DhcpRecord[] = []
  for (const [address, old] of before) {
    const lease = after.get(address)
    if (lease !== undefined && lease.macAddress === old.macAddress) continue
    events.push(ended(old, asOf))
  }
  for (const [address, lease] of after) {
    const old = before.get(address)
    if (old?.macAddress !== lease.macAddress) events.push(given('assigned', lease))
    else if (lease.cltt > old.cltt) events.push(given('renewed', lease))
  }
  return events
}

function given(event: 'assigned' | 'renewed', lease: Lease): DhcpRecord {
  const { cltt, expires } = lease
  return {
    time: new Date(cltt * 1000).toISOString(),
    event,
    ...holderOf(lease),
    ...(expires === undefined ? {} : { leaseSeconds: Math.max(0, expires - cltt) }),
  }
}

function ended(lease: Lease, asOf: number): DhcpRecord {
  const end = (lease.expires ?? Number.POSITIVE_INFINITY) * 1000
  return end <= asOf
    ? { time: new Date(end).toISOString(), event: 'expired', ...holderOf(lease) }
    : { time: new Date(asOf).toISOString(), event: 'released', ...holderOf(lease) }
}

function holderOf({
  network,
  address,
  macAddress,
  hostname,
}: Lease): Pick<DhcpRecord, 'network' | 'address' | 'macAddress' | 'hostname'> {
  return { network, address, macAddress, ...(hostname === undefined ? {} : { hostname }) }
}
