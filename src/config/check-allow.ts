import { type Cidr, contains, formatIp, formatPrefix, parseCidr, prefixOf } from '../lib/ip.ts'
import { portsTwice } from './check-ports.ts'
import type { At, Draft, DraftAllow, DraftNetwork, DraftTraffic } from './draft.ts'
import { either, type Finding, show } from './finding.ts'
import { isPrivate } from './special-ipv4.ts'
import { suggest } from './suggest.ts'

/** `firewall.allow`: zones that exist, ports that mean something, addresses that lie in their zone. */
export function checkAllow(draft: Draft): Finding[] {
  return draft.allow.flatMap((allow, i) => [
    ...zones(allow, draft),
    ...portsNeedProtocol(allow),
    ...addresses(allow, draft),
    ...intent(allow, draft),
    ...repeated(allow, draft.allow.slice(0, i)),
  ])
}

function zones({ from, to, path }: DraftAllow, { networks }: Draft): Finding[] {
  const names = networks.map(({ name }) => name)
  const findings = [
    ...(from ? zone(from, [...names, 'wan', 'containers'], 'from') : []),
    ...(to ? zone(to, [...names, 'router', 'containers'], 'to') : []),
  ]
  if (from && to && from.value === to.value && findings.length === 0) {
    const message = `${from.value} reaches itself without a rule`
    findings.push({
      path: to.path,
      message,
      fix: `name another zone, or remove firewall.allow entry ${Number(path.at(-1)) + 1}`,
    })
  }
  return findings
}

/** A zone's name that must be one of the known. */
export function zone({ value, path }: At<string>, known: readonly string[], side: 'from' | 'to'): Finding[] {
  if (known.includes(value)) return []
  const choices = either(known)
  if (side === 'to' && value === 'wan') {
    const message = 'every zone reaches the WAN without a rule'
    return [{ path, message, fix: `remove this rule, or write ${choices}` }]
  }
  if (side === 'from' && value === 'router') {
    const message = 'the router itself reaches every zone without a rule'
    return [{ path, message, fix: `remove this rule, or write ${choices}` }]
  }
  if (value === 'any' || value === 'all') {
    return [
      {
        path,
        message: `"${value}" is no zone`,
        fix: `write one rule for each of ${either(known, 'and')} that you mean`,
      },
    ]
  }
  const near = suggest(value, known)
  const fix = near === undefined ? `write ${choices}` : `did you mean ${near}?`
  return [{ path, message: `there is no zone ${show(value)}`, fix }]
}

/** Ports given twice, or with a protocol that has none. */
export function portsNeedProtocol({
  path,
  protocol,
  hasProtocol,
  hasPorts,
  ports: list,
}: DraftTraffic): Finding[] {
  const findings = portsTwice(list)
  if (hasPorts && (protocol === 'any' || protocol === 'icmp')) {
    const fix = hasProtocol ? 'write tcp, udp or tcp+udp' : 'add "protocol: tcp" (or udp, or tcp+udp)'
    findings.push({
      path: [...path, hasProtocol ? 'protocol' : 'ports'],
      ...(!hasProtocol && { at: 'key' }),
      message: hasProtocol
        ? `protocol ${protocol} has no ports, and ports are given`
        : 'ports need a protocol that has them',
      fix,
    })
  }
  return findings
}

function addresses(allow: DraftAllow, draft: Draft): Finding[] {
  const { from, to, source, destination } = allow
  const findings = [...(source ? hostBits(source) : []), ...(destination ? hostBits(destination) : [])]
  if (source && destination && source.value.ip.version !== destination.value.ip.version) {
    const message = 'source and destination are of different IP versions: no packet is both'
    findings.push({ path: destination.path, message, fix: 'write both for IPv4 or both for IPv6' })
  }
  const sender = draft.networks.find(({ name }) => name === from?.value)
  const receiver = draft.networks.find(({ name }) => name === to?.value)
  if (source && sender) findings.push(...inside(source, sender, draft))
  if (destination && receiver) findings.push(...inside(destination, receiver, draft))
  if (source && from?.value === 'wan') findings.push(...fromOutside(source, draft))
  if (destination && to?.value === 'router') findings.push(...ours(destination, draft))
  return findings
}

/** A prefix with host bits set means one host or the whole network: the reader cannot know. */
export function hostBits({ value: { ip, prefix }, path }: At<Cidr>): Finding[] {
  if (ip.value === prefix.first) return []
  const message = `${formatIp(ip)}/${prefix.length} has address bits after its prefix`
  return [
    { path, message, fix: `write ${formatPrefix(prefix)} for the network or ${formatIp(ip)} for the host` },
  ]
}

/** Source addresses of ours never come from the WAN: the firewall drops them as spoofed. */
export function fromOutside({ value, path }: At<Cidr>, { networks }: Draft): Finding[] {
  const own = networks.find(({ address }) => address && contains(address.value.prefix, value.prefix))
  if (!own) return []
  const message = `${formatPrefix(value.prefix)} is inside our own ${own.name} and never comes from the WAN`
  return [{ path, message, fix: 'write an address of the Internet' }]
}

/** An address or prefix that must lie in its network, as far as the file says what that is. */
export function inside({ value, path }: At<Cidr>, network: DraftNetwork, draft: Draft): Finding[] {
  const homes = prefixesOf(network, draft)
  const same = homes.filter((home) => home.version === value.ip.version)
  // The prefixes a provider lends over DHCPv6 are not in the file: only what is known can be judged.
  if (same.length === 0 || (value.ip.version === 6 && !isUla(value) && draft.wan.prefix6 === undefined))
    return []
  if (same.some((home) => contains(home, value.prefix))) return []
  const text =
    value.prefix.length === (value.ip.version === 4 ? 32 : 128)
      ? formatIp(value.ip)
      : formatPrefix(value.prefix)
  const where = same.map(formatPrefix)
  return [
    {
      path,
      message: `${text} is outside ${network.name} ${either(where)}`,
      fix: `write an address or a prefix in ${either(where)}`,
    },
  ]
}

/** The prefixes of a network that the file tells. */
export function prefixesOf(
  { address, subnetId }: DraftNetwork,
  { ula, wan, networks }: Draft,
): Cidr['prefix'][] {
  const id = subnetId?.value ?? (networks.length === 1 ? 1 : undefined)
  const site = [ula, wan.prefix6].flatMap((at) => {
    if (!at || id === undefined || at.value.prefix.length > 64) return []
    const offset = at.value.prefix.length === 64 ? 0n : BigInt(id) << 64n
    return [prefixOf({ version: 6, value: at.value.prefix.first + offset }, 64)]
  })
  const linkLocal = parseCidr('fe80::/10')?.prefix
  return [
    ...(address ? [address.value.prefix] : []),
    ...site,
    ...(site.length > 0 && linkLocal ? [linkLocal] : []),
  ]
}

function isUla({ prefix }: Cidr): boolean {
  const block = parseCidr('fc00::/7')?.prefix
  return block !== undefined && contains(block, prefix)
}

function ours({ value, path }: At<Cidr>, { networks }: Draft): Finding[] {
  const network = networks.find(({ address }) => address && contains(address.value.prefix, value.prefix))
  if (!network?.address || contains(value.prefix, network.address.value.ip)) return []
  const own = formatIp(network.address.value.ip)
  const message = `${formatIp(value.ip)} is a host of ${network.name} and not the router`
  return [{ path, message, fix: `write ${own}, or "to: ${network.name}"` }]
}

/** What is permitted by the letter and is probably not what was meant. */
function intent(allow: DraftAllow, { networks, wan }: Draft): Finding[] {
  const { from, to, source, destination, protocol, hasPorts, hasAddresses, path } = allow
  if (from?.value !== 'wan' || !to) return []
  const readable = (source || destination || !hasAddresses) && protocol !== undefined
  if (!readable) return []
  if (to.value === 'router' && !hasPorts && protocol !== 'icmp' && !source) {
    const message = 'the whole Internet reaches every port of the router'
    return [{ path: to.path, message, fix: 'add protocol and ports, or a source', severity: 'warning' }]
  }
  const network = networks.find(({ name }) => name === to.value)
  const is6 = [source, destination].some((at) => at?.value.ip.version === 6)
  if (!network?.address || is6 || !isPrivate(network.address.value.prefix)) return []
  if (wan.ipv6?.value !== 'off' && !source && !destination) return only6(network, path)
  const message = `IPv4 from the Internet cannot reach ${network.name}'s private addresses`
  return [{ path, message, fix: 'use firewall.forwards', severity: 'warning' }]
}

function only6(network: DraftNetwork, path: DraftAllow['path']): Finding[] {
  const message = `this lets in IPv6 only: IPv4 from the Internet cannot reach ${network.name}'s private addresses`
  return [
    {
      path,
      message,
      fix: 'use firewall.forwards for IPv4 and firewall.pinholes for single IPv6 hosts',
      severity: 'warning',
    },
  ]
}

function repeated(allow: DraftAllow, before: readonly DraftAllow[]): Finding[] {
  const other = before.find((rule) => covers(rule, allow))
  if (!other) return []
  const message = `entry ${Number(other.path.at(-1)) + 1} already allows this`
  return [{ path: allow.path, message, fix: 'remove one of the two', severity: 'warning' }]
}

/** Whether everything the narrow rule lets pass passes by the wide one too. */
function covers(wide: DraftAllow, narrow: DraftAllow): boolean {
  if (!wide.from || !wide.to || wide.from.value !== narrow.from?.value || wide.to.value !== narrow.to?.value)
    return false
  if (wide.protocol === undefined || narrow.protocol === undefined) return false
  if (wide.protocol !== 'any' && wide.protocol !== narrow.protocol) return false
  if (wide.hasAddresses) {
    const sides = ['source', 'destination'] as const
    // Unreadable addresses look absent on both sides: nothing can be said then.
    if (!narrow.hasAddresses || sides.some((side) => !prefixCovers(wide[side]?.value, narrow[side]?.value)))
      return false
    if (!wide.source && !wide.destination) return false
  }
  return (
    !wide.hasPorts ||
    (narrow.ports.length > 0 &&
      narrow.ports.every(({ value }) =>
        wide.ports.some((w) => w.value.from <= value.from && value.to <= w.value.to),
      ))
  )
}

function prefixCovers(wide: Cidr | undefined, narrow: Cidr | undefined): boolean {
  return wide === undefined || (narrow !== undefined && contains(wide.prefix, narrow.prefix))
}
