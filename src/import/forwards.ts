import { contains, formatIp, type Prefix, parseIp, prefixOf } from '../lib/ip.ts'
import { covers, type Flow, joined, meets, resolve } from './flow.ts'
import type { IptablesRule, PortSpan } from './iptables.ts'
import type { FlatRule } from './iptables-flat.ts'
import { portText, prefixText } from './made-rules.ts'
import { type Noted, noted } from './noted.ts'
import type { Fates } from './rule-fates.ts'
import { whyOf } from './rule-why.ts'
import type { OldZones } from './zones.ts'

interface Surroundings {
  readonly zones: OldZones
  readonly fates: Fates
  /** Whether the policy of FORWARD lets pass what no rule decides. */
  readonly isOpen: boolean
}

interface Target {
  readonly text: string
  readonly host: Prefix
  readonly network: string
  readonly port?: number
}

/** firewall.forwards: DNAT from the WAN, where the FORWARD chain let it through. */
export function importForwards(
  nat: readonly FlatRule[],
  forward: readonly FlatRule[],
  around: Surroundings,
): Noted[] {
  const { zones, fates } = around
  const made = new Map<string, Noted>()
  const inside: { rule: IptablesRule; key: string }[] = []
  for (const { rule, conditions, verdict, unknown } of nat) {
    if (fates.isAside(rule)) continue
    if (verdict !== 'translate' || rule.target !== 'DNAT') {
      fates.left(rule, `router.yaml has nothing for ${rule.target} before routing`)
      continue
    }
    const target = targetOf(rule, zones)
    if (typeof target === 'string') {
      fates.left(rule, target)
      continue
    }
    // Whatever address of the WAN it names: it may be another one today.
    const own = conditions.filter(({ kind }) => kind !== 'destination')
    const resolved = resolve(own, zones, { from: 'wan' })
    const key = destinationOf(rule)
    if (resolved.kind === 'none') inside.push({ rule, key })
    else if (resolved.kind !== 'flow' || unknown !== undefined)
      fates.left(
        rule,
        resolved.kind === 'unknown' ? resolved.why : `${unknown ?? 'its state'} is not understood`,
      )
    else
      for (const entry of forwardsOf(rule, resolved.flow, target, forward, around)) {
        made.set(JSON.stringify({ ...(entry.of as object), why: '' }), entry)
        fates.carried(rule, `firewall.forwards to ${target.text}`)
      }
  }
  for (const { rule, key } of inside) {
    const isKnown = [...made.values()].some(({ note }) => note?.includes(key))
    if (isKnown) fates.carried(rule, "a port forward is reached from inside too, under the WAN's address")
    else fates.left(rule, 'only ports of the WAN are forwarded')
  }
  return [...made.values()]
}

function destinationOf({ options }: IptablesRule): string {
  return options.get('--to-destination') ?? options.get('--to') ?? ''
}

/** Where a DNAT leads; or why that is no port forward. */
function targetOf(rule: IptablesRule, zones: OldZones): Target | string {
  const to = destinationOf(rule)
  const match = /^(\d+\.\d+\.\d+\.\d+)(?::(\d{1,5})(?:-(\d{1,5}))?)?$/.exec(to)
  const ip = parseIp(match?.[1] ?? '')
  if (!match || !ip) return 'a forward leads to one IPv4 address'
  if (match[3] !== undefined && match[3] !== match[2])
    return 'a forward leads to one port, or keeps the ports'
  const network = zones.networks.find(({ prefix }) => contains(prefix, ip))
  if (!network) return `${formatIp(ip)} is in none of the networks`
  const port = match[2] === undefined ? {} : { port: Number(match[2]) }
  return { text: to, host: prefixOf(ip, 32), network: network.name, ...port }
}

function forwardsOf(
  rule: IptablesRule,
  flow: Flow,
  target: Target,
  forward: readonly FlatRule[],
  { zones, fates, isOpen }: Surroundings,
): Noted[] {
  if (flow.protocol !== 'tcp' && flow.protocol !== 'udp') {
    fates.left(rule, 'a forward is of tcp or udp')
    return []
  }
  if (!flow.dports) {
    fates.left(rule, 'a forward needs ports: this one would take every connection of the WAN address')
    return []
  }
  return joined(flow.dports).flatMap((ports): Noted[] => {
    const inner: PortSpan = target.port === undefined ? ports : { from: target.port, to: target.port }
    const passed: Flow = {
      protocol: flow.protocol,
      dports: [inner],
      destination: target.host,
      translated: true,
      ...(flow.source && { source: flow.source }),
    }
    const sources = passing(passed, target.network, forward, { zones, fates, isOpen })
    if (sources === undefined) {
      fates.left(rule, 'the FORWARD chain did not let it through, or not all of it')
      return []
    }
    const isSame = target.port === undefined || (ports.from === ports.to && target.port === ports.from)
    return sources.map((source) => ({
      of: {
        port: noted(portText(ports)),
        ...(flow.protocol !== 'tcp' && { protocol: noted(flow.protocol) }),
        to: noted(formatIp({ version: 4, value: target.host.first })),
        ...(!isSame && target.port !== undefined && { to_port: noted(target.port) }),
        ...(source && { source: noted(prefixText(source)) }),
        why: noted(whyOf(rule)),
      },
      flow: true,
      note: `iptables:${rule.line} ${rule.text}`,
    }))
  })
}

/** The sources from which a translated connection passed FORWARD; undefined means all; nothing when it did not. */
function passing(
  wanted: Flow,
  network: string,
  forward: readonly FlatRule[],
  { zones, fates, isOpen }: Surroundings,
): (Prefix | undefined)[] | undefined {
  const sources: Prefix[] = []
  for (const { rule, conditions, verdict, unknown } of forward) {
    if (fates.isAside(rule)) continue
    const resolved = resolve(conditions, zones, { from: 'wan', to: network })
    if (resolved.kind !== 'flow' || !meets(resolved.flow, wanted)) {
      // What is not understood may have dropped it.
      if (resolved.kind === 'unknown' && verdict === 'drop') return undefined
      continue
    }
    fates.forwarded(rule)
    if (unknown !== undefined) {
      if (verdict === 'drop') return undefined
      continue
    }
    if (covers(resolved.flow, wanted)) {
      if (verdict === 'accept') {
        fates.carried(rule, 'firewall.forwards pass')
        return [wanted.source]
      }
      fates.carried(rule, `nothing from the WAN reaches ${network} but port forwards`)
      return sources.length > 0 ? sources : undefined
    }
    const { source } = resolved.flow
    const narrowed = source && covers(withoutSource(resolved.flow), withoutSource(wanted))
    // Some of its sources: accepted before the others are dropped.
    if (narrowed && verdict === 'accept') {
      fates.carried(rule, 'firewall.forwards pass, from this source')
      sources.push(source)
    } else if (verdict === 'drop') return undefined
  }
  if (isOpen) return [wanted.source]
  return sources.length > 0 ? sources : undefined
}

function withoutSource(flow: Flow): Flow {
  const { source: _, ...rest } = flow
  return rest
}
