import { type Between, covers, type Flow, resolve } from './flow.ts'
import type { IptablesRule } from './iptables.ts'
import type { FlatRule } from './iptables-flat.ts'
import type { Fates } from './rule-fates.ts'
import type { OldZones } from './zones.ts'

/** A rule as it acts on new connections between two zones. */
export interface Acting {
  /** Absent for the policy of the chain. */
  readonly rule: IptablesRule | undefined
  readonly flow: Flow
  readonly verdict: FlatRule['verdict']
}

/** What of a chain acts on new connections between two zones, in its order; the others' fates are told. */
export function actingIn(
  rules: readonly FlatRule[],
  zones: OldZones,
  between: Between,
  fates: Fates,
): Acting[] {
  return rules.flatMap((flat): Acting[] => {
    const { rule, conditions, verdict, unknown } = flat
    if (fates.isAside(rule)) return []
    const resolved = resolve(conditions, zones, between)
    if (resolved.kind === 'flow' && unknown === undefined) return [{ rule, flow: resolved.flow, verdict }]
    if (resolved.kind === 'flow') fates.left(rule, `${unknown} is not understood`)
    else if (resolved.kind === 'unknown') fates.left(rule, resolved.why)
    else if (resolved.kind === 'established') underWay(flat, fates)
    else if (resolved.kind === 'invalid') ofNone(flat, fates)
    return []
  })
}

function underWay({ rule, verdict }: FlatRule, fates: Fates): void {
  if (verdict === 'accept') fates.carried(rule, 'what belongs to a connection that was let in passes')
  else fates.left(rule, 'a connection that was let in is not cut')
}

function ofNone({ rule, verdict }: FlatRule, fates: Fates): void {
  if (verdict === 'drop') fates.carried(rule, 'packets of no connection are dropped')
  else fates.left(rule, 'packets of no connection are dropped')
}

/** Whether nothing gets as far as a rule, because one before it takes it all. */
export function isDead(acting: readonly Acting[], i: number): boolean {
  const flow = acting[i]?.flow
  return flow !== undefined && acting.slice(0, i).some((before) => covers(before.flow, flow))
}

/** Whether a rule takes whatever comes. */
export function isLast(flow: Flow): boolean {
  return covers(flow, { protocol: 'all' })
}

/** Whether a rule is about a port that packets come in by. */
export function namesDevice({ conditions }: IptablesRule): boolean {
  return conditions.some(({ kind }) => kind === 'in')
}
