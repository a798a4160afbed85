import { stringify } from 'yaml'
import { formatIp, overlaps, type Prefix, parseCidr } from '../lib/ip.ts'

/** What a first router.yaml is made of. */
export interface Starter {
  readonly hostname: string
  readonly timezone: string
  readonly ula: string
  readonly wan: string
  /** The provider's user name for PPPoE; absent for DHCP. */
  readonly username?: string | undefined
  /** Ports of the home network. */
  readonly lan: readonly string[]
  /** The router's address with its prefix length: "10.0.0.1/24". */
  readonly address: string
  /** Those that are `extra` are named in comments. */
  readonly modules: readonly { readonly name: string; readonly summary: string; readonly extra?: true }[]
}

/** A commented router.yaml. The values are not judged here: `validate` the result. */
export function starterText(starter: Starter): string {
  const { hostname, timezone, ula, wan, username, lan, address, modules } = starter
  const width = Math.max(0, ...modules.map(({ name }) => name.length))
  return `# The whole configuration of this router. After a change: sekisho check, sekisho plan, sekisho apply.
# For an editor that completes and checks: sekisho schema > router.schema.json, and as the first line here
# "# yaml-language-server: $schema=router.schema.json". Every key: docs/router-yaml.md

version: 1
hostname: ${scalar(hostname)}
timezone: ${scalar(timezone)}
# IPv6 addresses that stay when the provider changes; random, made for this site (RFC 4193). Do not change it.
ula_prefix: ${ula}

wan:
${wanMode(username)}
  interface: ${scalar(wan)}

# Each network is a zone: it reaches the Internet, and not the other networks.
networks:
  home:
    subnet_id: 1 # its number in the IPv6 prefixes; fixed once chosen
    interfaces: [${lan.map(scalar).join(', ')}]${lan.length > 1 ? ' # bridged' : ''}
    address: ${address} # the router's own
    dhcp:
      pools: [${poolOf(address)}]
      # reservations:
      #   - { name: printer, mac: 02:00:5e:10:00:01, address: ${reservable(address)} }
  # guest:
  #   subnet_id: 2
  #   interfaces: [eth9] # or a VLAN: [{ name: eth9, vlan: 20 }]
  #   address: ${beside(address)}
  #   dhcp:
  #     pools: [${poolOf(beside(address))}]

# firewall:
#   allow: # between zones
#     - { from: home, to: guest, why: we look after guest devices }
#   forwards: # IPv4 from the Internet to a host
#     - { port: 443, to: ${reservable(address)}, why: web site }
#   pinholes: # IPv6 from the Internet to a host, by the low half of its address
#     - { network: home, interface_id: "::5eff:fe10:1", ports: [443], why: web site }

modules:
${modules
  .toSorted((a, b) => Number(a.extra ?? false) - Number(b.extra ?? false))
  .map(
    ({ name, summary, extra }) =>
      `  ${extra ? '# ' : ''}${`${name}: {}`.padEnd(width + 4)} # ${oneLine(summary)}\n`,
  )
  .join('')}`
}

/** Where the starter says that the password is. */
export const PASSWORD_FILE = '/etc/sekisho/secrets/pppoe'

function wanMode(username: string | undefined): string {
  if (username === undefined)
    return '  mode: dhcp # or static, with address, gateway and dns; or pppoe, with username and password_file'
  return `  mode: pppoe
  username: ${scalar(username)}
  password_file: ${PASSWORD_FILE} # the password is its first line; chmod 400
  # mtu_bytes: 1454 # when the provider says so`
}

/** The first network of a few usual ones that touches none of `taken`. */
export function freeAddress(taken: readonly Prefix[]): string {
  const candidates = ['10.0.0.1/24', '192.168.10.1/24', '10.10.10.1/24', '172.16.0.1/24', '192.168.100.1/24']
  const free = candidates.find((text) => {
    const prefix = parseCidr(text)?.prefix
    return prefix && !taken.some((other) => overlaps(prefix, other))
  })
  return free ?? '10.0.0.1/24'
}

/** YAML quotes what would read as a number or a truth: a port may be called "1e3". */
function scalar(text: string): string {
  return stringify(text, { lineWidth: 0 }).trim()
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}

/** The half of a network without the router, for DHCP. */
function poolOf(address: string): string {
  const cidr = parseCidr(address)
  if (cidr?.prefix.version !== 4) return ''
  const { ip, prefix } = cidr
  const middle = prefix.first + (prefix.last - prefix.first + 1n) / 2n
  const upper = ip.value < middle
  const [first, last] = upper ? [middle, prefix.last - 1n] : [prefix.first + 1n, middle - 1n]
  return `${v4(first)} - ${v4(last)}`
}

/** An address outside the pool, for the example of a reservation. */
function reservable(address: string): string {
  const cidr = parseCidr(address)
  if (!cidr || cidr.prefix.length > 27) return '10.0.0.10'
  const { ip, prefix } = cidr
  const middle = prefix.first + (prefix.last - prefix.first + 1n) / 2n
  const tenth = (ip.value < middle ? prefix.first : middle) + 10n
  return v4(tenth === ip.value ? tenth + 1n : tenth)
}

/** The network after this one. */
function beside(address: string): string {
  const cidr = parseCidr(address)
  if (cidr?.prefix.version !== 4) return '10.0.1.1/24'
  return `${v4(cidr.prefix.last + 2n)}/${cidr.prefix.length}`
}

function v4(value: bigint): string {
  return formatIp({ version: 4, value: BigInt.asUintN(32, value) })
}
