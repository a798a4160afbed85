import type { Network, Router } from '../model.ts'
import { enclosing, maskOf, sourceIn } from './nft-address.ts'
import { rule } from './nft-context.ts'
import { hasDenials } from './nft-deny.ts'
import { device, type NamedSet, type Rule } from './nft-text.ts'

/*
 * The way of nearly every packet: IPv4, of a known flow or a new one to the WAN, with a source that it may have where
 * it comes from. A short cut and nothing else: what is accepted here is accepted the long way too, and what is not
 * goes that way.
 */

/** So many networks are compared one by one, which costs less than a look-up; more are looked up. */
const COMPARED = 4

/** Errors about known flows (related) are rare and go the long way: one value is compared at once. */
const KNOWN = 'ct state == established accept'

/** The first rules of the forward chain. */
export function knownFlows(router: Router): Rule[] {
  const { networks, containerPool, wan } = router
  // Wider than our addresses where that needs fewer comparisons.
  const ours = enclosing([...networks.map(({ prefix }) => prefix), containerPool])
  const outside = ours.map((prefix) => sourceIn(prefix, '!=')).join(' ')
  const fromWan = rule(
    'established',
    `iifname ${device(wan.device)} ${outside} ${KNOWN}`,
    'known flows, from the WAN',
  )
  const inside = fromInside(networks)
  const known = inside.map(({ match, from }) =>
    rule('established', `${match} ${KNOWN}`, `known flows, from ${from}`),
  )
  // What firewall.deny looks at goes the long way; where networks are looked up together, all of them do.
  const straight =
    networks.length <= COMPARED
      ? inside.filter(({ from }) => !hasDenials(router, from))
      : inside.filter(() => !networks.some(({ name }) => hasDenials(router, name)))
  const begun = straight.map(({ match, from }) =>
    rule(
      'outbound',
      `${match} oifname ${device(wan.device)} ct state == new accept`,
      `new flows, from ${from} to the WAN`,
    ),
  )
  return networks.length <= COMPARED ? [...known, fromWan, ...begun] : [fromWan, ...known, ...begun]
}

function fromInside(networks: readonly Network[]): { match: string; from: string }[] {
  if (networks.length > COMPARED) {
    return byMask(networks).map(({ set, mask }) => ({
      match: `iifname . ip saddr & ${mask} @${set}`,
      from: 'networks',
    }))
  }
  // The address first: it costs less than the name to find that a packet from the WAN is not meant.
  return networks.map(({ name, device: port, prefix }) => ({
    match: `${sourceIn(prefix)} iifname ${device(port)}`,
    from: name,
  }))
}

/** The sets that `knownFlows` looks into. */
export function knownSets({ networks }: Router): NamedSet[] {
  if (networks.length <= COMPARED) return []
  return byMask(networks).map(({ set, mask, elements }) => ({
    name: set,
    about: `Networks whose mask is ${mask}, with their devices.`,
    type: 'ifname . ipv4_addr',
    elements,
  }))
}

function byMask(networks: readonly Network[]): { set: string; mask: string; elements: string[] }[] {
  const lengths = [...new Set(networks.map(({ prefixLength }) => prefixLength))].sort((a, b) => a - b)
  return lengths.map((length) => {
    const same = networks.filter(({ prefixLength }) => prefixLength === length)
    return {
      set: `networks_${length}`,
      mask: maskOf(`0.0.0.0/${length}`).mask,
      elements: same.map(({ device: port, prefix }) => `${device(port)} . ${maskOf(prefix).first}`),
    }
  })
}
