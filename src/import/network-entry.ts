import { formatIp, formatPrefix } from '../lib/ip.ts'
import type { OldSubnet } from './kea-config.ts'
import { type Noted, noted, row } from './noted.ts'
import type { OldNetwork } from './old-networks.ts'
import type { ReportBook } from './report.ts'

interface Context {
  readonly subnetId: number
  /** A port's name on this machine. */
  readonly named: (old: string) => string
  /** router_access as the iptables file had it; absent when there was none. */
  readonly access: readonly string[] | undefined
  readonly book: ReportBook
}

/** A network of router.yaml. */
export function networkEntry(network: OldNetwork, { subnetId, named, access, book }: Context): Noted {
  const { name, ip, prefix, ports, pools, subnet, from, portsFrom, poolsFrom } = network
  const old = ports.map((port) => port.name).join(', ')
  const members = ports.map(({ name: port, vlan }) =>
    vlan === undefined
      ? noted(named(port))
      : { of: { name: noted(named(port)), vlan: noted(vlan) }, flow: true },
  )
  if (ports.length > 1) book.add('assumed', from, `the ports ${old} of ${name} are bridged`)
  book.add('carried', from, `the network ${formatPrefix(prefix)}`, `networks.${name}`)
  const isRenamed = ports.some((port) => named(port.name) !== port.name)
  return noted({
    subnet_id: noted(subnetId, 'its number in the IPv6 prefixes; fixed once chosen'),
    interfaces: { of: members, flow: true, note: `${portsFrom}${isRenamed ? `: ${old}` : ''}` },
    address: noted(`${formatIp(ip)}/${prefix.length}`, `the router's own; ${from}`),
    ...(pools.length > 0 && {
      dhcp: noted({ pools: row(pools, poolsFrom), ...leaseTime(subnet), ...reservations(subnet) }),
    }),
    ...(access && { router_access: row(access, 'from the iptables file') }),
  })
}

function leaseTime(subnet: OldSubnet | undefined): Record<string, Noted> {
  return subnet?.leaseSecs === undefined ? {} : { lease_secs: noted(subnet.leaseSecs, subnet.from) }
}

function reservations(subnet: OldSubnet | undefined): Record<string, Noted> {
  if (!subnet || subnet.reservations.length === 0) return {}
  const taken = new Set<string>()
  const entries = subnet.reservations.map(({ mac, address, name }): Noted => {
    const plain = (name ?? '')
      .replace(/[^a-z0-9-]/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 63)
    const label = plain !== '' && !taken.has(plain) ? plain : `host-${address.split('.').slice(-2).join('-')}`
    taken.add(label)
    return { of: { name: noted(label), mac: noted(mac), address: noted(address) }, flow: true }
  })
  return { reservations: noted(entries, subnet.from) }
}
