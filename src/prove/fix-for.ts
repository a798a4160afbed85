import { isIPv6 } from 'node:net'
import { findEnd } from '../config/end.ts'
import type { Check } from '../config/schema.ts'
import { type Subject, surroundingsOf } from './candidate.ts'
import type { Decider } from './decision.ts'
import type { Failure } from './prove.ts'

/** How router.yaml would have to change for a check to hold, as far as its first failure tells. */
export function fixFor(check: Check, failure: Failure, subject: Subject): string {
  return check.expect === 'blocked' ? close(check, failure, subject) : open(check, failure, subject)
}

function close(check: Check, { probe, decision }: Failure, subject: Subject): string {
  const by = decision.passedBy
  const denial = `add ${denyEntry(check, subject)} to firewall.deny`
  switch (by?.module) {
    case 'firewall.allow':
    case 'firewall.forwards':
    case 'firewall.pinholes':
      return `remove or narrow ${entryText(by, subject)}`
    case 'router_access':
      return `take ${by.reason?.includes('ping') ? 'ping' : 'ssh'} out of networks.${check.from}.router_access`
    case 'core':
    case undefined:
      if (probe.protocol === 'icmp' && check.from === 'wan')
        return `IPv6 pings come in as RFC 4890 asks: write "protocol: tcp+udp", or add ${denyEntry({ ...check, protocol: 'icmp' }, subject)} to firewall.deny`
      return `${denial}, or expect it to be reached`
    default:
      return `${denial}: the module ${by?.module} opened it`
  }
}

function open(check: Check, { probe, decision, arrived }: Failure, subject: Subject): string {
  const by = decision.refusedBy
  if (by?.module === 'firewall.deny') return `remove or narrow ${entryText(by, subject)}`
  if (arrived !== undefined && by === undefined) return 'correct the rule that sends it there, or the check'
  const port = probe.port === undefined ? '' : `, protocol: ${probe.protocol}, ports: [${probe.port}]`
  const inward =
    check.from === 'wan' ||
    !subject.router.networks.some(({ name }) => name === zoneName(check.from, subject))
  if (check.to === 'router') {
    const ssh = probe.protocol === 'tcp' && probe.port === 22 && check.from !== 'wan'
    return ssh
      ? `add ssh to networks.${zoneName(check.from, subject)}.router_access`
      : `add { from: ${zoneName(check.from, subject)}, to: router${port} } to firewall.allow`
  }
  if (inward && isIPv6(probe.source)) {
    const id = probe.destination
    return `open the ports of that host with firewall.pinholes (its interface_id is the low half of ${id})`
  }
  if (inward && probe.port !== undefined && check.to !== 'containers')
    return `add { port: ${probe.port}, protocol: ${probe.protocol}, to: ${/^[\d.]+$/.test(check.to) ? check.to : '<its address>'} } to firewall.forwards`
  const entry = `{ from: ${zoneName(check.from, subject)}, to: ${zoneName(check.to, subject)}${port} }`
  return `add ${entry} to firewall.allow`
}

function denyEntry({ from, to, protocol, ports }: Check, subject: Subject): string {
  const zone = zoneName(from, subject)
  const numbers = (ports ?? []).map((range) =>
    range.from === range.to ? range.from : `${range.from}-${range.to}`,
  )
  const parts = [
    `from: ${zone}`,
    ...(zone === from ? [] : [`source: ${from}`]),
    `to: ${to}`,
    ...(protocol === 'any' ? [] : [`protocol: ${protocol}`]),
    ...(numbers.length > 0 ? [`ports: [${numbers.join(', ')}]`] : []),
  ]
  return `{ ${parts.join(', ')} }`
}

/** The zone that an end of a check is in. */
function zoneName(end: string, subject: Subject): string {
  return findEnd(end, surroundingsOf(subject.router))?.zone ?? end
}

/** "entry 2 of firewall.allow", by its comment. */
function entryText({ module = '', reason }: Decider, { router }: Subject): string {
  const section = module.replace('firewall.', '')
  const { firewall } = router
  const words: readonly string[] =
    section === 'allow'
      ? firewall.allow.map(({ why, from, to }) => why || `${from} to ${to}`)
      : section === 'deny'
        ? firewall.deny.map(({ why, from, to }) => why || `${from} to ${to ?? 'everything'}`)
        : section === 'forwards'
          ? firewall.forwards.map(({ why, to }) => why || `to ${to}`)
          : firewall.pinholes.map(
              ({ why, interface_id, network }) => why || `to ${interface_id} in ${network}`,
            )
  const entries = words.flatMap((text, i) => (text === reason ? [i + 1] : []))
  return entries.length === 1 ? `entry ${entries[0]} of ${module}` : `the entry "${reason}" of ${module}`
}
