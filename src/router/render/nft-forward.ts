import type { Firewall, Network, Router } from '../model.ts'
import { interfaceId, overlapsIpv4, prefixText } from './nft-address.ts'
import { allowRules, transport } from './nft-allow.ts'
import {
  CONTAINER_DEVICES,
  logRule,
  type NftInput,
  networkOf,
  OWN_DEVICES,
  rule,
  zoneDevice,
} from './nft-context.ts'
import { denyRules } from './nft-deny.ts'
import { portText, refuseChain } from './nft-input.ts'
import { type Chain, device, type Rule } from './nft-text.ts'

/*
 * What may pass from one zone to another.
 */

export function forwardChains(input: NftInput): Chain[] {
  const { router } = input
  const zones = ['wan', ...router.networks.map((network) => network.name), 'containers']
  return [
    ...portForwardChain(router),
    ...zones.flatMap((zone) => containerTarget(input, zone)),
    wanForward(input),
    ...router.networks.flatMap((network) => networkForward(input, network)),
    containersForward(input),
    refuseChain('forward', 'containers'),
  ]
}

function wanForward(input: NftInput): Chain {
  const { router } = input
  return {
    name: 'forward_wan',
    about: `From the WAN inwards: port forwards, pinholes and what router.yaml allows, nothing else. RFC 4890 section
      4.3.1 wants IPv6 pings to reach hosts; errors about their flows are "related" and passed above.`,
    rules: [
      ...denyRules(router, 'wan', 'forward'),
      ...portForwards(router),
      ...router.firewall.pinholes.flatMap((pinhole) => pinholeRules(router, pinhole)),
      ...(router.wan.ipv6
        ? router.networks.map((network) =>
            rule(
              'transit-ping6',
              `oifname ${device(network.device)} icmpv6 type echo-request limit rate 20/second burst 40 packets accept`,
              `IPv6 ping to ${network.name} (RFC 4890)`,
            ),
          )
        : []),
      ...networkTargets(router, 'wan'),
      ...containerTargets(input, 'wan', 'drop_forward_wan'),
      rule('default-deny', 'goto drop_forward_wan', 'everything else'),
    ],
  }
}

function networkForward(input: NftInput, network: Network): Chain[] {
  const { router } = input
  const { name } = network
  const wan = device(router.wan.device)
  return [
    {
      name: `forward_${name}`,
      about: `From ${name}: the WAN, published ports that were declared, and what firewall.allow adds.`,
      rules: [
        ...denyRules(router, name, 'forward'),
        ...(router.ulaPrefix ? ulaBoundary(router.ulaPrefix, wan) : []),
        rule('outbound', `oifname ${wan} accept`, `${name} to the WAN`),
        ...portForwards(router),
        ...networkTargets(router, name),
        ...containerTargets(input, name, `refuse_forward_${name}`),
        rule('default-deny', `goto refuse_forward_${name}`, 'everything else'),
      ],
    },
    refuseChain('forward', name),
  ]
}

function containersForward(input: NftInput): Chain {
  const { router } = input
  const wan = device(router.wan.device)
  return {
    name: 'forward_containers',
    about: `From containers: the WAN and each other (frames within one Docker bridge pass here as well; between its
      networks Docker decides), and what firewall.allow adds.`,
    rules: [
      ...denyRules(router, 'containers', 'forward'),
      ...(router.ulaPrefix ? ulaBoundary(router.ulaPrefix, wan) : []),
      rule('containers-outbound', `oifname ${wan} accept`, 'containers to the WAN'),
      ...portForwards(router),
      ...networkTargets(router, 'containers'),
      rule('default-deny', `oifname @${OWN_DEVICES} goto refuse_forward_containers`, 'our networks'),
      ...CONTAINER_DEVICES.map((bridge) =>
        rule('containers-within', `oifname ${bridge} accept`, 'containers to each other'),
      ),
      rule('default-deny', 'goto refuse_forward_containers', 'everything else'),
    ],
  }
}

/** RFC 4193 section 4.3, for what the router sends itself. */
export function ulaStays(ulaPrefix: string, wan: string): Rule {
  return rule(
    'ula-boundary',
    `oifname ${wan} ip6 saddr ${prefixText(ulaPrefix).text} ip6 daddr != { fe80::/10, ff00::/8 } counter drop`,
    'site-local sources stay on the site',
  )
}

/** RFC 4193 section 4.1, RFC 7084 ULA-4: a site's own addresses mean nothing outside, so the host hears at once. */
function ulaBoundary(ulaPrefix: string, wan: string): Rule[] {
  const { text } = prefixText(ulaPrefix)
  return [
    rule(
      'ula-boundary',
      `oifname ${wan} ip6 saddr ${text} counter reject with icmpv6 type policy-fail`,
      'site-local sources stay on the site',
    ),
    rule(
      'ula-boundary',
      `oifname ${wan} ip6 daddr ${text} counter reject with icmpv6 type no-route`,
      'site-local targets are not out there',
    ),
  ]
}

/** firewall.allow from a zone into networks. */
function networkTargets(router: Router, from: string): Rule[] {
  return router.networks.flatMap((network) =>
    allowRules(router, from, network.name).map((allowed) => ({
      ...allowed,
      statement: `oifname ${zoneDevice(router, network.name)} ${allowed.statement}`,
    })),
  )
}

/**
 * Rules into containers. Docker names its bridges br-…, and so do we: our own devices leave first, so that a
 * rule meant for containers never lets anything into a network.
 */
function containerTargets(input: NftInput, from: string, otherwise: string): Rule[] {
  if (containerRules(input, from).length === 0) return []
  return [
    rule(
      'default-deny',
      `oifname @${OWN_DEVICES} goto ${otherwise}`,
      'our own devices are not Docker bridges',
    ),
    ...CONTAINER_DEVICES.map((bridge) =>
      rule('zones', `oifname ${bridge} jump ${from}_to_containers`, `${from} to containers`),
    ),
  ]
}

function containerTarget(input: NftInput, from: string): Chain[] {
  const rules = containerRules(input, from)
  if (rules.length === 0) return []
  return [
    {
      name: `${from}_to_containers`,
      about: `Ports that containers publish, for ${from}: the port that the client asked for, before Docker's NAT.`,
      rules,
    },
  ]
}

function containerRules({ router, openings }: NftInput, from: string): Rule[] {
  if (from === 'containers') return []
  const isNetwork = from !== 'wan'
  const published = openings
    .filter(
      ({ opening }) =>
        opening.published && (opening.from === from || (opening.from === 'networks' && isNetwork)),
    )
    .map(({ owner, opening }) =>
      rule(
        'published',
        `ct status dnat meta l4proto ${opening.protocol === 'tcp' ? 'tcp' : 'udp'} ` +
          `ct original proto-dst ${portText(opening.port)} accept`,
        `${opening.why}, from ${from}`,
        owner,
      ),
    )
  const allowed = allowRules(router, from, 'containers').map((allow) => ({
    ...allow,
    // The WAN gets what Docker publishes and never a container's own address.
    statement: from === 'wan' ? `ct status dnat ${allow.statement}` : allow.statement,
  }))
  return [...published, ...allowed]
}

function portForwards({ firewall }: Router): Rule[] {
  if (firewall.forwards.length === 0) return []
  return [
    rule('zones', 'ct status dnat jump port_forwards', 'port forwards, from wherever they were asked for'),
  ]
}

/** What the port forwards let through: exactly what `dstnat` translated, to that host and that port. */
function portForwardChain(router: Router): Chain[] {
  if (router.firewall.forwards.length === 0) return []
  return [
    {
      name: 'port_forwards',
      about: `Port forwards that were translated in dstnat, whichever zone asked the WAN's address for them: who may
        reach a port from the Internet may reach it from inside as well.`,
      rules: router.firewall.forwards.map((forward) => {
        const original = transport(forward.protocol, [forward.port], true)
        const target = forward.to_port
          ? transport(forward.protocol, [{ from: forward.to_port, to: forward.to_port }], false)
          : transport(forward.protocol, [forward.port], false)
        const source = forward.source === undefined ? '' : ` ip saddr ${prefixText(forward.source).text}`
        return rule(
          'forward-accept',
          `oifname ${device(forwardNetwork(router, forward).device)} ip daddr ${prefixText(forward.to).text} ` +
            `${target} ${original.slice(original.indexOf('ct original'))}${source} accept`,
          forward.why || `to ${forward.to}`,
          'firewall.forwards',
        )
      }),
    },
  ]
}

/** The network that a forward's target is in. Throws when there is none: config/check.ts lets none through. */
export function forwardNetwork(router: Router, forward: Firewall['forwards'][number]): Network {
  const network = router.networks.find((candidate) => overlapsIpv4(candidate.prefix, forward.to))
  if (!network) throw new Error(`port forward to ${forward.to}: not in a network`)
  return network
}

/** A host by its interface identifier, in its network only: the prefix may change, the rule need not. */
function pinholeRules(router: Router, pinhole: Firewall['pinholes'][number]): Rule[] {
  return [
    rule(
      'pinhole',
      `oifname ${device(networkOf(router, pinhole.network).device)} ` +
        `ip6 daddr & ::ffff:ffff:ffff:ffff == ${interfaceId(pinhole.interface_id)} ` +
        `${transport(pinhole.protocol, pinhole.ports, false)} accept`,
      pinhole.why || `to ${pinhole.interface_id} in ${pinhole.network}`,
      'firewall.pinholes',
    ),
  ]
}

/** The end of what the WAN sends: no answer. */
export function dropForwardWan(): Chain {
  return {
    name: 'drop_forward_wan',
    about: 'What the WAN may not reach gets no answer.',
    rules: [logRule('forward:wan'), rule('default-deny', 'counter drop', 'everything else from the WAN')],
  }
}
