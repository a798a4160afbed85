import { contains, formatIp, type Ip, overlaps, type Prefix, parseCidr, parseIpOrCidr } from '../lib/ip.ts'
import type { Network, Router } from '../router/model.ts'

/*
 * The addresses of a router that does not run yet: those of router.yaml, and for what a provider will choose others
 * from the documentation prefixes (RFC 5737, RFC 3849) that nothing of ours has.
 */

const DOC4 = ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24']
const LINK6 = '2001:db8:fff0::'
const DELEGATED6 = '2001:db8:ff00::'
export const INTERNET6 = '2001:db8:ffff::10'

interface Numbering {
  readonly wan4: string
  readonly wan4Length: number
  readonly gateway4: string
  readonly internet4: string
  readonly wan6?: string
  readonly gateway6?: string
}

/** The prefix that a text is; throws on none: validation lets none through. */
export function prefix(text: string): Prefix {
  const cidr = parseIpOrCidr(text)
  if (!cidr) throw new Error(`${JSON.stringify(text)} is no prefix`)
  return cidr.prefix
}

/** The address so many after the first of a prefix. */
export function at({ version, first }: Prefix, offset: bigint): Ip {
  return { version, value: first + offset }
}

/** The addresses on the WAN and beyond. */
export function numberingOf(router: Router): Numbering {
  const { wan, networks, containerPool } = router
  const { config } = wan
  const named = namedPrefixes(router)
  const taken = [...networks.map((network) => network.prefix), containerPool].map(prefix)
  if (config.mode === 'static') taken.push(prefix(config.address))
  const free = DOC4.map(prefix).filter((one) => !taken.some((other) => overlaps(one, other)))
  const [link = prefix('100.64.0.0/24'), far = prefix('100.64.1.0/24')] = free
  const learned = {
    wan6: `${LINK6}2`,
    gateway6: `${LINK6}1`,
  }
  if (config.mode !== 'static') {
    return {
      wan4: formatIp(at(link, 2n)),
      wan4Length: 24,
      gateway4: formatIp(at(link, 1n)),
      internet4: internetAddress([far, ...free.slice(2)], named),
      ...(wan.ipv6 && learned),
    }
  }
  const address = parseCidr(config.address)
  const address6 = config.address6 === undefined ? undefined : parseCidr(config.address6)
  const six =
    address6 && config.gateway6 !== undefined
      ? { wan6: formatIp(address6.ip), gateway6: config.gateway6 }
      : learned
  return {
    wan4: address ? formatIp(address.ip) : '',
    wan4Length: address?.prefix.length ?? 24,
    gateway4: config.gateway,
    internet4: internetAddress([...free, far], named),
    ...(wan.ipv6 && six),
  }
}

/** An address of the Internet; if there is one, none that a rule names. */
function internetAddress(prefixes: readonly Prefix[], named: readonly Prefix[]): string {
  const candidates = prefixes.flatMap((one) => [10n, 130n, 250n].map((offset) => at(one, offset)))
  const best = candidates.find((ip) => !named.some((one) => contains(one, ip))) ?? candidates[0]
  if (!best) throw new Error('no prefix for the Internet')
  return formatIp(best)
}

/** The /64s that a network has, the Internet's first. */
export function prefixes6Of({ wan }: Router, { subnetId, ula, global }: Network): Prefix[] {
  const learns = wan.ipv6 && (wan.config.mode !== 'static' || wan.config.gateway6 === undefined)
  const delegated = prefix(`${DELEGATED6}/48`)
  return [
    ...(global && wan.ipv6 ? [prefix(global.prefix)] : []),
    ...(learns && !global ? [prefix(`${formatIp(at(delegated, BigInt(subnetId) << 64n))}/64`)] : []),
    ...(ula ? [prefix(ula.prefix)] : []),
  ]
}

/** What rules speak of by address: an ordinary host is better none of these. */
export function namedPrefixes({ firewall }: Router): Prefix[] {
  const { allow, deny, forwards } = firewall
  const texts = [...allow, ...deny].flatMap(({ source, destination }) => [source, destination])
  return [...texts, ...forwards.map(({ source }) => source)].flatMap((text) => {
    return (text === undefined ? undefined : parseIpOrCidr(text)?.prefix) ?? []
  })
}
