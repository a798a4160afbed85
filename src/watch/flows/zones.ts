import { BlockList, isIPv6 } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'

export interface ZoneNetwork {
  readonly name: string
  readonly device: string
  /** "10.0.0.1/24": host bits may be set. */
  readonly prefix: string
}

/** Where an address is: its zone, and the interface that leads there. */
export interface Place {
  /** A network's name, "wan", "router" or "containers"; undefined for an address that is no single host's. */
  readonly zone?: string
  readonly device?: string
}

export interface ZoneInput {
  readonly networks: readonly ZoneNetwork[]
  readonly wanDevice: string
  /** As os.networkInterfaces() has it. */
  readonly interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>
}

/** Docker's, as the firewall knows them: what is named so and is no network's device. */
const CONTAINER_DEVICE = /^(docker0$|br-)/
const NOWHERE: Place = {}
const GROUPS: readonly string[] = ['224.0.0.0/4', '255.255.255.255/32', 'ff00::/8']
/** Which link such an address is on, connection tracking does not say. */
const LINK_LOCAL: readonly string[] = ['169.254.0.0/16', 'fe80::/10']
const LOOPBACK: readonly string[] = ['127.0.0.0/8', '::1/128', '0.0.0.0/32', '::/128']
const MAX_KEPT = 16_384

/**
 * Says where addresses are, by the prefixes that the router has on its devices and those of its networks; what is on none
 * of them is out at the WAN. Make a new one when the addresses changed: answers are kept.
 */
export function placesOf({ networks, wanDevice, interfaces }: ZoneInput): (address: string) => Place {
  const router = blockList(LOOPBACK)
  const groups = blockList(GROUPS)
  const linkLocal = blockList(LINK_LOCAL)
  const zones = networks.map(({ name, device, prefix }) => ({
    place: { zone: name, device } satisfies Place,
    list: blockList([prefix]),
  }))
  for (const [device, addresses] of Object.entries(interfaces)) {
    const cidrs = (addresses ?? []).flatMap(({ cidr }) => cidr ?? [])
    for (const { address } of addresses ?? []) add(router, `${address}/${isIPv6(address) ? 128 : 32}`)
    const own = networks.find((network) => network.device === device)
    if (own) zones.push({ place: { zone: own.name, device }, list: blockList(cidrs) })
    else if (CONTAINER_DEVICE.test(device)) {
      zones.push({ place: { zone: 'containers', device }, list: blockList(cidrs) })
    }
  }
  const wan: Place = { zone: 'wan', device: wanDevice }
  const find = (address: string): Place => {
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (router.check(address, family)) return { zone: 'router' }
    if (groups.check(address, family) || linkLocal.check(address, family)) return NOWHERE
    return zones.find(({ list }) => list.check(address, family))?.place ?? wan
  }
  const kept = new Map<string, Place>()
  return (address) => {
    let place = kept.get(address)
    if (!place) {
      if (kept.size >= MAX_KEPT) kept.clear()
      place = find(address)
      kept.set(address, place)
    }
    return place
  }
}

function blockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList()
  for (const cidr of cidrs) add(list, cidr)
  return list
}

function add(list: BlockList, cidr: string): void {
  const [address = '', length] = cidr.split('/')
  // A link-local address of every device is within fe80::/10, which is where no zone is.
  if (/^fe[89ab]/i.test(address) && length !== '128' && length !== '10') return
  list.addSubnet(address.replace(/%.*$/, ''), Number(length), isIPv6(address) ? 'ipv6' : 'ipv4')
}
