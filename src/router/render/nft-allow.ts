import type { Firewall, Router } from '../model.ts'
import { prefixText } from './nft-address.ts'
import { rule } from './nft-context.ts'
import { portSet, type Rule } from './nft-text.ts'

type Allow = Firewall['allow'][number]

/** The rules of `firewall.allow` between two zones, without the device they leave by. */
export function allowRules(router: Router, from: string, to: string): Rule[] {
  return router.firewall.allow
    .filter((allow) => allow.from === from && allow.to === to)
    .flatMap((allow) =>
      statements(allow).map((statement) =>
        rule('allow', statement, allow.why || `${from} to ${to}`, 'firewall.allow'),
      ),
    )
}

function statements(allow: Allow): string[] {
  const source = allow.source === undefined ? undefined : prefixText(allow.source)
  const destination = allow.destination === undefined ? undefined : prefixText(allow.destination)
  if (source && destination && source.family !== destination.family)
    throw new Error('firewall.allow: source and destination are of different families')
  const family = source?.family ?? destination?.family
  const keyword = family === 6 ? 'ip6' : 'ip'
  const addresses = [
    ...(source ? [`${keyword} saddr ${source.text}`] : []),
    ...(destination ? [`${keyword} daddr ${destination.text}`] : []),
  ]
  return protocolMatches(allow, family).map((match) =>
    [...addresses, ...(match ? [match] : []), 'accept'].join(' '),
  )
}

/** Matches on the protocol and ports of an entry of the firewall section; one empty text for "any". */
export function protocolMatches(
  allow: {
    readonly protocol: Allow['protocol']
    readonly ports?: Allow['ports']
    readonly to?: string | undefined
  },
  family: 4 | 6 | undefined,
): string[] {
  switch (allow.protocol) {
    case 'any':
      return ['']
    case 'icmp':
      // Echo is what starts something; other types belong to a flow or to the link.
      return [
        ...(family === 6 ? [] : ['icmp type echo-request']),
        ...(family === 4 ? [] : ['icmpv6 type echo-request']),
      ]
    default:
      return [transport(allow.protocol, allow.ports, allow.to === 'containers')]
  }
}

/**
 * A match on protocol and destination ports. `original`: the ports the client asked for, before Docker's
 * destination NAT, as that is what a published port means.
 */
export function transport(
  protocol: 'tcp' | 'udp' | 'tcp+udp',
  ports: Allow['ports'],
  original: boolean,
): string {
  const layer = `meta l4proto ${protocol === 'tcp+udp' ? '{ tcp, udp }' : protocol}`
  if (!ports) return layer
  if (original) return `${layer} ct original proto-dst ${portSet(ports)}`
  return protocol === 'tcp+udp'
    ? `${layer} th dport ${portSet(ports)}`
    : `${protocol} dport ${portSet(ports)}`
}
