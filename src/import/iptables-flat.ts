import type { Condition, IptablesRule, IptablesTable } from './iptables.ts'

/** A rule of a built-in chain as it acts, with the conditions of the jumps that lead to it. */
export interface FlatRule {
  readonly rule: IptablesRule
  readonly conditions: readonly Condition[]
  readonly verdict: 'accept' | 'drop' | 'translate'
  /** Why it matches less than its conditions say. */
  readonly unknown?: string | undefined
}

/** Chains that Docker makes, and fills anew at each start. */
export const DOCKER_CHAIN = /^DOCKER(-[A-Z0-9-]+)?$/

const MAX_DEPTH = 16
const MAX_FLAT = 2000
const TRANSLATIONS = new Set(['DNAT', 'SNAT', 'MASQUERADE', 'REDIRECT'])

/**
 * The rules of a built-in chain in the order in which packets meet them, user-defined chains in the place of the jumps to
 * them. Docker's chains are left out. `onOther` gets each rule whose target does something else, once.
 */
export function flatten(
  table: IptablesTable,
  chain: string,
  onOther: (rule: IptablesRule, why: string) => void,
): FlatRule[] {
  const flat: FlatRule[] = []
  const policy = table.policies.get(chain)?.policy === 'DROP' ? 'drop' : 'accept'
  const told = new Set<IptablesRule>()
  const other = (rule: IptablesRule, why: string) => {
    if (!told.has(rule)) onOther(rule, why)
    told.add(rule)
  }
  const byChain = Map.groupBy(table.rules, (rule) => rule.chain)

  function walk(
    name: string,
    above: readonly Condition[],
    unknownAbove: string | undefined,
    depth: number,
  ): void {
    let returned: string | undefined
    for (const rule of byChain.get(name) ?? []) {
      if (flat.length >= MAX_FLAT) {
        other(rule, `the chains lead to more than ${MAX_FLAT} rules`)
        return
      }
      const conditions = [...above, ...rule.conditions]
      const unknown = unknownAbove ?? rule.unknown ?? returned
      const add = (verdict: FlatRule['verdict']) => flat.push({ rule, conditions, verdict, unknown })
      const { target } = rule
      if (target === undefined) other(rule, 'it only counts')
      else if (target === 'ACCEPT') add('accept')
      else if (target === 'DROP' || target === 'REJECT') add('drop')
      else if (TRANSLATIONS.has(target)) add('translate')
      else if (target === 'RETURN') {
        if (depth === 0) add(policy)
        else if (rule.conditions.length === 0 && rule.unknown === undefined) return
        else returned = `it comes after the RETURN of line ${rule.line}, which takes some packets out`
      } else if (DOCKER_CHAIN.test(target)) other(rule, 'docker')
      else if (!byChain.has(target) && !table.policies.has(target)) other(rule, `target ${target}`)
      else if (depth >= MAX_DEPTH) other(rule, 'the chains lead to each other too deeply')
      else walk(target, conditions, unknown, depth + 1)
    }
  }

  walk(chain, [], undefined, 0)
  return flat
}
