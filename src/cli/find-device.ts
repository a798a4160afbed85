import { MacAddress, type Reservation } from '../config/schema.ts'
import { printable } from '../lib/printable.ts'
import { Refusal } from '../move/refusal.ts'
import { type KnownNetwork, type ListedLease, networkOf } from '../status/listed-leases.ts'
import { leaseOf } from './plan-reservation.ts'

/** A device of ours, as far as it is known here. */
export interface Device {
  readonly mac: string
  /** Its reservation's, or what it calls itself; for people. */
  readonly label: string
  readonly networks: readonly string[]
  readonly reservation?: Reservation & { readonly network: string }
  /** Those that it has now. */
  readonly addresses: readonly string[]
}

interface Neighbour {
  readonly address: string
  readonly macAddress: string
}

export interface Known {
  readonly networks: readonly KnownNetwork[]
  readonly leases: readonly ListedLease[]
  readonly neighbours: readonly Neighbour[]
}

/** Who is meant by a MAC address, an address or a name. Throws a Refusal for whom nobody knows here. */
export function findDevice(who: string, { networks, leases, neighbours }: Known): Device {
  const mac = MacAddress.safeParse(who).data ?? macOf(who, { networks, leases, neighbours })
  const unknown = new Refusal(
    `no device is known as ${JSON.stringify(who)}`,
    'sekisho devices lists them; name one by its MAC address, its address or its name',
  )
  if (mac === undefined) throw unknown
  const reservation = networks.flatMap(({ name: network, reservations }) =>
    reservations.filter((one) => one.mac === mac).map((one) => ({ ...one, network })),
  )[0]
  const own = leases.filter((lease) => lease.mac === mac && lease.state === 'in use')
  const near = neighbours.filter(({ macAddress }) => macAddress === mac).map(({ address }) => address)
  const addresses = [...new Set([...own.map(({ address }) => address), ...near])]
  const places = [
    ...(reservation ? [reservation.network] : []),
    ...leases.filter((lease) => lease.mac === mac).map(({ network }) => network),
    ...near.map((address) => networkOf(address, networks)?.name ?? ''),
  ]
  const names = new Set(places.filter((network) => networks.some(({ name }) => name === network)))
  if (names.size === 0) throw unknown
  return {
    mac,
    // What a device says of itself is any text.
    label: reservation?.name ?? (printable(own[0]?.name.split('.')[0] ?? '') || mac),
    networks: [...names],
    ...(reservation && { reservation }),
    addresses,
  }
}

function macOf(who: string, { networks, leases, neighbours }: Known): string | undefined {
  const reserved = networks.flatMap(({ reservations }) => reservations)
  const name = who.toLowerCase()
  return (
    reserved.find((one) => one.name === name || one.address === who)?.mac ??
    leaseOf(who, undefined, leases)?.mac ??
    neighbours.find(({ address }) => address === who)?.macAddress
  )
}
