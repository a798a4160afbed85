import { isIP, isIPv4, isIPv6 } from 'node:net'
import { z } from 'zod'

/*
 * The shape of router.yaml, without its modules' own keys (each module brings its schema). What needs more
 * than one value to judge (overlaps, duplicates, references) lives in check.ts.
 */

export const InterfaceName = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/, 'an interface name (1 to 15 letters, digits, ".", "_" or "-")')
  .describe('A network port as `ip link` names it')
  .meta({ examples: ['eth0'] })

/** Zones that exist without being declared; a network cannot take these names. */
export const RESERVED_ZONES = ['wan', 'router', 'containers', 'any', 'all', 'lo'] as const

export const NetworkName = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,11}$/,
    'a network name (1 to 12 lower-case letters, digits or "-", a letter first)',
  )

/** One label of a host name (RFC 1123 section 2.1, RFC 5891 LDH), lower case, 1 to 63 characters. */
export const HostLabel = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'a host name (1 to 63 lower-case letters, digits or inner "-")',
  )
  .meta({ examples: ['printer'] })

export const DomainName = z
  .string()
  .max(253)
  .regex(
    /^(?:[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'a domain name like home.arpa',
  )

/** An IPv6 address with a zone identifier ("fe80::1%eth0") means something on one machine only: none here. */
function isPlainIp(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%')
}

export const Ipv4 = z
  .string()
  .refine(isIPv4, 'an IPv4 address like 192.0.2.1')
  .meta({ examples: ['192.0.2.1'] })
export const Ipv6 = z
  .string()
  .refine((s) => isPlainIp(s) && isIPv6(s), 'an IPv6 address like 2001:db8::1')
  .meta({ examples: ['2001:db8::1'] })
export const IpAddress = z
  .string()
  .refine(isPlainIp, 'an IPv4 or IPv6 address')
  .meta({ examples: ['192.0.2.1'] })

function isCidr(text: string, version: 0 | 4 | 6): boolean {
  const slash = text.indexOf('/')
  if (slash < 0) return false
  const family = isPlainIp(text.slice(0, slash)) ? isIP(text.slice(0, slash)) : 0
  const length = text.slice(slash + 1)
  if (family === 0 || (version !== 0 && family !== version) || !/^(0|[1-9]\d{0,2})$/.test(length))
    return false
  return Number(length) <= (family === 4 ? 32 : 128)
}
export const Ipv4Cidr = z
  .string()
  .refine((s) => isCidr(s, 4), 'an IPv4 address with its prefix length, like 10.0.0.1/24')
  .meta({ examples: ['10.0.0.1/24'] })
export const Ipv6Cidr = z
  .string()
  .refine((s) => isCidr(s, 6), 'an IPv6 prefix, like fd12:3456:789a::/48')
  .meta({ examples: ['2001:db8::/48'] })
const Cidr = z.string().refine((s) => isCidr(s, 0), 'a prefix like 10.0.0.0/24 or 2001:db8::/32')

export const MacAddress = z
  .string()
  .regex(/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/, 'a MAC address like 02:00:5e:10:00:01')
  .meta({ examples: ['02:00:5e:10:00:01'] })
  .transform((s) => s.toLowerCase())

export const Port = z
  .int()
  .min(1)
  .max(65535)
  .describe('A TCP or UDP port, 1 to 65535')
  .meta({ examples: [443] })

/** "443" or "6000-6010", written as a number or a string; the output is always {from, to}. */
export const PortRange = z
  .union([Port, z.string().regex(/^\d{1,5}( *- *\d{1,5})?$/, 'a port like 443 or a range like 6000-6010')], {
    error: 'a port like 443 or a range like 6000-6010',
  })
  .meta({ examples: [443, '6000-6010'] })
  .transform((value, ctx) => {
    const [from, to = from] = String(value).split('-').map(Number)
    if (from === undefined || to === undefined || from < 1 || to > 65535 || from > to) {
      ctx.addIssue({ code: 'custom', message: 'a port like 443 or a range like 6000-6010' })
      return z.NEVER
    }
    return { from, to }
  })
export type PortRange = z.output<typeof PortRange>

/** The device of a PPPoE session: it has the WAN's addresses, the port has none. */
export const PPP_DEVICE = 'ppp-wan'

/** What goes into a text field of PPP or PPPoE as it is. */
function pppText(noun: string, example: string): z.ZodString {
  return z
    .string()
    .max(128)
    .regex(/^[!-~](?:[ -~]*[!-~])?$/, `${noun} (1 to 128 letters, digits and signs of ASCII)`)
    .meta({ examples: [example] })
}

export const PppUsername = pppText('a user name', 'user@isp.example')

/** An absolute path of a file on the router that holds a secret or a key: never its content. */
export const FilePath = z.string().regex(/^\/[^\0\n]*$/, 'an absolute path, like /etc/sekisho/secrets/key')

const Why = z
  .string()
  .max(80)
  .regex(/^[\p{L}\p{N} .,:;()/+_@=-]*$/u, 'a plain comment (letters, digits, spaces and .,:;()/+_@=-)')
  .describe('Why this exists: it becomes the comment of the nft rule')

const Member = z.union([
  InterfaceName,
  z.strictObject({
    name: InterfaceName,
    vlan: z.int().min(1).max(4094).describe('IEEE 802.1Q VLAN identifier of the tagged frames'),
  }),
])

export const Reservation = z.strictObject({
  name: HostLabel,
  mac: MacAddress,
  address: Ipv4,
})
export type Reservation = z.output<typeof Reservation>

const Dhcp = z.strictObject({
  pools: z
    .array(
      z
        .string()
        .regex(/^[0-9.]+ *- *[0-9.]+$/, 'a pool like 10.0.0.129 - 10.0.0.254')
        .refine((s) => s.split('-').every((a) => isIPv4(a.trim())), 'a pool like 10.0.0.129 - 10.0.0.254'),
    )
    .min(1)
    .describe('Address ranges that DHCP hands out, "first - last"')
    .meta({ examples: [['10.0.0.129 - 10.0.0.254']] }),
  lease_secs: z.int().min(60).max(31_536_000).default(43_200).describe('Lease time in seconds'),
  reservations: z.array(Reservation).default([]).describe('Fixed addresses by MAC address'),
})

/** Services of the router itself that a network may be allowed to use, beyond DHCP, DNS, NTP and ICMP. */
export const RouterService = z.enum(['ssh', 'ping'])
export type RouterService = z.output<typeof RouterService>

export const NetworkConfig = z.strictObject({
  interfaces: z
    .array(Member)
    .min(1)
    .describe('Ports of this network; several are bridged')
    .meta({ examples: [['eth1']] }),
  address: Ipv4Cidr.describe("The router's own address in this network, with the prefix length"),
  subnet_id: z
    .int()
    .min(1)
    .max(65534)
    .optional()
    .describe('Number of this network in the IPv6 prefixes and in the lease database; fixed once chosen'),
  dhcp: Dhcp.optional(),
  router_access: z
    .array(RouterService)
    .optional()
    .describe(
      'Services of the router this network may use; default [ssh, ping] for the first network, else [ping]',
    ),
})
export type NetworkConfig = z.output<typeof NetworkConfig>

const wanCommon = {
  interface: InterfaceName.describe('The port that faces the Internet'),
  vlan: z.int().min(1).max(4094).optional(),
  mtu_bytes: z.int().min(1280).max(9000).optional().describe('MTU of the WAN link in bytes'),
  mac: MacAddress.optional().describe('MAC address to present to the provider'),
  block_private: z
    .union([z.literal('auto'), z.boolean()])
    .default('auto')
    .describe(
      'Drop private source addresses from the WAN; auto: unless the WAN address is itself private or CGNAT',
    ),
  watchdog: z
    .enum(['on', 'off'])
    .optional()
    .describe(
      "on (default): notice a link that is up and carries nothing, by asking the gateway and the provider's resolvers when nothing comes back",
    ),
}

export const WanConfig = z.discriminatedUnion('mode', [
  z.strictObject({
    mode: z.literal('dhcp'),
    ...wanCommon,
    ipv6: z
      .enum(['auto', 'off'])
      .default('auto')
      .describe('auto: router advertisements and DHCPv6-PD; off: none'),
  }),
  z.strictObject({
    mode: z.literal('static'),
    ...wanCommon,
    address: Ipv4Cidr,
    gateway: Ipv4,
    dns: z.array(IpAddress).default([]).describe("The provider's resolvers, used while our own is down"),
    ipv6: z.enum(['auto', 'off']).default('auto'),
    address6: Ipv6Cidr.optional(),
    gateway6: Ipv6.optional(),
    prefix6: Ipv6Cidr.optional().describe(
      'IPv6 prefix routed to us, for the networks; needs address6 and gateway6',
    ),
  }),
  z.strictObject({
    mode: z.literal('pppoe'),
    ...wanCommon,
    username: PppUsername.describe('The user name that the provider gave'),
    password_file: FilePath.describe(
      'A file on the router with the password on its first line, readable by root alone',
    ).meta({ examples: ['/etc/sekisho/secrets/pppoe'] }),
    service_name: pppText('a service name', 'internet')
      .optional()
      .describe('Ask for this PPPoE service only; most providers want none'),
    ac_name: pppText('the name of an access concentrator', 'bras1')
      .optional()
      .describe('Talk to this access concentrator only'),
    lcp_echo_secs: z
      .int()
      .min(1)
      .max(300)
      .default(10)
      .describe('The provider is asked for a sign of life this often'),
    lcp_echo_failures: z
      .int()
      .min(2)
      .max(30)
      .default(3)
      .describe('The session is given up after so many unanswered signs, and built anew'),
    ipv6: z
      .enum(['auto', 'off'])
      .default('auto')
      .describe('auto: IPv6CP, router advertisements and DHCPv6-PD; off: none'),
  }),
])
export type WanConfig = z.output<typeof WanConfig>

export const Protocol = z.enum(['tcp', 'udp', 'tcp+udp', 'icmp', 'any'])

const CidrOrAddress = z.union([Cidr, IpAddress], { error: 'an address or a prefix like 10.0.0.0/24' })

const DestinationPorts = z
  .array(PortRange)
  .min(1)
  .optional()
  .describe('Destination ports; needs protocol tcp, udp or tcp+udp')

const Allow = z
  .strictObject({
    from: z
      .string()
      .describe('A network name, wan or containers')
      .meta({ examples: ['home'] }),
    to: z
      .string()
      .describe('A network name, router or containers')
      .meta({ examples: ['guest'] }),
    protocol: Protocol.default('any'),
    ports: DestinationPorts,
    source: CidrOrAddress.optional(),
    destination: CidrOrAddress.optional(),
    why: Why.optional(),
  })
  .describe('Lets new connections pass from one zone to another')

const Deny = z
  .strictObject({
    from: z
      .string()
      .describe('A network name, wan or containers')
      .meta({ examples: ['home'] }),
    to: z.string().optional().describe('A network name, wan, router or containers; default everything'),
    protocol: Protocol.default('any'),
    ports: DestinationPorts,
    source: z
      .string()
      .optional()
      .describe('An address, a prefix, a MAC address or the name of a reservation')
      .meta({ examples: ['laptop', '10.0.0.0/24', '02:00:5e:10:00:01'] }),
    destination: CidrOrAddress.optional(),
    why: Why.optional(),
  })
  .describe('Refuses new connections, before anything else lets them pass')

const Forward = z
  .strictObject({
    port: PortRange.describe('Port (or range) on the WAN address'),
    protocol: z.enum(['tcp', 'udp', 'tcp+udp']).default('tcp'),
    to: Ipv4.describe('The host in one of our networks'),
    to_port: Port.optional().describe('Its port; default the same'),
    source: z
      .union([Ipv4Cidr, Ipv4], { error: 'an IPv4 address or a prefix like 192.0.2.0/24' })
      .optional()
      .describe('Only from this address or prefix'),
    why: Why.optional(),
  })
  .describe('An IPv4 port forward (DNAT) with hairpin')

const Pinhole = z
  .strictObject({
    network: z
      .string()
      .describe('The network of the host')
      .meta({ examples: ['home'] }),
    interface_id: Ipv6.describe(
      'The low 64 bits of the host, like ::1c2d:3eff:fe4f:5a6b: survives a new prefix',
    ).meta({ examples: ['::1c2d:3eff:fe4f:5a6b'] }),
    protocol: z.enum(['tcp', 'udp', 'tcp+udp']).default('tcp'),
    ports: z
      .array(PortRange)
      .min(1)
      .describe('Ports to open')
      .meta({ examples: [[443]] }),
    why: Why.optional(),
  })
  .describe('Lets inbound IPv6 from the WAN reach one host')

export const FirewallConfig = z.strictObject({
  deny: z.array(Deny).default([]),
  allow: z.array(Allow).default([]),
  forwards: z.array(Forward).default([]),
  pinholes: z.array(Pinhole).default([]),
})
export type FirewallConfig = z.output<typeof FirewallConfig>

const GenerationsConfig = z.strictObject({
  keep: z.int().min(2).max(1000).default(10).describe('How many stay on the disk'),
  max_bytes: z
    .int()
    .min(2 ** 20)
    .max(2 ** 40)
    .default(2 ** 31)
    .describe('What they take together at most, with the images that nothing else needs'),
})

export const Check = z
  .strictObject({
    from: z
      .string()
      .describe('A network name, wan or containers; a reservation by name or MAC address; an address')
      .meta({ examples: ['guest', 'laptop', '198.51.100.7'] }),
    to: z
      .string()
      .describe('The same, or router; of an IPv6 host of a pinhole its interface_id')
      .meta({ examples: ['home', 'router', '10.0.0.20'] }),
    protocol: Protocol.default('any'),
    ports: z
      .array(PortRange)
      .min(1)
      .optional()
      .describe('Destination ports as the sender writes them; needs protocol tcp, udp or tcp+udp'),
    expect: z.enum(['reached', 'blocked']).describe('What becomes of all of it'),
    why: Why.optional(),
  })
  .describe('A promise of this file, proved with real packets before it is applied')
export type Check = z.output<typeof Check>

export const RouterConfig = z.strictObject({
  version: z
    .literal(1)
    .describe('Version of this file format')
    .meta({ examples: [1] }),
  hostname: HostLabel.describe("The router's own name").meta({ examples: ['gateway'] }),
  timezone: z
    .string()
    .regex(/^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/, 'a time zone like Asia/Tokyo')
    .default('UTC')
    .describe('IANA time zone'),
  domain: DomainName.default('home.arpa').describe('Domain of the local names (RFC 8375)'),
  ula_prefix: Ipv6Cidr.optional().describe('Unique local /48 of this site (RFC 4193)'),
  wan: WanConfig,
  networks: z
    .record(NetworkName, NetworkConfig)
    .describe('The networks behind the router, by name: each is a zone of the firewall'),
  firewall: FirewallConfig.prefault({}),
  generations: GenerationsConfig.prefault({}).describe('What was applied before, for the way back'),
  checks: z
    .array(Check)
    .max(500)
    .default([])
    .describe('What must hold whatever else changes: "sekisho plan --prove" and "sekisho apply" try it out'),
  modules: z.record(z.string(), z.unknown()).default({}).describe('The services, each with its own keys'),
})
export type RouterConfig = z.output<typeof RouterConfig>
