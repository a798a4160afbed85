import type { ClientsFile, Lease } from './clients-file.ts'

const MINUTE = 60_000
/** How long a silent neighbour counts: the kernel keeps it for good while its table is small. */
const NEIGHBOUR_MS = 60 * MINUTE
/** How old the DHCP server's word may be: the agent brings it each minute. */
export const LEASES_MS = 5 * MINUTE

/** An address that the kernel maps to a MAC address. Times are milliseconds since 1970. */
export interface Neighbour {
  readonly address: string
  readonly network: string
  readonly macAddress: string
  /** When the device last proved to be there. */
  readonly seen: number
  /** When it was found to have the address now, and not to have had it before; 0 when that is not known. */
  readonly since: number
}

/** Who has an address, as far as is known. */
export interface Owner {
  readonly address: string
  readonly network: string
  readonly macAddress: string
  /** The device's name: a reservation's, else its lease's. */
  readonly device?: string
  /** The latest moment at which this is known to be so. */
  readonly at: number
  /** When the device last gave a sign of itself. */
  readonly seen: number
  /** The DHCP server gave it the address. */
  readonly leased: boolean
}

interface Evidence extends Owner {
  /** Of two that contradict each other the later one counts. */
  readonly recent: number
}

/** The owner of each address at `now`, by network and address. The latest sign decides between lease and neighbour. */
export function ownersOf(
  neighbours: readonly Neighbour[],
  clients: ClientsFile | undefined,
  now: number,
): Map<string, Owner> {
  const fresh = clients !== undefined && Math.abs(now - clients.asOf) <= LEASES_MS ? clients : undefined
  const nameOf = namesOf(clients)
  const owners = new Map<string, Evidence>()
  const add = (evidence: Omit<Evidence, 'device'>): void => {
    const device = nameOf(evidence.macAddress)
    const key = ownerKey(evidence)
    const named = { ...evidence, ...(device === undefined ? {} : { device }) }
    const other = owners.get(key)
    owners.set(key, other === undefined ? named : better(other, named))
  }
  for (const lease of fresh?.leases ?? []) {
    const { address, network, macAddress } = lease
    const seen = Math.min(lease.cltt * 1000, now)
    const at = Math.min(fresh?.asOf ?? 0, now, (lease.expires ?? Number.POSITIVE_INFINITY) * 1000)
    // An ended lease says nothing of now.
    if (endOf(lease) <= Math.min(fresh?.asOf ?? 0, now)) continue
    add({ address, network, macAddress, at, seen, recent: seen, leased: true })
  }
  for (const { address, network, macAddress, seen, since } of neighbours) {
    const recent = Math.min(Math.max(seen, since), now)
    if (now - recent > NEIGHBOUR_MS) continue
    add({ address, network, macAddress, at: now, seen: recent, recent, leased: false })
  }
  return owners
}

export function ownerKey({
  network,
  address,
}: {
  readonly network: string
  readonly address: string
}): string {
  return `${network} ${address}`
}

/** When a lease ends, in milliseconds since 1970; Infinity when it does not. */
function endOf({ expires }: Lease): number {
  return expires === undefined ? Number.POSITIVE_INFINITY : expires * 1000
}

function better(a: Evidence, b: Evidence): Evidence {
  const [newer, older] = b.recent > a.recent ? [b, a] : [a, b]
  if (newer.macAddress !== older.macAddress) return newer
  return { ...newer, at: Math.max(a.at, b.at), seen: Math.max(a.seen, b.seen), leased: a.leased || b.leased }
}

/** MAC address → name: of a reservation, else of the newest lease with one. */
function namesOf(clients: ClientsFile | undefined): (mac: string) => string | undefined {
  const names = new Map<string, string>()
  const leases = (clients?.leases ?? []).toSorted((a, b) => a.cltt - b.cltt)
  for (const { macAddress, name } of leases) if (name !== undefined) names.set(macAddress, name)
  for (const [macAddress, name] of clients?.reserved ?? []) names.set(macAddress, name)
  return (mac) => names.get(mac)
}
