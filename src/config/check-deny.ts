import { formatIp, parseIpOrCidr } from '../lib/ip.ts'
import { hostBits, inside, portsNeedProtocol, zone } from './check-allow.ts'
import type { Draft, DraftDeny } from './draft.ts'
import { isMac } from './end.ts'
import { either, type Finding, show } from './finding.ts'
import { suggest } from './suggest.ts'

/** `firewall.deny`: zones that exist, a source that is one, ports that mean something. */
export function checkDeny(draft: Draft): Finding[] {
  return draft.deny.flatMap((deny) => [
    ...zones(deny, draft),
    ...portsNeedProtocol(deny),
    ...source(deny, draft),
    ...destination(deny, draft),
  ])
}

function zones({ from, to }: DraftDeny, { networks }: Draft): Finding[] {
  const names = networks.map(({ name }) => name)
  const findings = [
    ...(from ? zone(from, [...names, 'wan', 'containers'], 'from') : []),
    ...(to ? zone(to, [...names, 'wan', 'router', 'containers'], 'to') : []),
  ]
  if (findings.length > 0 || !from || to?.value !== from.value) return findings
  const message = `what stays within ${from.value} does not pass the router`
  return [{ path: to.path, message, fix: 'name another zone' }]
}

function source({ from, source: at }: DraftDeny, draft: Draft): Finding[] {
  if (!at) return []
  const { value, path } = at
  const network = draft.networks.find(({ name }) => name === from?.value)
  if (isMac(value)) {
    if (network || !from) return []
    const message = `a MAC address is seen in a network only, and not from ${from.value}`
    return [{ path, message, fix: 'write an address or a prefix' }]
  }
  const cidr = parseIpOrCidr(value)
  if (cidr) {
    const parsed = { value: cidr, path }
    return [...hostBits(parsed), ...(network ? inside(parsed, network, draft) : [])]
  }
  const reserved = draft.networks.flatMap(({ name, dhcp }) =>
    (dhcp?.reservations ?? []).flatMap((entry) =>
      entry.name ? [{ name: entry.name.value, network: name }] : [],
    ),
  )
  const found = reserved.find(({ name }) => name === value)
  if (found && (!from || found.network === from.value)) return []
  if (found) {
    const message = `${value} is a reservation of ${found.network}`
    return [{ path, message, fix: `write "from: ${found.network}"` }]
  }
  const names = reserved.filter((entry) => entry.network === from?.value).map(({ name }) => name)
  const near = suggest(value, names)
  const message = `${show(value)} is neither an address nor the name of a reservation`
  const choices = [...names.slice(0, 5), 'an address', 'a prefix', 'a MAC address']
  return [{ path, message, fix: near === undefined ? `write ${either(choices)}` : `did you mean ${near}?` }]
}

function destination({ to, destination: at, source: from }: DraftDeny, draft: Draft): Finding[] {
  if (!at) return []
  const findings = hostBits(at)
  const sender = from && parseIpOrCidr(from.value)
  if (sender && sender.ip.version !== at.value.ip.version) {
    const message = 'source and destination are of different IP versions: no packet is both'
    findings.push({ path: at.path, message, fix: 'write both for IPv4 or both for IPv6' })
  }
  const receiver = draft.networks.find(({ name }) => name === to?.value)
  if (receiver) findings.push(...inside(at, receiver, draft))
  const own = draft.networks.find(({ address }) => address?.value.ip.value === at.value.ip.value)
  if (own && to && to.value !== 'router') {
    const message = `${formatIp(at.value.ip)} is the router itself`
    findings.push({ path: at.path, message, fix: 'write "to: router", or the address of a host' })
  }
  return findings
}
