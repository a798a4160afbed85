import { isIPv4 } from 'node:net'
import { isRandomMac } from './mac.ts'
import type { DevicesState } from './state.ts'

/** A device as `sekisho devices` shows it. Times are RFC 3339, UTC. */
export interface DeviceOverview {
  /** Its name; absent when it has none. */
  readonly device?: string
  readonly macAddress: string
  readonly randomMac: boolean
  readonly vendor?: string
  readonly network: string
  /** Those it has now, IPv4 first. */
  readonly addresses: readonly string[]
  readonly firstSeen: string
  readonly lastSeen: string
}

/** The devices of a state: those with an address now, or `all` that are remembered; by network and name. */
export function overviewOf({ open, known }: DevicesState, all: boolean): DeviceOverview[] {
  const addresses = Map.groupBy(open.values(), ({ macAddress }) => macAddress)
  return [...known.values()]
    .filter(({ macAddress }) => all || addresses.has(macAddress))
    .map(({ macAddress, network, device, vendor, firstSeen, lastSeen }) => ({
      ...(device === undefined ? {} : { device }),
      macAddress,
      randomMac: isRandomMac(macAddress),
      ...(vendor === undefined ? {} : { vendor }),
      network,
      addresses: (addresses.get(macAddress) ?? []).map(({ address }) => address).toSorted(byFamily),
      firstSeen: new Date(firstSeen).toISOString(),
      lastSeen: new Date(lastSeen).toISOString(),
    }))
    .toSorted((a, b) => compare(sortKey(a), sortKey(b)))
}

/** The nameless come after those with a name. */
function sortKey({ network, device, macAddress }: DeviceOverview): string {
  return `${network} ${device === undefined ? '~' : device} ${macAddress}`
}

function byFamily(a: string, b: string): number {
  return Number(isIPv4(b)) - Number(isIPv4(a)) || compare(a, b)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
