import { type Cidr, contains, formatPrefix, type Ip, type Prefix } from '../lib/ip.ts'
import type { Facts } from './facts.ts'
import type { OldInterface } from './interfaces.ts'
import type { OldSubnet } from './kea-config.ts'
import type { ReportBook } from './report.ts'

/** A network of the old router. */
export interface OldNetwork {
  readonly name: string
  readonly ip: Ip
  readonly prefix: Prefix
  /** Its ports by their old names. */
  readonly ports: readonly { readonly name: string; readonly vlan?: number }[]
  /** Everything that a rule may call it by. */
  readonly devices: readonly string[]
  readonly pools: readonly string[]
  readonly subnet?: OldSubnet
  /** What says its address, its ports and its pools. */
  readonly from: string
  readonly portsFrom: string
  readonly poolsFrom: string
}

/** The networks: that of config.json or of Kea first, then those of other ports with a fixed address. */
export function networksOf(
  facts: Facts,
  outside: readonly string[],
  isMapped: (name: string) => boolean,
  book: ReportBook,
): OldNetwork[] {
  const inside = facts.interfaces.filter(({ name, method }) => method === 'static' && !outside.includes(name))
  const found: { cidr: Cidr; from: string }[] = []
  const add = (cidr: Cidr, from: string) => {
    if (!found.some(({ cidr: other }) => sameNetwork(other, cidr))) found.push({ cidr, from })
  }
  if (facts.config?.network) add(facts.config.network, facts.config.file)
  for (const { address, from } of inside) if (address) add(address, from)
  const names = new Set<string>()
  return found.map(({ cidr, from }, i): OldNetwork => {
    const { ip, prefix } = cidr
    const own = inside.find(({ address }) => address && sameNetwork(address, cidr))
    const said =
      i === 0
        ? [...new Set([...(facts.config?.dhcp?.interfaces ?? []), ...(facts.kea?.interfaces ?? [])])]
        : []
    const devices = [...new Set([...(own ? [own.name, ...(own.bridgePorts ?? [])] : []), ...said])].filter(
      (name) => !outside.includes(name),
    )
    const subnet = facts.kea?.subnets.find((one) => formatPrefix(one.prefix) === formatPrefix(prefix))
    const pools = i === 0 && facts.config?.dhcp ? facts.config.dhcp.pools : (subnet?.pools ?? [])
    const name = i === 0 ? 'home' : nameOf(own?.name ?? `net-${i + 1}`, names)
    names.add(name)
    return {
      name,
      ip,
      prefix,
      ports: portsOf(own, said, isMapped, book),
      devices,
      pools,
      ...(subnet && { subnet }),
      from,
      portsFrom: own?.from ?? from,
      poolsFrom: i === 0 && facts.config?.dhcp ? facts.config.file : (subnet?.from ?? from),
    }
  })
}

function sameNetwork(a: Cidr, b: Cidr): boolean {
  return contains(a.prefix, b.prefix) || contains(b.prefix, a.prefix)
}

/**
 * The ports of a network: what has its address in the interfaces file, which the kernel acted on, before what the DHCP
 * server was told; a name that the user maps to a port of this machine before one that he does not.
 */
function portsOf(
  own: OldInterface | undefined,
  said: readonly string[],
  isMapped: (name: string) => boolean,
  book: ReportBook,
): OldNetwork['ports'] {
  if (own?.bridgePorts) return own.bridgePorts.map(portOf)
  if (!own) return said.map(portOf)
  const others = said.filter((name) => name !== own.name)
  const mapped = isMapped(own.name) ? undefined : others.find(isMapped)
  if (others.length > 0)
    book.add(
      'assumed',
      own.from,
      `the network is on ${mapped ?? own.name}`,
      `another file says ${others.join(', ')}`,
    )
  return mapped === undefined ? [vlanOf(own)] : [portOf(mapped)]
}

function vlanOf({ name, rawDevice }: OldInterface): { name: string; vlan?: number } {
  const number = /^vlan(\d{1,4})$/.exec(name)?.[1]
  return rawDevice !== undefined && number !== undefined
    ? { name: rawDevice, vlan: Number(number) }
    : portOf(name)
}

function portOf(name: string): { name: string; vlan?: number } {
  const match = /^(.+)\.(\d{1,4})$/.exec(name)
  return match?.[1] === undefined ? { name } : { name: match[1], vlan: Number(match[2]) }
}

const TAKEN = ['wan', 'router', 'containers', 'any', 'all', 'lo']

function nameOf(device: string, names: ReadonlySet<string>): string {
  const plain = device
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .slice(0, 9)
  const name = /^[a-z]/.test(plain) && !TAKEN.includes(plain) ? plain : `net-${names.size + 1}`
  return names.has(name) ? `${name.slice(0, 8)}-${names.size + 1}` : name
}
