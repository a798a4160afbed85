import { type Acting, isDead, isLast } from './acting.ts'
import { complement, type Flow } from './flow.ts'
import type { MadeRules } from './made-rules.ts'
import type { ReportBook } from './report.ts'
import type { Fates } from './rule-fates.ts'

interface Context {
  /** Whether the policy lets pass what no rule decides. */
  readonly isOpen: boolean
  readonly made: MadeRules
  readonly fates: Fates
  readonly book: ReportBook
  readonly file: string
}

/** From a network to the Internet: open here in any case, so that what was closed becomes firewall.deny. */
export function importOutwards(from: string, acting: readonly Acting[], context: Context): void {
  const { isOpen, made, fates } = context
  for (const [i, { rule, flow, verdict }] of acting.entries()) {
    if (!rule) continue
    if (isDead(acting, i)) fates.carried(rule, `nothing from ${from} to the WAN gets as far as this rule`)
    else if (verdict === 'accept') fates.carried(rule, `${from} reaches the WAN`)
    else if (isLast(flow)) fates.carried(rule, `firewall.deny has what else ${from} may not send to the WAN`)
    else made.addDeny(from, 'wan', { rule, flow }, acting.slice(0, i))
  }
  const end = acting.findIndex(({ flow, verdict }) => verdict === 'drop' && isLast(flow))
  if (isOpen && end < 0) return
  closeRest(from, end < 0 ? acting : acting.slice(0, end), context)
}

/** Only some connections were let out: the others are refused, as far as that can be said. */
function closeRest(from: string, acting: readonly Acting[], { made, book, file }: Context): void {
  const accepts = acting.filter(({ verdict }) => verdict === 'accept').map(({ flow }) => flow)
  const deny = (flow: Flow) => made.addDeny(from, 'wan', { rule: undefined, flow })
  if (accepts.some(isLast)) return
  if (accepts.length === 0) {
    deny({ protocol: 'all' })
    return
  }
  if (accepts.some(({ source, destination, mac }) => source || destination || mac)) {
    const why = `only some hosts or targets were let out; here ${from} reaches all of the WAN but what firewall.deny names`
    book.add('left', file, `what ${from} may not send to the WAN`, why)
    return
  }
  for (const protocol of ['tcp', 'udp'] as const) {
    const own = accepts.filter((flow) => flow.protocol === protocol)
    if (own.some(({ dports }) => dports === undefined)) continue
    const dports = complement(own.flatMap(({ dports: spans }) => spans ?? []))
    if (dports.length > 0) deny({ protocol, ...(own.length > 0 && { dports }) })
  }
  if (!accepts.some(({ protocol }) => protocol === 'icmp')) deny({ protocol: 'icmp' })
  const what = `protocols other than tcp, udp and icmp from ${from} to the WAN`
  book.add('left', file, what, 'they were dropped, and pass here')
}
