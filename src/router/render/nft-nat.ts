import type { Firewall, Router } from '../model.ts'
import { prefixText } from './nft-address.ts'
import { rule } from './nft-context.ts'
import { forwardNetwork } from './nft-forward.ts'
import { type Chain, device, oneOf, portSet, type Rule } from './nft-text.ts'

/*
 * Address translation (IPv4 only) and the segment size.
 */

export function natChains(router: Router): Chain[] {
  return [...dstnatChains(router), srcnatChain(router), ...mssChain(router)]
}

function dstnatChains(router: Router): Chain[] {
  const { forwards } = router.firewall
  if (forwards.length === 0) return []
  const wan = device(router.wan.device)
  const inside = router.networks.map((network) => network.address).sort()
  return [
    {
      name: 'dstnat',
      about: `Priority -110, before Docker's -100: for a flow the first translation counts, so that a forward in
        router.yaml wins over a port that some container publishes. The WAN's address is whatever is local on its
        device today. From inside (hairpin) it is the local address that is neither the router's own in a network
        nor on the device that the packet came in by.`,
      base: { type: 'nat', hook: 'prerouting', priority: 'dstnat - 10', policy: 'accept' },
      rules: [
        rule(
          'zones',
          `iifname ${wan} fib daddr . iif type local jump port_forwards_dnat`,
          "from the WAN to the WAN's address",
        ),
        rule(
          'hairpin',
          `iifname != ${wan} fib daddr type local ip daddr != ${oneOf(inside)} fib daddr . iif type != local ` +
            'jump port_forwards_dnat',
          "from inside to the WAN's address",
        ),
      ],
    },
    {
      name: 'port_forwards_dnat',
      about: 'Port forwards of router.yaml.',
      rules: forwards.flatMap((forward) => dnatRules(forward)),
    },
  ]
}

function dnatRules(forward: Firewall['forwards'][number]): Rule[] {
  const source = forward.source === undefined ? '' : `ip saddr ${prefixText(forward.source).text} `
  const port = forward.to_port === undefined ? '' : `:${forward.to_port}`
  return forward.protocol
    .split('+')
    .map((protocol) =>
      rule(
        'forward-dnat',
        `${source}${protocol} dport ${portSet([forward.port])} dnat ip to ${prefixText(forward.to).text}${port}`,
        forward.why || `to ${forward.to}`,
        'firewall.forwards',
      ),
    )
}

function srcnatChain(router: Router): Chain {
  const inside = [...router.networks.map((network) => network.prefix), router.containerPool].sort()
  const targets = router.networks.filter((network) =>
    router.firewall.forwards.some((forward) => forwardNetwork(router, forward) === network),
  )
  return {
    name: 'srcnat',
    about: `Priority 90, before Docker's 100, so that containers leave by our rule whether or not Docker runs. Frames
      bridged within a network never match: they neither leave by the WAN nor were translated before.`,
    base: { type: 'nat', hook: 'postrouting', priority: 'srcnat - 10', policy: 'accept' },
    rules: [
      rule(
        'masquerade',
        `oifname ${device(router.wan.device)} ip saddr ${oneOf(inside)} masquerade`,
        "behind the WAN's address",
      ),
      ...targets.map((network) =>
        rule(
          'hairpin',
          `oifname ${device(network.device)} ip saddr ${network.prefix} ct status dnat masquerade`,
          `forwards from ${network.name} to itself: answers must come back through here`,
        ),
      ),
    ],
  }
}

/** RFC 4459 section 3.2: hosts behind us take the WAN for 1500 bytes wide. `rt mtu` looks at both directions. */
function mssChain(router: Router): Chain[] {
  // The provider may want packets shorter than the session allows.
  if (router.wan.mtu >= 1500 && router.wan.config.mode !== 'pppoe') return []
  const port = device(router.wan.device)
  const clamp = 'tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu'
  return [
    {
      name: 'mss',
      about: `The WAN carries ${router.wan.mtu} bytes: both ends of a TCP connection are told so when it opens, as
        path MTU discovery fails wherever someone drops ICMP.`,
      base: { type: 'filter', hook: 'forward', priority: 'mangle', policy: 'accept' },
      rules: [
        rule('mss', `oifname ${port} ${clamp}`, 'outwards'),
        rule('mss', `iifname ${port} ${clamp}`, 'inwards'),
      ],
    },
  ]
}
