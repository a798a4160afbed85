import { formatIp, formatPrefix, type Prefix } from '../lib/ip.ts'
import type { Acting } from './acting.ts'
import { type Flow, joined, meets } from './flow.ts'
import type { IptablesRule } from './iptables.ts'
import { type Noted, type NotedMap, noted, row } from './noted.ts'
import type { Fates } from './rule-fates.ts'
import { whyOf } from './rule-why.ts'

/** What comes of the old rules, each entry once. */
export class MadeRules {
  /** router_access by network. */
  readonly access: ReadonlyMap<string, Set<string>>
  readonly allow: Noted[] = []
  readonly deny: Noted[] = []
  readonly #fates: Fates
  readonly #seen = new Set<string>()

  constructor(networks: readonly string[], fates: Fates) {
    this.access = new Map(networks.map((name) => [name, new Set()]))
    this.#fates = fates
  }

  addAccess(zone: string, service: 'ssh' | 'ping', rule: IptablesRule | undefined): void {
    this.access.get(zone)?.add(service)
    if (rule) this.#fates.carried(rule, `networks.${zone}.router_access: ${service}`)
  }

  addAllow(from: string, to: string, { rule, flow }: Pick<Acting, 'rule' | 'flow'>): void {
    const entry = flow.mac === undefined ? entryOf(from, to, flow) : undefined
    if (entry) {
      this.#put(this.allow, entry, rule)
      if (rule) this.#fates.carried(rule, `firewall.allow from ${from} to ${to}`)
    } else if (rule && flow.mac !== undefined)
      this.#fates.left(rule, 'firewall.allow knows no MAC addresses; use firewall.deny for the others')
    else if (rule) this.#fates.left(rule, `firewall.allow knows tcp, udp and icmp, and not ${flow.protocol}`)
  }

  /**
   * Into firewall.deny, which stands before everything that lets pass: what an earlier rule excepted is refused too, and
   * that is told.
   */
  addDeny(
    from: string,
    to: string,
    { rule, flow }: Pick<Acting, 'rule' | 'flow'>,
    before: readonly Acting[] = [],
  ): void {
    const entry = entryOf(from, to, flow)
    if (entry) this.#put(this.deny, entry, rule)
    if (!rule) return
    if (!entry) {
      this.#fates.left(rule, `firewall.deny knows tcp, udp and icmp, and not ${flow.protocol}`)
      return
    }
    this.#fates.carried(rule, `firewall.deny from ${from} to ${to}`)
    const why = `as an exception to line ${rule.line}: firewall.deny has none, so that is refused too`
    for (const { rule: exception, verdict, flow: excepted } of before)
      if (exception && verdict === 'accept' && meets(excepted, flow)) this.#fates.left(exception, why)
  }

  #put(list: Noted[], entry: NotedMap, rule: IptablesRule | undefined): void {
    const key = JSON.stringify([list === this.allow, entry])
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    const of = { ...entry, ...(rule && { why: noted(whyOf(rule)) }) }
    list.push({
      of,
      flow: true,
      note: rule ? `iptables:${rule.line} ${rule.text}` : 'the policy of the old chain',
    })
  }
}

/** Whether an ICMP type is that of a ping, or any. */
export function isEcho(type: string): boolean {
  return ['8', '8/0', 'echo-request', 'ping', 'any'].includes(type)
}

/** The keys of an entry of firewall.allow or firewall.deny; undefined for a protocol that those do not know. */
function entryOf(from: string, to: string, flow: Flow): NotedMap | undefined {
  const protocol = { all: 'any', tcp: 'tcp', udp: 'udp', icmp: 'icmp' }[flow.protocol]
  if (protocol === undefined || (flow.icmpType !== undefined && !isEcho(flow.icmpType))) return undefined
  const source = flow.mac ?? (flow.source && prefixText(flow.source))
  const ports = flow.dports && joined(flow.dports).map(portText)
  return {
    from: noted(from),
    to: noted(to),
    ...(protocol !== 'any' && { protocol: noted(protocol) }),
    ...(ports && { ports: row(ports) }),
    ...(source !== undefined && { source: noted(source) }),
    ...(flow.destination && { destination: noted(prefixText(flow.destination)) }),
  }
}

/** A port, or a range from 1 on. */
export function portText({ from, to }: { readonly from: number; readonly to: number }): number | string {
  const first = Math.max(1, from)
  return first === to ? first : `${first}-${to}`
}

/** A prefix; a single host without its length. */
export function prefixText(prefix: Prefix): string {
  return prefix.length === 32 ? formatIp({ version: 4, value: prefix.first }) : formatPrefix(prefix)
}
