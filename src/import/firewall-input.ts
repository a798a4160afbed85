import { type Acting, isDead } from './acting.ts'
import { joined, meets } from './flow.ts'
import type { IptablesRule } from './iptables.ts'
import { isEcho, type MadeRules } from './made-rules.ts'
import type { Fates } from './rule-fates.ts'

/** Of all that an open chain lets the networks do on the router, what router_access has a word for. */
export const SERVICES: readonly Acting[] = [
  { rule: undefined, flow: { protocol: 'tcp', dports: [{ from: 22, to: 22 }] }, verdict: 'accept' },
  { rule: undefined, flow: { protocol: 'icmp' }, verdict: 'accept' },
]

/** What a zone may do on the router itself, of the INPUT chain: router_access, firewall.allow and firewall.deny. */
export function importInput(zone: string, acting: readonly Acting[], made: MadeRules, fates: Fates): void {
  for (const [i, { rule, flow, verdict }] of acting.entries()) {
    if (!rule) {
      if (!isDead(acting, i)) made.addAccess(zone, flow.protocol === 'icmp' ? 'ping' : 'ssh', rule)
    } else if (isDead(acting, i)) fates.carried(rule, `nothing from ${zone} gets as far as this rule`)
    else if (verdict === 'accept') accept(zone, { rule, flow }, made, fates)
    else {
      const isNeeded = acting.slice(i + 1).some((next) => next.verdict === 'accept' && meets(next.flow, flow))
      const isNarrow = flow.source !== undefined || flow.mac !== undefined
      if (isNeeded || (isNarrow && zone !== 'wan'))
        made.addDeny(zone, 'router', { rule, flow }, acting.slice(0, i))
      else fates.carried(rule, `${zone} reaches nothing of the router that is not allowed`)
    }
  }
}

function accept(
  zone: string,
  { rule, flow }: { readonly rule: IptablesRule; readonly flow: Acting['flow'] },
  made: MadeRules,
  fates: Fates,
): void {
  const isPlain = !flow.source && !flow.destination && !flow.mac
  const isNetwork = made.access.has(zone)
  if (flow.protocol === 'icmp' && flow.icmpType !== undefined && !isEcho(flow.icmpType)) {
    fates.carried(rule, 'ICMP that belongs to a connection passes')
  } else if (isNetwork && isPlain && flow.protocol === 'icmp') {
    made.addAccess(zone, 'ping', rule)
  } else if (zone === 'wan' && isPlain && !flow.dports && flow.protocol !== 'icmp') {
    fates.left(rule, 'it opens every port of the router to the Internet; name ports under firewall.allow')
  } else {
    const ports = flow.dports && joined(flow.dports)
    const isSsh = ({ from, to }: { from: number; to: number }) => from === 22 && to === 22
    const hasSsh = isNetwork && isPlain && flow.protocol === 'tcp' && ports?.some(isSsh) === true
    if (hasSsh) made.addAccess(zone, 'ssh', rule)
    const dports = hasSsh ? ports.filter((span) => !isSsh(span)) : ports
    if (dports?.length !== 0)
      made.addAllow(zone, 'router', { rule, flow: { ...flow, ...(dports && { dports }) } })
  }
}
