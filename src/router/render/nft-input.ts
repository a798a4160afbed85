import type { Network } from '../model.ts'
import { allowRules } from './nft-allow.ts'
import { logRule, type NftInput, rule } from './nft-context.ts'
import { denyRules } from './nft-deny.ts'
import type { Chain, Rule } from './nft-text.ts'

/*
 * What may reach the router itself.
 */

const ERRORS_ARE_RELATED = `Errors about our own flows (unreachable, too big, time exceeded, parameter problem) are
  "related" and were accepted above, whoever sends them; others are of no use.`

export function inputChains(input: NftInput): Chain[] {
  const { router } = input
  return [
    icmp6Chain(),
    wanInput(input),
    dropInputWan(),
    ...router.networks.flatMap((network) => networkInput(input, network)),
    {
      name: 'input_containers',
      about:
        'From containers to the router: what router.yaml allows, no more. Docker answers their DNS itself.',
      rules: [
        rule('neighbour-discovery', 'meta l4proto icmpv6 jump icmp6_link', 'what keeps an IPv6 link alive'),
        ...denyRules(router, 'containers', 'input'),
        ...openings(input, 'containers'),
        ...allowRules(router, 'containers', 'router'),
        rule('default-deny', 'goto refuse_input_containers', 'everything else'),
      ],
    },
    refuseChain('input', 'containers'),
  ]
}

/** RFC 4890 section 4.4.1: messages of the link, which count only when no router has forwarded them. */
function icmp6Chain(): Chain {
  return {
    name: 'icmp6_link',
    about:
      'RFC 4890 section 4.4: messages of the link count only when no router has passed them on (hop limit).',
    rules: [
      rule(
        'neighbour-discovery',
        'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } ip6 hoplimit 255 accept',
        'neighbour discovery (RFC 4861)',
      ),
      rule(
        'multicast-listener',
        'icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } ' +
          'ip6 hoplimit 1 ip6 saddr { ::, fe80::/10 } accept',
        'who listens to which group (RFC 3810)',
      ),
    ],
  }
}

function wanInput(input: NftInput): Chain {
  const { router } = input
  const dhcp = router.wan.config.mode === 'dhcp'
  const ipv6 = router.wan.ipv6
  return {
    name: 'input_wan',
    about: `From the WAN to the router. IPv4 pings are not answered unless firewall.allow says so; IPv6 pings are, at
      a limited rate, as RFC 4890 section 4.4.1 asks. ${ERRORS_ARE_RELATED} Nothing refused is answered.`,
    rules: [
      rule(
        'wan-inside',
        'meta nfproto ipv4 fib daddr . iif type != { local, broadcast, multicast } goto drop_input_wan',
        "an address inside, sent to us by a neighbour on the WAN's link",
      ),
      ...(dhcp
        ? [
            rule(
              'wan-dhcp',
              'meta nfproto ipv4 fib daddr . iif type { local, broadcast } udp sport 67 udp dport 68 accept',
              'answers of the DHCP server (RFC 2131)',
            ),
          ]
        : []),
      ...(ipv6
        ? [
            rule(
              'wan-dhcp6',
              'ip6 saddr fe80::/10 ip6 daddr fe80::/10 udp sport 547 udp dport 546 accept',
              'answers of the DHCPv6 server (RFC 9915)',
            ),
            rule('neighbour-discovery', 'meta l4proto icmpv6 jump icmp6_link', 'what keeps the link alive'),
            rule(
              'wan-router-advert',
              'icmpv6 type nd-router-advert ip6 hoplimit 255 ip6 saddr fe80::/10 accept',
              "the provider's router (RFC 4861)",
            ),
          ]
        : []),
      ...denyRules(router, 'wan', 'input'),
      ...(ipv6
        ? [
            rule(
              'wan-ping6',
              'icmpv6 type echo-request limit rate 20/second burst 40 packets accept',
              'IPv6 ping (RFC 4890)',
            ),
          ]
        : []),
      ...openings(input, 'wan'),
      ...allowRules(router, 'wan', 'router'),
      rule('default-deny', 'goto drop_input_wan', 'everything else'),
    ],
  }
}

function dropInputWan(): Chain {
  return {
    name: 'drop_input_wan',
    about: 'What the WAN may not do here gets no answer.',
    rules: [
      rule(
        'noise',
        'fib daddr type { broadcast, multicast } counter drop',
        'announcements are not worth a record',
      ),
      logRule('input:wan'),
      rule('default-deny', 'counter drop', 'everything else from the WAN'),
    ],
  }
}

function networkInput(input: NftInput, network: Network): Chain[] {
  const { name, routerAccess } = network
  const { router } = input
  return [
    {
      name: `input_${name}`,
      about: `From ${name} to the router: the modules' services, router_access, and what firewall.allow adds.`,
      rules: [
        rule('neighbour-discovery', 'meta l4proto icmpv6 jump icmp6_link', 'what keeps the link alive'),
        ...denyRules(router, name, 'input'),
        ...openings(input, name),
        ...(routerAccess.includes('ping')
          ? [
              rule('ping', 'icmp type echo-request accept', `ping from ${name}`, 'router_access'),
              rule('ping', 'icmpv6 type echo-request accept', `IPv6 ping from ${name}`, 'router_access'),
            ]
          : []),
        ...(routerAccess.includes('ssh')
          ? [rule('ssh', 'tcp dport 22 accept', `ssh from ${name}`, 'router_access')]
          : []),
        ...allowRules(router, name, 'router'),
        rule('default-deny', `goto refuse_input_${name}`, 'everything else'),
      ],
    },
    refuseChain('input', name),
  ]
}

/**
 * The modules' openings from a zone. A published one appears here too: without its own IPv6 rules Docker
 * accepts such connections in a process on the router and passes the bytes on.
 */
function openings({ router, openings }: NftInput, zone: string): Rule[] {
  const isNetwork = router.networks.some((network) => network.name === zone)
  const rules = openings
    .filter(({ opening }) => opening.from === zone || (opening.from === 'networks' && isNetwork))
    .map(({ owner, opening: { protocol, port, published, why } }) => ({
      port,
      rule: rule(
        published ? 'published' : 'opening',
        `${protocol === 'tcp' ? 'tcp' : 'udp'} dport ${portText(port)} accept`,
        `${why}, from ${zone}`,
        owner,
      ),
    }))
    .toSorted((a, b) => a.port - b.port || (a.rule.statement < b.rule.statement ? -1 : 1))
    .map((entry) => entry.rule)
  return rules.filter((r, i) => rules.findIndex((o) => o.statement === r.statement) === i)
}

/** A port number from a module. Throws on anything else. */
export function portText(port: number): string {
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new Error(`not a port: ${port}`)
  return `${port}`
}

/**
 * The end of a zone inside: refused at once, so that programs fail fast instead of waiting. Broadcasts and
 * multicasts get no answer and no record: every network hums with them.
 */
export function refuseChain(hook: 'input' | 'forward', zone: string): Chain {
  return {
    name: `refuse_${hook}_${zone}`,
    about: `What ${zone} may not do is refused at once, so that its programs fail fast.`,
    rules: [
      ...(hook === 'input'
        ? [
            rule(
              'noise',
              'fib daddr type { broadcast, multicast } counter drop',
              'announcements are not worth a record',
            ),
          ]
        : []),
      logRule(`${hook}:${zone}`),
      rule('reject', 'meta l4proto tcp counter reject with tcp reset', `TCP from ${zone}`),
      rule('reject', 'counter reject with icmpx type admin-prohibited', `everything else from ${zone}`),
      rule('default-deny', 'counter drop', 'in case the above could not answer'),
    ],
  }
}
