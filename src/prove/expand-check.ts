import { isIPv4 } from 'node:net'
import { type End, findEnd } from '../config/end.ts'
import type { Check, PortRange } from '../config/schema.ts'
import { isPrivate } from '../config/special-ipv4.ts'
import { formatIp, parseIpOrCidr } from '../lib/ip.ts'
import type { Opening } from '../router/module.ts'
import type { Stage, Subject } from './candidate.ts'
import { type Stand, witnessOf } from './room.ts'
import { type Probe, type ProbeProtocol, ROUTER } from './twin-spec.ts'

/*
 * A check says something of many packets. Which of them are sent: what is ordinary, and for each rule that may have a
 * word in it the packets at the edges of that rule.
 */

/** A packet, and where it must arrive to count as having reached. */
export interface Trial {
  readonly probe: Probe
  readonly target: Goal
}

interface Goal {
  readonly zone: string
  /** Of a host: its addresses. */
  readonly addresses?: readonly string[]
  readonly label: string
}

/** Where a packet may come from or go to, for one IP version. */
interface Place {
  readonly host: string
  readonly address: string
}

/** Ordinary ones, and a high one that nothing is known for. */
const PORTS = [22, 53, 80, 443, 8080, 51_413]

/** The packets that a check is proved with. Throws for an end that check-checks.ts would have refused. */
export function trialsOf(check: Check, stage: Stage, subject: Subject): Trial[] {
  const from = endOf(check.from, stage)
  const to = endOf(check.to, stage)
  const sender = stage.standOf(from)
  if (!sender) throw new Error(`${check.from} sends nothing`)
  const rules = rulesBetween(from.zone, to.zone, subject, stage)
  const goal = goalOf(to, stage)
  const trials: Trial[] = []
  const seen = new Set<string>()
  const add = (
    source: Place,
    destination: Place,
    protocols: readonly ProbeProtocol[],
    ports: readonly number[],
  ) => {
    if (isIPv4(source.address) !== isIPv4(destination.address)) return
    for (const protocol of protocols) {
      for (const port of protocol === 'icmp' ? [undefined] : ports) {
        const probe: Probe = {
          from: source.host,
          source: source.address,
          destination: destination.address,
          protocol,
          ...(port !== undefined && { port }),
        }
        const key = JSON.stringify(probe)
        if (!seen.has(key)) trials.push({ probe, target: goal })
        seen.add(key)
      }
    }
  }
  const covered = rules.flatMap(({ ports }) => ports)
  for (const source of placesOf(sender)) {
    for (const destination of destinationsOf(check, { from, to, stage, subject }))
      add(source, destination, protocolsOf(check.protocol), portsOf(check, covered))
  }
  for (const rule of rules) {
    const sources = from.kind === 'zone' && rule.source ? [rule.source] : placesOf(sender)
    const destinations =
      to.kind === 'zone' && rule.destination
        ? [rule.destination]
        : destinationsOf(check, { from, to, stage, subject })
    const protocols = protocolsOf(check.protocol).filter((one) => protocolsOf(rule.protocol).includes(one))
    const ports = portsOf(check, rule.ports).filter(
      (port) => rule.ports.length === 0 || rule.ports.some((range) => range.from <= port && port <= range.to),
    )
    for (const source of sources)
      for (const destination of destinations) add(source, destination, protocols, ports)
  }
  return trials
}

function endOf(text: string, stage: Stage): End {
  const end = findEnd(text, stage.around)
  if (!end) throw new Error(`${JSON.stringify(text)} is nobody`)
  return end
}

function goalOf(to: End, stage: Stage): Goal {
  const stand = stage.standOf(to)
  if (to.kind === 'zone' || !stand) return { zone: to.zone, label: to.zone }
  const host = stage.spec.hosts.find(({ name }) => name === stand.host)
  const all = (host?.addresses ?? []).map((text) => text.slice(0, text.indexOf('/')))
  // A device with a MAC address of its own is all of its addresses.
  const addresses = host?.mac === undefined || !stand.v6 ? placesOf(stand).map(({ address }) => address) : all
  return { zone: to.zone, addresses, label: stand.label }
}

function placesOf({ host, v4, v6 }: Stand): Place[] {
  return [v4, v6].flatMap((address) => (address === undefined ? [] : [{ host, address }]))
}

interface Between {
  readonly from: End
  readonly to: End
  readonly stage: Stage
  readonly subject: Subject
}

/**
 * Where the packets are sent. From the WAN to a private address this is the WAN's address, whose ports are forwarded;
 * what must be blocked is also sent straight inside, as a neighbour on the provider's link can.
 */
function destinationsOf({ expect }: Check, { from, to, stage, subject }: Between): Place[] {
  const own = (zone: string) => {
    const { v4, v6 } = stage.own.get(zone) ?? {}
    return [v4, v6].flatMap((address) => (address === undefined ? [] : [{ host: ROUTER, address }]))
  }
  if (to.zone === ROUTER) {
    if (expect === 'reached') return own(from.zone)
    return [from.zone, ...[...stage.own.keys()].filter((zone) => zone !== from.zone)].flatMap(own)
  }
  const stand = stage.standOf(to)
  const direct = stand ? placesOf(stand) : []
  const published = own(from.zone).filter(({ address }) => isIPv4(address))
  if (to.zone === 'containers') return expect === 'blocked' ? [...published, ...direct] : published
  if (from.zone !== 'wan') return direct
  const network = subject.router.networks.find(({ name }) => name === to.zone)
  const cidr = network && parseIpOrCidr(network.prefix)
  if (!cidr || !isPrivate(cidr.prefix)) return direct
  const hasV4 = direct.some(({ address }) => isIPv4(address))
  const through = hasV4 ? published : []
  return expect === 'blocked'
    ? [...through, ...direct]
    : [...through, ...direct.filter(({ address }) => !isIPv4(address))]
}

function protocolsOf(protocol: Check['protocol']): ProbeProtocol[] {
  switch (protocol) {
    case 'any':
      return ['tcp', 'udp', 'icmp']
    case 'tcp+udp':
      return ['tcp', 'udp']
    default:
      return [protocol]
  }
}

/** The ends of what the check names, and of each range within it that a rule names. */
function portsOf({ ports }: Check, ranges: readonly PortRange[]): number[] {
  const edges = ranges.flatMap(({ from, to }) => [from, to])
  if (!ports) return [...new Set([...PORTS, ...edges])]
  const within = edges.filter((port) => ports.some(({ from, to }) => from <= port && port <= to))
  return [...new Set([...ports.flatMap(({ from, to }) => [from, to]), ...within])]
}

/** A rule of router.yaml as far as it matters which packets meet it. */
interface Edges {
  readonly protocol: Check['protocol']
  readonly ports: readonly PortRange[]
  readonly source?: Place
  readonly destination?: Place
}

function rulesBetween(from: string, to: string, { router, outputs }: Subject, stage: Stage): Edges[] {
  const { firewall } = router
  const network = router.networks.find(({ name }) => name === to)
  const sourceOf = (zone: string, text: string | undefined) => placeOf(stage, router, zone, text)
  const entries = [
    ...firewall.allow.filter((entry) => entry.from === from && entry.to === to),
    ...firewall.deny.filter((entry) => entry.from === from && (entry.to ?? to) === to),
  ]
  const forwards = from === 'wan' && network ? firewall.forwards : []
  const pinholes = from === 'wan' ? firewall.pinholes.filter((pinhole) => pinhole.network === to) : []
  return [
    ...entries.map(({ protocol, ports = [], source, destination }) => ({
      protocol,
      ports,
      ...optional('source', sourceOf(from, source)),
      ...optional('destination', placeOf(stage, router, to, destination)),
    })),
    ...forwards.map(({ protocol, port, source }) => ({
      protocol,
      ports: [port],
      ...optional('source', sourceOf('wan', source)),
    })),
    ...pinholes.map(({ protocol, ports, interface_id }) => ({
      protocol,
      ports,
      ...optional('destination', holeOf(to, interface_id, stage)),
    })),
    ...openingsOf(outputs, from, to).map(({ protocol, port }) => ({
      protocol,
      ports: [{ from: port, to: port }],
    })),
  ]
}

function optional<K extends string>(key: K, place: Place | undefined): Partial<Record<K, Place>> {
  return (place ? { [key]: place } : {}) as Partial<Record<K, Place>>
}

function placeOf(
  stage: Stage,
  router: Subject['router'],
  zone: string,
  text: string | undefined,
): Place | undefined {
  if (text === undefined || zone === ROUTER) return undefined
  const reservations = router.networks.find(({ name }) => name === zone)?.dhcp?.reservations ?? []
  const device = reservations.find(({ name, mac }) => name === text || mac === text.toLowerCase())
  if (device) return { host: `${zone} ${device.mac}`, address: device.address }
  const ip = witnessOf(text)
  return ip && { host: stage.hostOf(formatIp(ip), zone), address: formatIp(ip) }
}

/** The host of a pinhole, in the network's first prefix. */
function holeOf(zone: string, interfaceId: string, stage: Stage): Place | undefined {
  const end = findEnd(interfaceId, stage.around)
  const stand = end && stage.standOf(end)
  return stand?.v6 === undefined || stand.zone !== zone ? undefined : { host: zone, address: stand.v6 }
}

function openingsOf(outputs: Subject['outputs'], from: string, to: string): Opening[] {
  if (to !== ROUTER && to !== 'containers') return []
  return [...outputs.values()]
    .flatMap(({ openings }) => openings)
    .filter(
      (opening) =>
        opening.from === from || (opening.from === 'networks' && from !== 'wan' && from !== 'containers'),
    )
}
