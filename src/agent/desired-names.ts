import { cleanLabel, isForbiddenName } from '../router/names.ts'
import type { Lease } from './lease.ts'

export interface NamesInput {
  readonly leases: readonly Lease[]
  /** The router's own host name. */
  readonly hostname: string
  /** Labels that are spoken for: reservations, the router's data, whatever else is in unbound's file. */
  readonly reserved: ReadonlySet<string>
  /** Addresses that have their names from the file: a lease on one adds nothing. */
  readonly reservedAddresses: ReadonlySet<string>
  /** Whether an IPv4 address lies in one of our networks. */
  readonly ours: (address: string) => boolean
  /** Who held each label before: label → Lease.client. */
  readonly holders: ReadonlyMap<string, string>
  /** Seconds since 1970. */
  readonly now: number
}

export interface Names {
  /** label → IPv4 address; no two labels share an address. */
  readonly addresses: ReadonlyMap<string, string>
  /** label → Lease.client, to be handed in again next time. */
  readonly holders: ReadonlyMap<string, string>
  /** Seconds since 1970 when the first of the leases ends, Infinity when none does: nothing changes before. */
  readonly nextExpiry: number
}

/**
 * Which live lease gets which name under the local domain. The client that had a name keeps it while a lease of
 * its own asks for it; a free name goes to the earliest transaction, then the lowest address. Of several leases
 * of one client the latest counts: it has moved.
 */
export function desiredNames(input: NamesInput): Names {
  const claims = new Map<string, Lease[]>()
  let nextExpiry = Number.POSITIVE_INFINITY
  for (const lease of newestByAddress(input.leases)) {
    if (lease.expires <= input.now) continue
    nextExpiry = Math.min(nextExpiry, lease.expires)
    if (input.reservedAddresses.has(lease.address) || !input.ours(lease.address)) continue
    const label = cleanLabel(lease.hostname)
    if (label === undefined || isForbiddenName(label, input) || input.reserved.has(label)) continue
    const sharing = claims.get(label)
    if (sharing === undefined) claims.set(label, [lease])
    else sharing.push(lease)
  }
  const addresses = new Map<string, string>()
  const holders = new Map<string, string>()
  for (const label of [...claims.keys()].sort()) {
    const leases = (claims.get(label) ?? []).sort((a, b) => a.cltt - b.cltt || byAddress(a, b))
    const before = input.holders.get(label)
    const client = leases.some((lease) => lease.client === before) ? before : leases[0]?.client
    const lease = leases.findLast((candidate) => candidate.client === client)
    if (lease === undefined) continue
    addresses.set(label, lease.address)
    holders.set(label, lease.client)
  }
  return { addresses, holders, nextExpiry }
}

/** Kea gives an address once; were there two, the later transaction is the true one. */
function newestByAddress(leases: readonly Lease[]): Iterable<Lease> {
  const byIp = new Map<string, Lease>()
  for (const lease of leases) {
    const other = byIp.get(lease.address)
    if (
      other === undefined ||
      other.cltt < lease.cltt ||
      (other.cltt === lease.cltt && other.client > lease.client)
    )
      byIp.set(lease.address, lease)
  }
  return byIp.values()
}

function byAddress(a: Lease, b: Lease): number {
  return addressNumber(a.address) - addressNumber(b.address)
}

function addressNumber(address: string): number {
  return address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0)
}
