import { BlockList, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'

const REFRESH_MS = 5000

type Interfaces = () => ReturnType<typeof networkInterfaces>

/** The router's own addresses and the subnets of its devices, as they are now: prefixes of IPv6 come and go. */
export class OwnAddresses {
  readonly #interfaces: Interfaces
  readonly #timer: NodeJS.Timeout
  #addresses: ReadonlySet<string> = new Set()
  #subnets: ReadonlyMap<string, BlockList> = new Map()

  constructor(interfaces: Interfaces = networkInterfaces) {
    this.#interfaces = interfaces
    this.refresh()
    this.#timer = setInterval(() => this.refresh(), REFRESH_MS).unref()
  }

  /** Whether an address, as RFC 5952 writes it, is this router's. */
  isLocal(address: string): boolean {
    return this.#addresses.has(address)
  }

  /** Whether an address is of the subnet of a device, link-local ones aside. */
  isOf(device: string, address: string): boolean {
    return this.#subnets.get(device)?.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') ?? false
  }

  refresh(): void {
    const addresses = new Set<string>()
    const subnets = new Map<string, BlockList>()
    for (const [device, list = []] of Object.entries(this.#interfaces())) {
      const subnet = new BlockList()
      subnets.set(device, subnet)
      for (const { address, cidr } of list) {
        addresses.add(address)
        const bits = Number(cidr?.split('/')[1])
        if (!Number.isInteger(bits) || address.startsWith('fe80:')) continue
        subnet.addSubnet(address, bits, isIPv6(address) ? 'ipv6' : 'ipv4')
      }
    }
    this.#addresses = addresses
    this.#subnets = subnets
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
