import type { Firewall, Router } from '../model.ts'
import { prefixText } from './nft-address.ts'
import { protocolMatches } from './nft-allow.ts'
import { OWN_DEVICES, rule, zoneDevice } from './nft-context.ts'
import type { Rule } from './nft-text.ts'

/*
 * firewall.deny. What it refuses is refused as everything else of that zone is: at once inside, without an answer from
 * the WAN. It stands where flows begin; what is under way was accepted before.
 */

type Deny = Firewall['deny'][number]

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i

/** Whether new flows from a zone have to be looked at before they pass. */
export function hasDenials({ firewall }: Router, zone: string): boolean {
  return firewall.deny.some(({ from }) => from === zone)
}

/** The rules of firewall.deny for what comes from a zone: to the router, or through it. */
export function denyRules(router: Router, zone: string, hook: 'input' | 'forward'): Rule[] {
  const refuse = zone === 'wan' ? `drop_${hook}_wan` : `refuse_${hook}_${zone}`
  return router.firewall.deny
    .filter(({ from, to }) => from === zone && (to === undefined || (to === 'router') === (hook === 'input')))
    .flatMap((deny) =>
      statements(router, deny, hook).map((match) =>
        rule(
          'deny',
          [match, `goto ${refuse}`].filter((part) => part !== '').join(' '),
          deny.why || `${zone} to ${deny.to ?? 'everything'}`,
          'firewall.deny',
        ),
      ),
    )
}

function statements(router: Router, deny: Deny, hook: 'input' | 'forward'): string[] {
  const source = sourceOf(router, deny)
  const destination = deny.destination === undefined ? undefined : prefixText(deny.destination)
  if (source?.family && destination && source.family !== destination.family)
    throw new Error('firewall.deny: source and destination are of different families')
  const family = source?.family ?? destination?.family
  const matches = [
    ...(hook === 'forward' ? targetOf(router, deny) : []),
    ...(source ? [source.match] : []),
    ...(destination ? [`${destination.family === 6 ? 'ip6' : 'ip'} daddr ${destination.text}`] : []),
  ]
  return protocolMatches(deny, family).map((match) => [...matches, ...(match ? [match] : [])].join(' '))
}

function targetOf(router: Router, { to }: Deny): string[] {
  if (to === undefined) return []
  // What leaves by no device of ours goes to a bridge of Docker's, or nowhere.
  return [to === 'containers' ? `oifname != @${OWN_DEVICES}` : `oifname ${zoneDevice(router, to)}`]
}

/**
 * A device is known by its MAC address: it has one IPv4 address and IPv6 addresses that it makes up itself. Throws on
 * a name that no reservation of the zone has: config/check-deny.ts lets none through.
 */
function sourceOf(
  router: Router,
  { from, source }: Deny,
): { readonly match: string; readonly family?: 4 | 6 } | undefined {
  if (source === undefined) return undefined
  const network = router.networks.find(({ name }) => name === from)
  const reservation = network?.dhcp?.reservations.find(({ name }) => name === source)
  const mac = reservation?.mac ?? source
  if (MAC.test(mac)) return { match: `ether saddr ${mac.toLowerCase()}` }
  const { family, text } = prefixText(source)
  return { match: `${family === 6 ? 'ip6' : 'ip'} saddr ${text}`, family }
}
