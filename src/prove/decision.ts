import type { RuleText } from './rule-text.ts'
import type { Outcome, PacketSummary, TraceEvent } from './twin-spec.ts'

/** A rule as people are told of it. */
export interface Decider {
  readonly family: string
  readonly table: string
  readonly chain: string
  /** "core", a module's name, or the section of router.yaml that asked for it; absent in tables that are not ours. */
  readonly module?: string
  readonly reason?: string
  /** The rule's text; "policy drop" where none of a chain's rules decided. */
  readonly rule: string
}

/** What decided over a packet on its way through the tables. */
export interface Decision {
  /** The rule that stopped it. */
  readonly refusedBy?: Decider
  /** The last rule of a filter that let it pass. */
  readonly passedBy?: Decider
  /** Rules that changed its addresses or ports. */
  readonly translatedBy: readonly Decider[]
  /** The packet as it came in, and as it was when it was last seen. */
  readonly before?: PacketSummary
  readonly after?: PacketSummary
}

const TRANSLATES = /\b(dnat|snat|masquerade|redirect)\b/i
/** Ends that many rules lead to: the one that led there has the reason. */
const ENDS = /^(drop|refuse)_/

/** Reads a trace with the rules that it names. */
export function decide({ trace }: Pick<Outcome, 'trace'>, rules: readonly RuleText[]): Decision {
  const of = (event: TraceEvent) => deciderOf(event, rules)
  const stopped = trace.findLast(({ verdict }) => verdict === 'drop')
  const cause = stopped && leadingTo(stopped, trace)
  const accepted = trace.filter(({ kind, verdict }) => kind === 'rule' && verdict === 'accept').map(of)
  const passed = accepted.filter(({ rule }) => !TRANSLATES.test(rule))
  const packets = trace.flatMap(({ packet }) => packet ?? [])
  const [before] = packets
  const after = packets.at(-1)
  const passedBy = passed.findLast(({ table }) => table === 'sekisho') ?? passed.at(-1)
  return {
    ...(cause && { refusedBy: of(cause) }),
    ...(passedBy && !stopped && { passedBy }),
    translatedBy: accepted.filter(({ rule }) => TRANSLATES.test(rule)),
    ...(before && { before }),
    ...(after && { after }),
  }
}

/** A shared end says that something was refused; the rule that led there says why. */
function leadingTo(stopped: TraceEvent, trace: readonly TraceEvent[]): TraceEvent {
  if (!ENDS.test(stopped.chain)) return stopped
  const until = trace.indexOf(stopped)
  return (
    trace.slice(0, until).findLast(({ verdict, target, table }) => {
      return verdict === 'goto' && target === stopped.chain && table === stopped.table
    }) ?? stopped
  )
}

function deciderOf(
  { family, table, chain, kind, handle, verdict }: TraceEvent,
  rules: readonly RuleText[],
): Decider {
  const where = { family, table, chain }
  if (kind !== 'rule') return { ...where, rule: `policy ${verdict}` }
  const found = rules.find(
    (rule) =>
      rule.family === family && rule.table === table && rule.chain === chain && rule.handle === handle,
  )
  if (!found) return { ...where, rule: `rule ${handle}` }
  const [, module, reason] = table === 'sekisho' ? (/^([^:]+): (.*)$/.exec(found.comment ?? '') ?? []) : []
  return {
    ...where,
    rule: found.text,
    ...(module !== undefined && { module }),
    ...(reason !== undefined ? { reason } : found.comment !== undefined && { reason: found.comment }),
  }
}

/** A rule in a line: "firewall.allow: projector (chain forward_guest: oifname "br-home" … accept)". */
export function deciderText({ family, table, chain, module, reason, rule }: Decider): string {
  const where = table === 'sekisho' ? `chain ${chain}` : `table ${family} ${table}, chain ${chain}`
  const words = module === undefined ? (reason ?? '') : `${module}: ${reason ?? ''}`
  return words === '' ? `${where}: ${rule}` : `${words} (${where}: ${rule})`
}
