import type { NeighbourEntry } from '../netlink/neighbour.ts'
import { type Neighbour, ownerKey } from './owners.ts'

/** Neighbours by network and address. */
export type Neighbours = ReadonlyMap<string, Neighbour>

/** Where an entry belongs: the network of its interface, if it is one of ours and the address belongs there. */
export type NetworkOf = (entry: NeighbourEntry) => string | undefined

/**
 * The neighbours in a list of the kernel's at `now` (milliseconds since 1970). One that has another MAC address than
 * `before`, or is new since then, has it since now; without a `before` nobody knows.
 */
export function neighboursFrom(
  before: Neighbours | undefined,
  entries: readonly NeighbourEntry[],
  networkOf: NetworkOf,
  now: number,
): Neighbours {
  const neighbours = new Map<string, Neighbour>()
  for (const entry of entries) {
    const network = networkOf(entry)
    if (network === undefined) continue
    const { address, macAddress, confirmedAgo } = entry
    const key = ownerKey({ network, address })
    const old = before?.get(key)
    const since = old?.macAddress === macAddress ? old.since : before === undefined ? 0 : now
    neighbours.set(key, { address, network, macAddress, seen: now - confirmedAgo, since })
  }
  return neighbours
}

/** Whether changes that the kernel told of make a new list worth asking for: an address has another MAC address. */
export function isNews(known: Neighbours, changes: readonly NeighbourEntry[], networkOf: NetworkOf): boolean {
  return changes.some((entry) => {
    const network = networkOf(entry)
    if (network === undefined) return false
    return known.get(ownerKey({ network, address: entry.address }))?.macAddress !== entry.macAddress
  })
}
