import { BlockList, isIPv6 } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'

/**
 * Says whether an address lies in a prefix that the router has on a device. The kernel also takes up neighbours that
 * only claim so: a guest must not pass for a host of another network.
 */
export function onLink(
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
): (device: string, address: string) => boolean {
  const lists = new Map<string, BlockList>()
  for (const [device, addresses] of Object.entries(interfaces)) {
    const list = new BlockList()
    for (const { cidr } of addresses ?? []) {
      const [address, length] = cidr?.split('/') ?? []
      if (address !== undefined) list.addSubnet(address, Number(length), isIPv6(address) ? 'ipv6' : 'ipv4')
    }
    lists.set(device, list)
  }
  return (device, address) => lists.get(device)?.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') === true
}
