import { type Acting, actingIn, isDead, namesDevice } from './acting.ts'
import { meets } from './flow.ts'
import type { FlatRule } from './iptables-flat.ts'
import type { MadeRules } from './made-rules.ts'
import type { Fates } from './rule-fates.ts'
import type { OldZones } from './zones.ts'

interface Context {
  /** Whether the policy lets pass what no rule decides. */
  readonly isOpen: boolean
  readonly made: MadeRules
  readonly fates: Fates
}

/** Between two networks: closed here unless said otherwise. */
export function importAcross(
  from: string,
  to: string,
  acting: readonly Acting[],
  { isOpen, made, fates }: Context,
): void {
  const policy: Acting = { rule: undefined, flow: { protocol: 'all' }, verdict: 'accept' }
  const all = isOpen ? [...acting, policy] : acting
  for (const [i, { rule, flow, verdict }] of all.entries()) {
    const isNeeded = () =>
      all.slice(i + 1).some((next) => next.verdict === 'accept' && meets(next.flow, flow))
    if (isDead(all, i)) {
      if (rule) fates.carried(rule, `nothing from ${from} to ${to} gets as far as this rule`)
    } else if (verdict === 'accept') made.addAllow(from, to, { rule, flow })
    else if (isNeeded()) made.addDeny(from, to, { rule, flow }, all.slice(0, i))
    else if (rule) fates.carried(rule, `${from} does not reach ${to} without firewall.allow`)
  }
}

/** From the Internet to hosts: only what is forwarded, which importForwards has seen to. */
export function importInwards(zones: OldZones, forward: readonly FlatRule[], fates: Fates): void {
  for (const { name } of zones.networks)
    for (const { rule, verdict, flow } of actingIn(forward, zones, { from: 'wan', to: name }, fates)) {
      if (!rule || fates.isForwarded(rule)) continue
      if (verdict === 'drop') fates.carried(rule, `nothing from the WAN reaches ${name} but port forwards`)
      else if (flow.translated) fates.carried(rule, 'port forwards pass')
      else if (!namesDevice(rule)) fates.carried(rule, `from the WAN only port forwards reach ${name}`)
      else fates.left(rule, `from the WAN only port forwards reach ${name}: no port is forwarded to there`)
    }
}
