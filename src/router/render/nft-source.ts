import type { Network, Router } from '../model.ts'
import { overlapsIpv4, prefixText, sourceIn } from './nft-address.ts'
import { logRule, rule } from './nft-context.ts'
import { type Chain, device, type NamedSet, oneOf, type Rule } from './nft-text.ts'

/*
 * Who may send what, by source address (BCP 38, RFC 2827; RFC 6890 for the special-purpose addresses).
 */

/** Never a source on any link. 192.0.2.0/24 and its like stay out: harmless, and what examples and labs use. */
const BOGON4 = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '240.0.0.0/4']
/** Not of the Internet, but a provider's link may be numbered from them (DS-Lite, RFC 6333; benchmarks). */
const SPECIAL4 = ['169.254.0.0/16', '192.0.0.0/24', '198.18.0.0/15']
/** RFC 1918, and RFC 6598 (CGNAT). */
const PRIVATE4 = ['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16']
/** "::" and fe80::/10 stay out: neighbour discovery needs them. */
const BOGON6 = [
  '::1',
  '::ffff:0.0.0.0/96',
  '100::/64',
  '2001:2::/48',
  '2001:10::/28',
  'fec0::/10',
  'ff00::/8',
]

export function sourceSets({ wan }: Router): NamedSet[] {
  const sets: NamedSet[] = [
    {
      name: 'bogon4',
      about: 'IPv4 addresses that nobody sends from (RFC 6890)',
      type: 'ipv4_addr',
      interval: true,
      elements: BOGON4,
    },
    {
      name: 'special4',
      about: 'IPv4 addresses with a local meaning only; a provider may number its link from them',
      type: 'ipv4_addr',
      interval: true,
      elements: SPECIAL4,
    },
    {
      name: 'bogon6',
      about: 'IPv6 addresses that nobody sends from (RFC 6890)',
      type: 'ipv6_addr',
      interval: true,
      elements: BOGON6,
    },
  ]
  if (wan.config.block_private !== false) {
    sets.push({
      name: 'private4',
      about: 'Private IPv4 addresses (RFC 1918) and those of carrier-grade NAT (RFC 6598)',
      type: 'ipv4_addr',
      interval: true,
      elements: PRIVATE4,
    })
  }
  return sets
}

/** The checks of what comes from the WAN: of every packet, and of what begins a flow. */
export function wanSourceChains(router: Router): Chain[] {
  const { wan, networks, containerPool } = router
  const port = device(wan.device)
  const drop = 'goto drop_source_wan'
  return [
    {
      name: 'prerouting',
      about: `A chain for address translation, which the kernel shows only the packets that begin a flow: known flows
        cost nothing here. Priority -120, before any destination NAT (ours at -110, Docker's at -100), while the packet
        still names the WAN's address.`,
      base: { type: 'nat', hook: 'prerouting', priority: 'dstnat - 20', policy: 'accept' },
      rules: [rule('zones', `iifname ${port} goto begin_wan`, 'what the WAN begins, by source')],
    },
    {
      name: 'begin_wan',
      about: `Answers to what we asked may come from anywhere: a modem's web page, a provider's DHCP server, a private
        router reporting a path MTU. Who begins something may not.`,
      rules: [
        rule('established', 'ct state related return', 'errors about known flows'),
        // The kernel answers for the rest of a delegated prefix by itself (RFC 7084, WPD-5), and as a LAN comes up for all of it.
        rule(
          'wan-unreachable',
          'ip6 daddr { 2000::/3, fc00::/7 } fib daddr type unreachable goto drop_forward_wan',
          'IPv6 targets that no network has: nobody out there learns which',
        ),
        ...wanLink(router),
        rule('wan-bogon', `ip saddr @bogon4 ${drop}`, 'sources that cannot be'),
        rule('wan-bogon', `ip6 saddr @bogon6 ${drop}`, 'sources that cannot be'),
        rule(
          'wan-bogon',
          'ip saddr @special4 ip daddr @special4 fib daddr . iif type local return',
          "the provider's link is numbered like that itself",
        ),
        rule('wan-bogon', `ip saddr @special4 ${drop}`, 'sources with a local meaning only'),
        ...privateSources(wan.config, drop),
      ],
    },
    {
      name: 'source_wan',
      about: `Our own addresses never come from the WAN, not even as part of a known flow. (Source addresses are still
        what was sent: only a packet's way out translates them.)`,
      rules: [
        ...(networks.length > 0
          ? [
              rule(
                'wan-own-source',
                `ip saddr ${oneOf(networks.map((network) => network.prefix).sort())} ${drop}`,
                'our own networks are not behind the WAN',
              ),
            ]
          : []),
        rule(
          'wan-own-source',
          `ip saddr ${prefixText(containerPool).text} fib saddr oifname != ${port} ${drop}`,
          'nor are the containers',
        ),
        rule(
          'wan-own-source',
          `ip6 saddr != { ::, fe80::/10 } fib saddr oifname != ${port} ${drop}`,
          'IPv6 sources whose way back is not the WAN',
        ),
      ],
    },
    dropSource('wan'),
  ]
}

/**
 * block_private. "auto" is decided for each packet: its destination is still the WAN's own address here (the
 * one that is local on the device it came in by), so a private destination means a private WAN.
 */
function privateSources(wan: Router['wan']['config'], drop: string): Rule[] {
  if (wan.block_private === false) return []
  const auto = [
    rule(
      'wan-private',
      'ip saddr @private4 ip daddr @private4 fib daddr . iif type local return',
      'block_private auto: the WAN address is private itself',
    ),
    rule(
      'wan-private',
      'ip6 saddr fc00::/7 ip6 daddr fc00::/7 return',
      'block_private auto: so is the target',
    ),
  ]
  return [
    ...(wan.mode === 'dhcp'
      ? [
          rule(
            'wan-dhcp',
            'meta nfproto ipv4 udp sport 67 udp dport 68 return',
            "the provider's DHCP server may be private",
          ),
        ]
      : []),
    ...(wan.block_private === 'auto' ? auto : []),
    rule('wan-private', `ip saddr @private4 ${drop}`, 'wan.block_private'),
    rule('wan-private', `ip6 saddr fc00::/7 ${drop}`, 'wan.block_private'),
  ]
}

/** A static WAN says what is on its link; those neighbours are no bogons, whatever their addresses. */
function wanLink({ wan: { config } }: Router): Rule[] {
  if (config.mode !== 'static') return []
  const special = [...SPECIAL4, ...PRIVATE4]
  const [address = '', length = '32'] = config.address.split('/')
  const link = [`${address}/${length}`, `${config.gateway}/32`].filter((prefix) =>
    special.some((other) => overlapsIpv4(prefix, other)),
  )
  if (link.length === 0) return []
  const sources = overlapsIpv4(`${address}/${length}`, `${config.gateway}/32`) ? link.slice(0, 1) : link
  return [
    rule('wan-link', `ip saddr ${oneOf(sources)} return`, "neighbours on the WAN's own link", 'wan.address'),
  ]
}

/** What IPv6 needs before a host has an address, and what its links always have. */
const LINK6 = [
  rule('neighbour-discovery', 'ip6 saddr fe80::/10 return', 'link-local addresses'),
  rule(
    'neighbour-discovery',
    'ip6 saddr :: icmpv6 type { nd-neighbor-solicit, mld-listener-report, mld2-listener-report } return',
    'a host that tries an address out (RFC 4862)',
  ),
]

/** The check of what comes from a network: its own addresses only. */
export function networkSourceChains({ name, prefix }: Network): Chain[] {
  return [
    {
      name: `source_${name}`,
      about: `What ${name} may send from. In the filter hooks and not before: frames that are only bridged within
        the network may have any address. Read before the state, so that nobody injects into another's flow.`,
      rules: [
        rule('lan-source', `${sourceIn(prefix)} return`, `addresses of ${name}`),
        ...LINK6,
        rule(
          'lan-source',
          'meta nfproto ipv6 fib saddr . iif oif exists return',
          'IPv6 addresses whose way back is this device',
        ),
        rule(
          'lan-source',
          'ip saddr 0.0.0.0 udp sport 68 udp dport 67 return',
          'a DHCP client without an address',
        ),
        rule('lan-source', `goto drop_source_${name}`, 'foreign sources'),
      ],
    },
    dropSource(name),
  ]
}

/** Docker chooses the containers' prefixes while it runs, so their sources are checked by the way back. */
export function containerSourceChains(): Chain[] {
  return [
    {
      name: 'source_containers',
      about: 'What containers may send from: the addresses routed to the bridge that the packet came in by.',
      rules: [
        ...LINK6,
        rule('container-source', 'fib saddr . iif oif exists return', 'addresses of that Docker network'),
        rule('container-source', 'goto drop_source_containers', 'foreign sources'),
      ],
    },
    dropSource('containers'),
  ]
}

function dropSource(zone: string): Chain {
  return {
    name: `drop_source_${zone}`,
    about: `A source that does not belong to ${zone}.`,
    rules: [
      rule(
        'noise',
        'fib daddr type { broadcast, multicast } counter drop',
        'announcements are not worth a record',
      ),
      logRule(`source:${zone}`),
      rule('default-deny', 'counter drop', `spoofed source from ${zone}`),
    ],
  }
}
