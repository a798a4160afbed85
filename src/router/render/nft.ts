import { TEST_POINTS } from '../health/test-points.ts'
import type { Router } from '../model.ts'
import { NFT_TABLE } from '../paths.ts'
import { CONTAINER_DEVICES, logRule, type NftInput, OWN_DEVICES, rule, zoneDevice } from './nft-context.ts'
import { dropForwardWan, forwardChains, ulaStays } from './nft-forward.ts'
import { inputChains } from './nft-input.ts'
import { knownFlows, knownSets } from './nft-known.ts'
import { natChains } from './nft-nat.ts'
import { containerSourceChains, networkSourceChains, sourceSets, wanSourceChains } from './nft-source.ts'
import { type Chain, device, type NamedSet, type Rule, renderTable } from './nft-text.ts'

export type { NftInput } from './nft-context.ts'
export { RULE_GROUPS, type RuleGroup } from './nft-groups.ts'

const ABOUT = [
  'The firewall: one table, replaced in one transaction, loadable again and again. No other table is touched.',
  `Beside Docker: a packet has to pass this table and Docker's rules. An accept here ends only this chain, so it
   opens nothing that Docker closes, and Docker's accept opens nothing that is closed here. That holds for its
   iptables rules (Docker 26) and for its nftables tables (Docker 29) alike. We come first in each hook: what we
   refuse is counted and recorded with its reason.`,
  `Devices are named, never looked up, so that the file loads before any of them exists. Cost: a packet of a known
   flow meets one chain and is accepted by one of its first rules; one look-up in a map finds the zone of what begins
   a flow, however many networks there are.`,
]

/**
 * The complete text of sekisho.nft for `nft -f`. Pure: the same input gives the same bytes. `without` leaves
 * one group of rules out, which only the mutation test wants.
 */
export function renderNft(input: NftInput): string {
  const chains = chainsOf(input).map((chain) => strip(chain, input.without))
  return renderTable(NFT_TABLE, ABOUT, setsOf(input.router), chains)
}

/** Group names of the rules in a ruleset, each once; what a mutation of this router can take away. */
export function groupsOf(input: NftInput): Set<Rule['group']> {
  return new Set(chainsOf(input).flatMap((chain) => chain.rules.map((r) => r.group)))
}

function strip(chain: Chain, without: NftInput['without']): Chain {
  if (without === undefined) return chain
  const open = without === 'default-deny' && chain.base?.policy === 'drop'
  return {
    ...chain,
    ...(open && chain.base && { base: { ...chain.base, policy: 'accept' as const } }),
    rules: chain.rules.filter((r) => r.group !== without),
  }
}

function setsOf(router: Router): NamedSet[] {
  const zones = ['wan', ...router.networks.map((network) => network.name)]
  const verdicts = (verb: string, chain: (zone: string) => string, of: readonly string[]) =>
    of.map((zone) => `${zoneDevice(router, zone)} : ${verb} ${chain(zone)}`)
  const networks = router.networks.map((network) => device(network.device))
  return [
    {
      name: OWN_DEVICES,
      about: 'Devices of ours. Anything else named docker0 or br-… is a bridge of Docker.',
      type: 'ifname',
      elements: zones.map((zone) => zoneDevice(router, zone)),
    },
    {
      name: 'same_network',
      about: 'In and out by the same network.',
      type: 'ifname . ifname',
      elements: networks.map((name) => `${name} . ${name}`),
    },
    {
      name: 'source_of',
      about: 'Where the source address of a packet is checked.',
      type: 'ifname : verdict',
      elements: [...portBelow(router), ...verdicts('jump', (zone) => `source_${zone}`, zones)],
    },
    {
      name: 'input_from',
      about: 'To the router, by zone.',
      type: 'ifname : verdict',
      elements: verdicts('goto', (zone) => `input_${zone}`, zones),
    },
    {
      name: 'forward_from',
      about: 'Through the router, by zone.',
      type: 'ifname : verdict',
      elements: [
        ...verdicts('goto', (zone) => `forward_${zone}`, zones),
        `${device(TEST_POINTS[0])} : goto test_points`,
      ],
    },
    ...knownSets(router),
    ...sourceSets(router),
  ]
}

/** Before the state is looked at: what the port says of a known flow is not of it. */
function portBelow({ wan }: Router): string[] {
  return wan.config.mode === 'pppoe' ? [`${device(wan.member.device)} : goto drop_wan_port`] : []
}

function wanPortChain({ wan }: Router): Chain[] {
  if (wan.config.mode !== 'pppoe') return []
  return [
    {
      name: 'drop_wan_port',
      about: `IP on the port itself, beside the PPPoE session, is not from the provider: a modem, or a neighbour on its
        segment. PPPoE's own frames do not pass here.`,
      rules: [
        rule(
          'noise',
          'fib daddr type { broadcast, multicast } counter drop',
          'announcements are not worth a record',
        ),
        logRule('port:wan'),
        rule('default-deny', 'counter drop', 'IP beside the PPPoE session'),
      ],
    },
  ]
}

function chainsOf(input: NftInput): Chain[] {
  const { router } = input
  return [
    ...wanSourceChains(router),
    ...wanPortChain(router),
    inputChain(router),
    forwardChain(router),
    {
      name: 'output',
      about: `The router itself may send what it likes, but not in a site-local address's name: the kernel takes one while
        the WAN has given no other.`,
      base: { type: 'filter', hook: 'output', priority: 'filter - 10', policy: 'accept' },
      rules: router.ulaPrefix ? [ulaStays(router.ulaPrefix, device(router.wan.device))] : [],
    },
    ...router.networks.flatMap(networkSourceChains),
    ...containerSourceChains(),
    {
      name: 'drop_invalid',
      about:
        'Packets that belong to no flow and cannot begin one; passed on, they would leave without translation.',
      rules: [logRule('invalid'), rule('invalid', 'counter drop', 'part of no flow')],
    },
    ...inputChains(input),
    ...forwardChains(input),
    dropForwardWan(),
    testPoints(),
    ...natChains(router),
    {
      name: 'drop_unknown',
      about: 'From a device that is in no zone.',
      rules: [
        logRule('unknown'),
        rule('default-deny', 'counter drop', 'a device that router.yaml does not name'),
      ],
    },
  ]
}

/** What `sekisho apply` sends through, to see that packets are forwarded (src/router/health/forwarding.ts). */
function testPoints(): Chain {
  return {
    name: 'test_points',
    about: `Between the two devices that apply makes for a moment to see whether packets are forwarded. A look-up
      that is made anyway finds the way here, so that no other packet pays for it.`,
    rules: [
      rule('probe', `oifname ${device(TEST_POINTS[1])} accept`, 'from one test point to the other'),
      rule('default-deny', 'goto drop_unknown', 'and nowhere else'),
    ],
  }
}

/** Checks that both filter hooks begin with: the source, then the state. */
function preamble(router: Router): Rule[] {
  return [
    rule('zones', 'iifname vmap @source_of', 'sources, by zone'),
    ...containerJumps('jump source_containers'),
    rule('established', 'ct state established,related accept', 'known flows, and errors about them'),
    rule('invalid', 'ct state invalid goto drop_invalid', 'part of no flow'),
    rule(
      'zones',
      `ct state untracked iifname ${zoneDevice(router, 'wan')} jump begin_wan`,
      'what no flow is made of (neighbour discovery), so that prerouting did not see it',
    ),
  ]
}

function containerJumps(verdict: string): Rule[] {
  return CONTAINER_DEVICES.map((bridge) =>
    rule('zones', `iifname ${bridge} iifname != @${OWN_DEVICES} ${verdict}`, 'containers'),
  )
}

function inputChain(router: Router): Chain {
  return {
    name: 'input',
    about: "Priority -10: before Docker's and anybody's filter (0).",
    base: { type: 'filter', hook: 'input', priority: 'filter - 10', policy: 'drop' },
    rules: [
      rule('loopback', 'iifname "lo" accept', 'the router to itself'),
      ...preamble(router),
      rule('zones', 'iifname vmap @input_from', 'by zone'),
      ...containerJumps('goto input_containers'),
      rule('default-deny', 'goto drop_unknown', 'everything else'),
    ],
  }
}

function forwardChain(router: Router): Chain {
  return {
    name: 'forward',
    about: `Priority -10: before Docker's and anybody's filter (0). Packets of known flows are accepted by the first rules,
      if their sources are beyond doubt; all others go on. Where bridge-nf-call-iptables is 1
      (we set 0, others may not), frames that are only bridged pass here too: they are accepted before any refusal,
      whatever they hold.`,
    base: { type: 'filter', hook: 'forward', priority: 'filter - 10', policy: 'drop' },
    rules: [
      ...knownFlows(router),
      rule('within-network', 'iifname . oifname @same_network accept', 'within a network'),
      ...preamble(router),
      rule('zones', 'iifname vmap @forward_from', 'by zone'),
      ...containerJumps('goto forward_containers'),
      rule('default-deny', 'goto drop_unknown', 'everything else'),
    ],
  }
}
