import { HostLabel, MacAddress, type Reservation } from '../config/schema.ts'
import { Refusal } from '../move/refusal.ts'
import { type KnownNetwork, type ListedLease, networkOf } from '../status/listed-leases.ts'

interface Wishes {
  readonly address?: string
  readonly name?: string
}

export interface PlannedReservation {
  readonly network: string
  readonly reservation: Reservation
  /** The one that it takes the place of. */
  readonly before?: Reservation
}

/**
 * Which reservation "reserve WHO" means, by what is leased: WHO is an address, a MAC address or a name. Throws a Refusal
 * that says what is missing.
 */
export function planReservation(
  who: string,
  wishes: Wishes,
  networks: readonly KnownNetwork[],
  leases: readonly ListedLease[],
): PlannedReservation {
  const asked = MacAddress.safeParse(who).data
  const lease = leaseOf(who, asked, leases)
  const mac = MacAddress.safeParse(lease?.mac ?? asked).data
  if (mac === undefined)
    throw new Refusal(
      lease
        ? `the device with ${lease.address} has no MAC address`
        : `nobody has a lease by ${JSON.stringify(who)}`,
      'sekisho leases lists who there is; a device that was never here needs its MAC address, --address and --name',
    )
  const leased = lease === undefined ? undefined : networkOf(lease.address, networks)
  const kept = leased?.reservations.find((one) => one.mac === mac)?.address
  const address = wishes.address ?? kept ?? lease?.address
  if (address === undefined)
    throw new Refusal(`${mac} has no lease, so there is no address to keep`, 'say which with --address')
  const network = networkOf(address, networks)
  if (network === undefined)
    throw new Refusal(
      `${JSON.stringify(address)} is in none of our networks`,
      `write one of ${networks.map(({ name, prefix }) => `${name} ${prefix}`).join(', ')}`,
    )
  const before = network.reservations.find((one) => one.mac === mac)
  const name = before && wishes.name === undefined ? before.name : nameOf(wishes.name, lease)
  if (name === before?.name && address === before.address)
    throw new Refusal(
      `${mac} has the reservation "${name}", ${address}, in ${network.name} already`,
      'say another address with --address, or another name with --name',
    )
  return { network: network.name, reservation: { name, mac, address }, ...(before && { before }) }
}

/** The lease that is meant; the one in use, where a device had others before. */
export function leaseOf(
  who: string,
  mac: string | undefined,
  leases: readonly ListedLease[],
): ListedLease | undefined {
  const host = who.toLowerCase()
  const found = leases
    .filter(({ state }) => state !== 'declined')
    .filter(
      (one) => one.address === who || (mac !== undefined && one.mac === mac) || labelOf(one.name) === host,
    )
  const current = found.filter(({ state }) => state === 'in use')
  const candidates = current.length > 0 ? current : found
  if (candidates.length > 1)
    throw new Refusal(
      `${JSON.stringify(who)} may be ${candidates.map(({ address, mac: of }) => `${address} (${of ?? 'no MAC'})`).join(' or ')}`,
      'name one of these addresses',
    )
  return candidates[0]
}

/** What a device calls itself, without the domain. */
function labelOf(name: string): string {
  return name.toLowerCase().split('.')[0] ?? ''
}

function nameOf(wished: string | undefined, lease: ListedLease | undefined): string {
  const name = HostLabel.safeParse(wished ?? labelOf(lease?.name ?? ''))
  if (name.success) return name.data
  throw new Refusal(
    wished === undefined
      ? 'the device says no name that a reservation can have'
      : `--name: ${JSON.stringify(wished)} is none`,
    'say one with --name: 1 to 63 lower-case letters, digits or inner "-"',
  )
}
