import { contains, overlaps, type Prefix } from '../lib/ip.ts'
import type { Condition, PortSpan } from './iptables.ts'
import { type OldZones, zonesOf } from './zones.ts'

/** What a rule matches of the connections from one zone to another. */
export interface Flow {
  /** "all", "tcp", "udp", "icmp" or another protocol's name. */
  readonly protocol: string
  readonly dports?: readonly PortSpan[]
  readonly source?: Prefix
  readonly destination?: Prefix
  readonly mac?: string
  readonly icmpType?: string
  /** Only what DNAT has translated. */
  readonly translated?: boolean
}

export type Resolved =
  | { readonly kind: 'flow'; readonly flow: Flow }
  /** Nothing between these zones. */
  | { readonly kind: 'none' }
  /** Only packets of connections that are under way, or of none. */
  | { readonly kind: 'established' | 'invalid' }
  | { readonly kind: 'unknown'; readonly why: string }

export interface Between {
  readonly from: string
  /** Absent for what is for the router itself, and before it is routed. */
  readonly to?: string
}

/** What is left of conditions between two zones. */
export function resolve(conditions: readonly Condition[], zones: OldZones, between: Between): Resolved {
  let flow: Flow = { protocol: 'all' }
  for (const condition of conditions) {
    const next = narrow(flow, condition, zones, between)
    if (next.kind !== 'flow') return next
    flow = next.flow
  }
  if (flow.dports !== undefined && !['tcp', 'udp'].includes(flow.protocol))
    return { kind: 'unknown', why: 'it has ports and neither tcp nor udp' }
  return { kind: 'flow', flow }
}

const NONE: Resolved = { kind: 'none' }

function narrow(flow: Flow, condition: Condition, zones: OldZones, { from, to }: Between): Resolved {
  const same: Resolved = { kind: 'flow', flow }
  const { not } = condition
  switch (condition.kind) {
    case 'in':
      return zonesOf(zones, condition.device).includes(from) === not ? NONE : same
    case 'out':
      if (to === undefined) return not ? same : NONE
      return zonesOf(zones, condition.device).includes(to) === not ? NONE : same
    case 'protocol':
      return protocol(flow, condition.protocol, not)
    case 'dports': {
      const ports = not ? complement(condition.ports) : condition.ports
      const dports = flow.dports === undefined ? ports : meet(flow.dports, ports)
      return dports.length === 0 ? NONE : { kind: 'flow', flow: { ...flow, dports } }
    }
    case 'sports':
      return isEverything(condition.ports) && !not
        ? same
        : { kind: 'unknown', why: 'rules here have no source ports' }
    case 'source':
      return address(flow, 'source', condition, zones, from)
    case 'destination':
      return to === undefined
        ? ownAddress(flow, condition, zones)
        : address(flow, 'destination', condition, zones, to)
    case 'states':
      return states(flow, condition.states, not)
    case 'dst-type':
      // What comes to the router's chain is for one of its addresses, but for what everybody gets.
      if (condition.type === 'LOCAL') return (to === undefined) === not ? NONE : same
      return not ? same : { kind: 'unknown', why: `rules here do not ask for --dst-type ${condition.type}` }
    case 'src-type':
      return { kind: 'unknown', why: 'rules here do not ask for --src-type' }
    case 'icmp-type':
      return not || flow.icmpType !== undefined
        ? { kind: 'unknown', why: 'rules here know one type of ICMP' }
        : { kind: 'flow', flow: { ...flow, icmpType: condition.type } }
    case 'mac':
      return not
        ? { kind: 'unknown', why: 'all MAC addresses but one' }
        : { kind: 'flow', flow: { ...flow, mac: condition.mac } }
  }
}

function protocol(flow: Flow, name: string, not: boolean): Resolved {
  if (not) {
    return name === 'all' || flow.protocol === name
      ? NONE
      : flow.protocol === 'all'
        ? { kind: 'unknown', why: `all protocols but ${name}` }
        : { kind: 'flow', flow }
  }
  if (name === 'all') return { kind: 'flow', flow }
  if (flow.protocol !== 'all' && flow.protocol !== name) return NONE
  return { kind: 'flow', flow: { ...flow, protocol: name } }
}

function states(flow: Flow, names: readonly string[], not: boolean): Resolved {
  const known = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED', 'DNAT', 'SNAT']
  const has = (name: string) => names.includes(name) !== not
  if (names.some((name) => !known.includes(name))) return { kind: 'unknown', why: `state ${names.join(',')}` }
  if (has('NEW')) return { kind: 'flow', flow }
  if (!not && names.includes('DNAT')) return { kind: 'flow', flow: { ...flow, translated: true } }
  if (has('ESTABLISHED') || has('RELATED')) return { kind: 'established' }
  return { kind: 'invalid' }
}

/** An address on the side of a zone: what is everything there is no condition, and what is not there matches nothing. */
function address(
  flow: Flow,
  side: 'source' | 'destination',
  { prefix, not }: { readonly prefix: Prefix; readonly not: boolean },
  zones: OldZones,
  zone: string,
): Resolved {
  const same: Resolved = { kind: 'flow', flow }
  const home = zones.networks.find(({ name }) => name === zone)?.prefix
  // Everything that lies there, or nothing of it. On the WAN lies what is in none of the networks: else it is spoofed.
  const all = prefix.length === 0 || (home !== undefined && contains(prefix, home))
  const none =
    home === undefined
      ? zones.networks.some((network) => contains(network.prefix, prefix))
      : !overlaps(prefix, home)
  if (all) return not ? NONE : same
  if (none) return not ? same : NONE
  if (not) return { kind: 'unknown', why: `all addresses of ${zone} but some` }
  return narrowed(flow, side, prefix)
}

/** An address of the router itself; on the WAN it is whatever the provider gives. */
function ownAddress(
  flow: Flow,
  { prefix, not }: { readonly prefix: Prefix; readonly not: boolean },
  { networks }: OldZones,
): Resolved {
  const same: Resolved = { kind: 'flow', flow }
  if (prefix.length === 0) return not ? NONE : same
  const isHosts =
    networks.some((network) => contains(network.prefix, prefix)) &&
    !networks.some((network) => contains(prefix, network.address))
  if (isHosts) return not ? same : NONE
  return not
    ? { kind: 'unknown', why: "all of the router's addresses but some" }
    : narrowed(flow, 'destination', prefix)
}

function narrowed(flow: Flow, side: 'source' | 'destination', prefix: Prefix): Resolved {
  const before = flow[side]
  if (before !== undefined && !overlaps(before, prefix)) return NONE
  const narrower = before !== undefined && contains(prefix, before) ? before : prefix
  return { kind: 'flow', flow: { ...flow, [side]: narrower } }
}

function isEverything(ports: readonly PortSpan[]): boolean {
  return complement(ports).length === 0
}

/** The ports from 1 on that are in none of the spans. */
export function complement(ports: readonly PortSpan[]): PortSpan[] {
  const rest: PortSpan[] = []
  let next = 1
  for (const { from, to } of joined(ports)) {
    if (from > next) rest.push({ from: next, to: from - 1 })
    next = Math.max(next, to + 1)
  }
  return next <= 65_535 ? [...rest, { from: next, to: 65_535 }] : rest
}

/** Spans in order, those that touch as one. */
export function joined(ports: readonly PortSpan[]): PortSpan[] {
  const spans: PortSpan[] = []
  for (const span of ports.toSorted((a, b) => a.from - b.from)) {
    const last = spans.at(-1)
    if (last && span.from <= last.to + 1)
      spans[spans.length - 1] = { from: last.from, to: Math.max(last.to, span.to) }
    else spans.push(span)
  }
  return spans
}

function meet(a: readonly PortSpan[], b: readonly PortSpan[]): PortSpan[] {
  return joined(
    a.flatMap((one) =>
      b.flatMap((other) => {
        const from = Math.max(one.from, other.from)
        const to = Math.min(one.to, other.to)
        return from <= to ? [{ from, to }] : []
      }),
    ),
  )
}

/** Whether some connection is matched by both. */
export function meets(a: Flow, b: Flow): boolean {
  return (
    (a.protocol === 'all' || b.protocol === 'all' || a.protocol === b.protocol) &&
    (!a.dports || !b.dports || meet(a.dports, b.dports).length > 0) &&
    (!a.source || !b.source || overlaps(a.source, b.source)) &&
    (!a.destination || !b.destination || overlaps(a.destination, b.destination)) &&
    (!a.mac || !b.mac || a.mac === b.mac)
  )
}

/** Whether every connection that the second matches is matched by the first. */
export function covers(a: Flow, b: Flow): boolean {
  return (
    (a.protocol === 'all' || a.protocol === b.protocol) &&
    (!a.dports || (b.dports !== undefined && meet(complement(a.dports), b.dports).length === 0)) &&
    (!a.source || (b.source !== undefined && contains(a.source, b.source))) &&
    (!a.destination || (b.destination !== undefined && contains(a.destination, b.destination))) &&
    (!a.mac || a.mac === b.mac) &&
    (!a.icmpType || a.icmpType === b.icmpType) &&
    (!a.translated || b.translated === true)
  )
}
