import { actingIn } from './acting.ts'
import { importAcross, importInwards } from './firewall-across.ts'
import { leaveAside, natRest, outputRest, policies } from './firewall-aside.ts'
import { importInput, SERVICES } from './firewall-input.ts'
import { importOutwards } from './firewall-outwards.ts'
import { importForwards } from './forwards.ts'
import type { Iptables, IptablesTable } from './iptables.ts'
import { flatten } from './iptables-flat.ts'
import { MadeRules } from './made-rules.ts'
import type { Noted } from './noted.ts'
import type { ReportBook } from './report.ts'
import { Fates } from './rule-fates.ts'
import type { OldZones } from './zones.ts'

/** What an iptables file becomes in router.yaml. */
export interface ImportedFirewall {
  /** router_access of the networks. */
  readonly access: ReadonlyMap<string, readonly string[]>
  readonly allow: readonly Noted[]
  readonly deny: readonly Noted[]
  readonly forwards: readonly Noted[]
}

/**
 * Says in router.yaml's words what the rules say. Where a rule cannot be said, the result lets less through and not more,
 * except for refusals that cannot be said; the report names each rule with its line, and what became of it.
 */
export function importFirewall(iptables: Iptables, zones: OldZones, book: ReportBook): ImportedFirewall {
  const { file, tables } = iptables
  const fates = new Fates(iptables)
  for (const { name, rules } of tables) for (const rule of rules) leaveAside(name, rule, zones, fates)
  const tableOf = (name: string): IptablesTable =>
    tables.find((table) => table.name === name) ?? { name, policies: new Map(), rules: [] }
  const filter = tableOf('filter')
  const nat = tableOf('nat')
  const chain = (table: IptablesTable, name: string) =>
    flatten(table, name, (rule, why) => (why === 'docker' ? fates.docker(rule) : fates.other(rule, why)))
  // A chain that the file does not name lets everything pass, as the kernel begins.
  const isOpen = (name: string) => filter.policies.get(name)?.policy !== 'DROP'

  const names = zones.networks.map(({ name }) => name)
  const made = new MadeRules(names, fates)
  const input = chain(filter, 'INPUT')
  const forward = chain(filter, 'FORWARD')
  const context = { isOpen: isOpen('FORWARD'), made, fates, book, file, zones }
  importInput('wan', actingIn(input, zones, { from: 'wan' }, fates), made, fates)
  for (const from of names) {
    const acting = actingIn(input, zones, { from }, fates)
    importInput(from, isOpen('INPUT') ? [...acting, ...SERVICES] : acting, made, fates)
  }
  // A rule about addresses or ports alone is not meant for containers.
  const named = input.filter(({ conditions }) => conditions.some(({ kind }) => kind === 'in'))
  importInput('containers', actingIn(named, zones, { from: 'containers' }, fates), made, fates)
  const forwards = importForwards(chain(nat, 'PREROUTING'), forward, context)
  for (const from of names) {
    importOutwards(from, actingIn(forward, zones, { from, to: 'wan' }, fates), context)
    for (const to of names.filter((name) => name !== from))
      importAcross(from, to, actingIn(forward, zones, { from, to }, fates), context)
  }
  importInwards(zones, forward, fates)
  natRest(chain(nat, 'POSTROUTING'), zones, fates)
  outputRest(chain(filter, 'OUTPUT'), fates)
  outputRest(chain(nat, 'OUTPUT'), fates)
  policies(filter, isOpen, zones, book, iptables)
  fates.report(book)
  const access = new Map([...made.access].map(([name, services]) => [name, [...services].sort().reverse()]))
  return { access, allow: made.allow, deny: made.deny, forwards }
}
