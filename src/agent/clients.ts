import { BlockList } from 'node:net'
import { cleanLabel, isForbiddenName } from '../router/names.ts'
import type { AgentConfig } from '../router/render/agent.ts'
import type { Lease } from './lease.ts'

/** More than any pool of a home holds; the newest are kept. */
const MAX_LEASES = 20_000

/** /run/sekisho/agent/clients.json: what the DHCP server and router.yaml say of the clients, for the recorder. */
export interface Clients {
  readonly version: 1
  /** When the DHCP server said so: milliseconds since 1970. */
  readonly asOf: number
  /** Live ones, by address. */
  readonly leases: readonly ClientLease[]
  readonly reservations: readonly ClientReservation[]
}

export interface ClientLease {
  readonly address: string
  readonly macAddress: string
  readonly network: string
  /** What the client called itself, as the server keeps it; absent when nothing. */
  readonly hostname?: string
  /** That as a DNS label, unless the name belongs to the router or to another device. */
  readonly name?: string
  /** Client's last transaction, and when the lease ends (absent: never); seconds since 1970. */
  readonly cltt: number
  readonly expires?: number
}

export interface ClientReservation {
  readonly network: string
  readonly macAddress: string
  readonly name: string
  readonly address: string
}

/** The file's content from all leases, live or dead, as of `asOf` (milliseconds since 1970). */
export function clientsOf(config: AgentConfig, leases: readonly Lease[], asOf: number): Clients {
  const networkOf = networkFinder(config.networks)
  const reservations = config.networks.flatMap(({ name: network, reservations: list }) =>
    list.map(({ name, mac, address }) => ({ network, macAddress: mac, name, address })),
  )
  const owners = new Map(reservations.map(({ name, macAddress }) => [name, macAddress]))
  const nameOf = ({ hostname, mac }: Lease): string | undefined => {
    const label = cleanLabel(hostname)
    if (label === undefined || isForbiddenName(label, config)) return undefined
    return (owners.get(label) ?? mac) === mac ? label : undefined
  }
  const live = leases
    .filter(({ expires }) => expires > asOf / 1000)
    .toSorted((a, b) => b.cltt - a.cltt)
    .slice(0, MAX_LEASES)
    .flatMap((lease): ClientLease[] => {
      const { address, mac, hostname, cltt, expires } = lease
      const network = networkOf(address)
      const name = nameOf(lease)
      if (mac === undefined || network === undefined) return []
      return [
        {
          address,
          macAddress: mac,
          network,
          ...(hostname === '' ? {} : { hostname: hostname.slice(0, 255) }),
          ...(name === undefined ? {} : { name }),
          cltt,
          ...(Number.isFinite(expires) ? { expires } : {}),
        },
      ]
    })
  return {
    version: 1,
    asOf,
    leases: live.toSorted((a, b) => (a.address < b.address ? -1 : 1)),
    reservations,
  }
}

/** Finds the network that an IPv4 address lies in. */
function networkFinder(networks: AgentConfig['networks']): (address: string) => string | undefined {
  const lists = networks.map(({ name, prefix }) => {
    const [address = '', length = ''] = prefix.split('/')
    const list = new BlockList()
    list.addSubnet(address, Number(length), 'ipv4')
    return { name, list }
  })
  return (address) => lists.find(({ list }) => list.check(address, 'ipv4'))?.name
}
