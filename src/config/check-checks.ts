import { formatIp, parseIp, parseIpOrCidr } from '../lib/ip.ts'
import { portsNeedProtocol, prefixesOf } from './check-allow.ts'
import { portText } from './check-ports.ts'
import type { At, Draft, DraftCheck } from './draft.ts'
import { type End, findEnd, isMac, lowHalf, type Surroundings } from './end.ts'
import { either, type Finding, show } from './finding.ts'
import { isPrivate } from './special-ipv4.ts'
import { suggest } from './suggest.ts'

/** `checks`: each speaks of something that is there, that passes the router, and that no other one contradicts. */
export function checkChecks(draft: Draft): Finding[] {
  const around = surroundingsOf(draft)
  return draft.checks.flatMap((check, i) => [
    ...ends(check, draft, around),
    ...portsNeedProtocol(check),
    ...contradiction(check, draft.checks.slice(0, i)),
  ])
}

function surroundingsOf(draft: Draft): Surroundings {
  return {
    networks: draft.networks.map((network) => ({
      name: network.name,
      // Link-local addresses are in every network, and pass no router.
      prefixes: prefixesOf(network, draft).filter(({ version, length }) => version === 4 || length > 10),
      own: network.address ? [network.address.value.ip] : [],
      reservations: (network.dhcp?.reservations ?? []).map(({ name, mac, address }) => ({
        ...(name && { name: name.value }),
        ...(mac && { mac: mac.value }),
        ...(address && { ip: address.value }),
      })),
    })),
    pinholes: draft.pinholes.flatMap(({ network, interfaceId }) =>
      network && interfaceId ? [{ network: network.value, interfaceId: interfaceId.value.value }] : [],
    ),
  }
}

function ends({ from, to }: DraftCheck, draft: Draft, around: Surroundings): Finding[] {
  const one = from && findEnd(from.value, around)
  const two = to && findEnd(to.value, around)
  const findings = [
    ...(from ? (one ? endProblems(from, one, draft) : unknownEnd(from, draft)) : []),
    ...(to ? (two ? endProblems(to, two, draft) : unknownEnd(to, draft)) : []),
  ]
  if (findings.length > 0 || !from || !to || !one || !two) return findings
  if (one.zone === 'router') {
    const message = 'the router itself may send what it likes: there is nothing to prove'
    return [{ path: from.path, message, fix: 'name a zone or a host, or remove the check' }]
  }
  if (one.zone === two.zone) {
    const where = one.zone === 'wan' ? 'on the Internet' : `in ${one.zone}`
    const message = `both are ${where}: what passes between them does not pass the router`
    return [{ path: to.path, message, fix: 'name another zone, or a host in one' }]
  }
  const versions = [versionOf(one), versionOf(two)]
  if (versions[0] !== undefined && versions[1] !== undefined && versions[0] !== versions[1]) {
    const message = 'from and to are of different IP versions: no packet is both'
    return [{ path: to.path, message, fix: 'write both for IPv4 or both for IPv6' }]
  }
  return []
}

/** The IP version of an end that has one only. */
function versionOf(end: End): 4 | 6 | undefined {
  if (end.kind === 'zone') return undefined
  if (end.interfaceId !== undefined) return 6
  return end.name === undefined ? end.ip?.version : undefined
}

/** An address that lies nowhere is the Internet's; one that cannot be there was meant to lie somewhere. */
function endProblems({ value, path }: At<string>, end: End, { networks, wan }: Draft): Finding[] {
  if (end.kind !== 'host' || end.zone !== 'wan' || !end.ip) return []
  const { ip } = end
  if (ip.version === 6 && wan.ipv6?.value === 'off')
    return [{ path, message: `wan.ipv6 is off: nothing goes to ${value}`, fix: 'write an IPv4 address' }]
  const own = ip.version === 6 && /^f[cd]|^fe[89ab]/.test(formatIp(ip))
  const cidr = parseIpOrCidr(value)
  if (!own && !(ip.version === 4 && cidr && isPrivate(cidr.prefix))) return []
  const known = networks.flatMap(({ name, address }) => (address ? [{ name, address }] : []))
  // A network whose own address cannot be read may well be the one.
  if (known.length < networks.length) return []
  const message = `${value} is in none of our networks, and not of the Internet`
  return [
    { path, message, fix: `write a host in ${either(known.map(({ name }) => name))}, or the name of a zone` },
  ]
}

function unknownEnd({ value, path }: At<string>, { networks, pinholes }: Draft): Finding[] {
  const zones = [...networks.map(({ name }) => name), 'wan', 'router', 'containers']
  const ip = parseIp(value)
  if (isMac(value)) {
    const message = `no reservation is for ${value}: it may be in any network`
    return [{ path, message, fix: 'add a reservation for it under dhcp, or write an address' }]
  }
  if (ip && lowHalf(ip) !== undefined) {
    const known = pinholes.flatMap(({ interfaceId }) => (interfaceId ? [formatIp(interfaceId.value)] : []))
    const message = `no pinhole is for the interface identifier ${value}`
    return [{ path, message, fix: known.length > 0 ? `write ${either(known)}` : 'write a whole address' }]
  }
  if (parseIpOrCidr(value)) {
    const message = `${show(value)} is a prefix, and a check speaks of a zone or of one host`
    return [{ path, message, fix: `write ${either(zones)}, or an address` }]
  }
  const names = networks.flatMap(({ dhcp }) =>
    (dhcp?.reservations ?? []).flatMap(({ name }) => name?.value ?? []),
  )
  const near = suggest(value, [...zones, ...names])
  const message = `${show(value)} is no zone, no reservation and no address`
  return [
    {
      path,
      message,
      fix: near === undefined ? `write ${either(zones)}, or an address` : `did you mean ${near}?`,
    },
  ]
}

function contradiction(check: DraftCheck, before: readonly DraftCheck[]): Finding[] {
  if (!check.from || !check.to || check.expect === undefined) return []
  const other = before.find((earlier) => earlier.expect !== undefined && wordsOf(earlier) === wordsOf(check))
  if (!other) return []
  const entry = Number(other.path.at(-1)) + 1
  if (other.expect === check.expect) {
    const message = `entry ${entry} says this already`
    return [{ path: check.path, message, fix: 'remove one of the two', severity: 'warning' }]
  }
  const message = `entry ${entry} expects the opposite`
  return [{ path: [...check.path, 'expect'], message, fix: 'decide for one of the two' }]
}

function wordsOf({ from, to, protocol, ports }: DraftCheck): string {
  const numbers = ports.map(({ value }) => portText(value)).toSorted()
  return JSON.stringify([from?.value, to?.value, protocol, numbers])
}
