import { z } from 'zod'
import { type Cidr, type Ip, parseCidr, parseIp, parseIpOrCidr } from '../lib/ip.ts'
import type { Path } from './finding.ts'
import * as schema from './schema.ts'

/*
 * What can be read of a file that may be half wrong: every value that is right by itself, with its path. The
 * semantic checks run on this, so that one wrong key hides no other mistake.
 */

/** A value and where it stands. */
export interface At<T> {
  readonly value: T
  readonly path: Path
}

export interface DraftMember {
  readonly port: string
  readonly vlan?: number
  readonly device: string
  readonly path: Path
}

export interface DraftPool {
  readonly first: bigint
  readonly last: bigint
  readonly path: Path
}

interface DraftReservation {
  readonly path: Path
  readonly name?: At<string> | undefined
  readonly mac?: At<string> | undefined
  readonly address?: At<Ip> | undefined
}

export interface DraftNetwork {
  readonly name: string
  readonly path: Path
  /** The name may belong to a zone. */
  readonly named: boolean
  readonly members: readonly DraftMember[]
  /** How many members the file lists, those that cannot be read too. */
  readonly memberCount: number
  readonly address?: At<Cidr> | undefined
  readonly subnetId?: At<number> | undefined
  readonly hasSubnetId: boolean
  readonly dhcp?: {
    readonly path: Path
    readonly pools: readonly DraftPool[]
    readonly reservations: readonly DraftReservation[]
  }
  readonly access?: readonly At<string>[] | undefined
}

export interface DraftWan {
  readonly path: Path
  readonly mode?: string | undefined
  readonly member?: DraftMember | undefined
  readonly ipv6?: At<string> | undefined
  readonly mtu?: At<number> | undefined
  readonly mac?: At<string> | undefined
  readonly address?: At<Cidr> | undefined
  readonly gateway?: At<Ip> | undefined
  readonly dns: readonly At<Ip>[]
  readonly address6?: At<Cidr> | undefined
  readonly gateway6?: At<Ip> | undefined
  readonly prefix6?: At<Cidr> | undefined
  /** The keys the file has, whether their values can be read or not. */
  readonly has: ReadonlySet<string>
}

/** What allow, deny and checks have in common. */
export interface DraftTraffic {
  readonly path: Path
  readonly from?: At<string> | undefined
  readonly to?: At<string> | undefined
  /** Absent when it cannot be read; the default when the file has none. */
  readonly protocol?: string | undefined
  readonly hasProtocol: boolean
  readonly hasPorts: boolean
  readonly ports: readonly At<schema.PortRange>[]
}

export interface DraftAllow extends DraftTraffic {
  readonly source?: At<Cidr> | undefined
  readonly destination?: At<Cidr> | undefined
  readonly hasAddresses: boolean
}

export interface DraftDeny extends DraftTraffic {
  /** As written: an address, a prefix, a MAC address or a name. */
  readonly source?: At<string> | undefined
  readonly destination?: At<Cidr> | undefined
}

export interface DraftCheck extends DraftTraffic {
  readonly expect?: string | undefined
}

export interface DraftForward {
  readonly path: Path
  readonly port?: At<schema.PortRange> | undefined
  readonly protocol?: string | undefined
  readonly to?: At<Ip> | undefined
  readonly toPort?: At<number> | undefined
  readonly hasSource: boolean
  readonly source?: At<Cidr> | undefined
}

export interface DraftPinhole {
  readonly path: Path
  readonly network?: At<string> | undefined
  readonly interfaceId?: At<Ip> | undefined
  readonly protocol?: string | undefined
  readonly ports: readonly At<schema.PortRange>[]
}

export interface Draft {
  readonly hostname?: At<string> | undefined
  readonly domain?: At<string> | undefined
  readonly timezone?: At<string> | undefined
  readonly ula?: At<Cidr> | undefined
  readonly wan: DraftWan
  readonly networks: readonly DraftNetwork[]
  /** The file has a mapping of networks, maybe empty. */
  readonly hasNetworks: boolean
  readonly allow: readonly DraftAllow[]
  readonly deny: readonly DraftDeny[]
  readonly forwards: readonly DraftForward[]
  readonly pinholes: readonly DraftPinhole[]
  readonly checks: readonly DraftCheck[]
}

/** Reads what can be read. */
export function draftOf(root: unknown): Draft {
  const file = record(root)
  const wan = record(file.wan)
  const firewall = record(file.firewall)
  const networks = record(file.networks)
  return {
    hostname: read(schema.HostLabel, file, 'hostname', []),
    domain: read(schema.DomainName, file, 'domain', []),
    timezone: read(z.string(), file, 'timezone', []),
    ula: parsed(read(schema.Ipv6Cidr, file, 'ula_prefix', []), parseCidr),
    wan: wanOf(wan),
    networks: Object.entries(networks).map(([name, value]) => networkOf(name, record(value))),
    hasNetworks: typeof file.networks === 'object' && file.networks !== null && !Array.isArray(file.networks),
    allow: list(firewall.allow).map((value, i) => allowOf(record(value), ['firewall', 'allow', i])),
    deny: list(firewall.deny).map((value, i) => denyOf(record(value), ['firewall', 'deny', i])),
    forwards: list(firewall.forwards).map((value, i) =>
      forwardOf(record(value), ['firewall', 'forwards', i]),
    ),
    pinholes: list(firewall.pinholes).map((value, i) =>
      pinholeOf(record(value), ['firewall', 'pinholes', i]),
    ),
    checks: list(file.checks).map((value, i) => checkOf(record(value), ['checks', i])),
  }
}

function wanOf(wan: Record<string, unknown>): DraftWan {
  const path = ['wan']
  const port = read(schema.InterfaceName, wan, 'interface', path)
  const vlan = read(Vlan, wan, 'vlan', path)
  return {
    path,
    mode: typeof wan.mode === 'string' ? wan.mode : undefined,
    member: port && memberOf(port.value, vlan?.value, vlan?.path ?? port.path),
    ipv6: read(z.string(), wan, 'ipv6', path),
    mtu: read(z.int(), wan, 'mtu_bytes', path),
    mac: read(schema.MacAddress, wan, 'mac', path),
    address: parsed(read(schema.Ipv4Cidr, wan, 'address', path), parseCidr),
    gateway: parsed(read(schema.Ipv4, wan, 'gateway', path), parseIp),
    dns: list(wan.dns).flatMap(
      (_, i) => parsed(read(schema.IpAddress, list(wan.dns), i, ['wan', 'dns']), parseIp) ?? [],
    ),
    address6: parsed(read(schema.Ipv6Cidr, wan, 'address6', path), parseCidr),
    gateway6: parsed(read(schema.Ipv6, wan, 'gateway6', path), parseIp),
    prefix6: parsed(read(schema.Ipv6Cidr, wan, 'prefix6', path), parseCidr),
    has: new Set(Object.keys(wan)),
  }
}

const Vlan = z.int().min(1).max(4094)

function memberOf(port: string, vlan: number | undefined, path: Path): DraftMember {
  return {
    port,
    device: vlan === undefined ? port : `${port}.${vlan}`,
    path,
    ...(vlan !== undefined && { vlan }),
  }
}

function networkOf(name: string, network: Record<string, unknown>): DraftNetwork {
  const path = ['networks', name]
  const interfaces = list(network.interfaces)
  const members = interfaces.flatMap((value, i) => {
    const at = [...path, 'interfaces', i]
    const plain = schema.InterfaceName.safeParse(value)
    if (plain.success) return memberOf(plain.data, undefined, at)
    const port = read(schema.InterfaceName, record(value), 'name', at)
    const vlan = read(Vlan, record(value), 'vlan', at)
    return port && vlan ? memberOf(port.value, vlan.value, vlan.path) : []
  })
  return {
    name,
    path,
    named: schema.NetworkName.safeParse(name).success,
    members,
    memberCount: interfaces.length,
    address: parsed(read(schema.Ipv4Cidr, network, 'address', path), parseCidr),
    subnetId: read(z.int().min(1).max(65_534), network, 'subnet_id', path),
    hasSubnetId: Object.hasOwn(network, 'subnet_id'),
    ...(Object.hasOwn(network, 'dhcp') && { dhcp: dhcpOf(record(network.dhcp), [...path, 'dhcp']) }),
    access: Array.isArray(network.router_access)
      ? network.router_access.flatMap(
          (_, i) => read(z.string(), list(network.router_access), i, [...path, 'router_access']) ?? [],
        )
      : undefined,
  }
}

function dhcpOf(dhcp: Record<string, unknown>, path: Path): NonNullable<DraftNetwork['dhcp']> {
  return {
    path,
    pools: list(dhcp.pools).flatMap((value, i) => {
      const [first, last, ...more] =
        typeof value === 'string' ? value.split('-').map((part) => parseIp(part.trim())) : []
      if (first?.version !== 4 || last?.version !== 4 || more.length > 0) return []
      return { first: first.value, last: last.value, path: [...path, 'pools', i] }
    }),
    reservations: list(dhcp.reservations).map((value, i) => {
      const at = [...path, 'reservations', i]
      const entry = record(value)
      return {
        path: at,
        name: read(schema.HostLabel, entry, 'name', at),
        mac: read(schema.MacAddress, entry, 'mac', at),
        address: parsed(read(schema.Ipv4, entry, 'address', at), parseIp),
      }
    }),
  }
}

function trafficOf(entry: Record<string, unknown>, path: Path): DraftTraffic {
  return {
    path,
    from: read(z.string(), entry, 'from', path),
    to: read(z.string(), entry, 'to', path),
    protocol: Object.hasOwn(entry, 'protocol')
      ? read(schema.Protocol, entry, 'protocol', path)?.value
      : 'any',
    hasProtocol: Object.hasOwn(entry, 'protocol'),
    hasPorts: Object.hasOwn(entry, 'ports'),
    ports: portsOf(entry.ports, [...path, 'ports']),
  }
}

function denyOf(deny: Record<string, unknown>, path: Path): DraftDeny {
  return {
    ...trafficOf(deny, path),
    source: read(z.string(), deny, 'source', path),
    destination: parsed(read(z.string(), deny, 'destination', path), parseIpOrCidr),
  }
}

function checkOf(check: Record<string, unknown>, path: Path): DraftCheck {
  return { ...trafficOf(check, path), expect: read(schema.Check.shape.expect, check, 'expect', path)?.value }
}

function allowOf(allow: Record<string, unknown>, path: Path): DraftAllow {
  return {
    ...trafficOf(allow, path),
    source: parsed(read(z.string(), allow, 'source', path), parseIpOrCidr),
    destination: parsed(read(z.string(), allow, 'destination', path), parseIpOrCidr),
    hasAddresses: Object.hasOwn(allow, 'source') || Object.hasOwn(allow, 'destination'),
  }
}

const Transport = z.enum(['tcp', 'udp', 'tcp+udp'])

function forwardOf(forward: Record<string, unknown>, path: Path): DraftForward {
  return {
    path,
    port: read(schema.PortRange, forward, 'port', path),
    protocol: Object.hasOwn(forward, 'protocol') ? read(Transport, forward, 'protocol', path)?.value : 'tcp',
    to: parsed(read(schema.Ipv4, forward, 'to', path), parseIp),
    toPort: read(schema.Port, forward, 'to_port', path),
    hasSource: Object.hasOwn(forward, 'source'),
    source: parsed(read(z.string(), forward, 'source', path), parseIpOrCidr),
  }
}

function pinholeOf(pinhole: Record<string, unknown>, path: Path): DraftPinhole {
  return {
    path,
    network: read(z.string(), pinhole, 'network', path),
    interfaceId: parsed(read(schema.Ipv6, pinhole, 'interface_id', path), parseIp),
    protocol: Object.hasOwn(pinhole, 'protocol') ? read(Transport, pinhole, 'protocol', path)?.value : 'tcp',
    ports: portsOf(pinhole.ports, [...path, 'ports']),
  }
}

function portsOf(value: unknown, path: Path): At<schema.PortRange>[] {
  return list(value).flatMap((_, i) => read(schema.PortRange, list(value), i, path) ?? [])
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The value under a key if the schema takes it. */
function read<T>(
  type: z.ZodType<T>,
  from: Readonly<Record<string, unknown>> | readonly unknown[],
  key: string | number,
  path: Path,
): At<T> | undefined {
  if (!Object.hasOwn(from, key)) return undefined
  const result = type.safeParse((from as Record<string | number, unknown>)[key])
  return result.success ? { value: result.data, path: [...path, key] } : undefined
}

function parsed<T, U>(at: At<T> | undefined, parse: (value: T) => U | undefined): At<U> | undefined {
  const value = at && parse(at.value)
  return at && value !== undefined ? { value, path: at.path } : undefined
}
