import { isIPv4 } from 'node:net'
import { type End, findEnd, type Surroundings } from '../config/end.ts'
import type { Check } from '../config/schema.ts'
import {
  contains,
  formatIp,
  type Ip,
  overlaps,
  type Prefix,
  parseCidr,
  parseIp,
  parseIpOrCidr,
} from '../lib/ip.ts'
import type { DesiredState } from '../router/desired.ts'
import { sysctlsOf } from '../router/generated.ts'
import type { Network, Router } from '../router/model.ts'
import type { ModuleOutput } from '../router/module.ts'
import { FORWARDING_SYSCTLS } from '../router/render/sysctl.ts'
import { dockerRules } from './docker-rules.ts'
import type { TwinHost, TwinSpec } from './twin-spec.ts'

/*
 * The twin of a router as router.yaml says it should be, before anything of it exists: what a provider or Docker
 * chooses later is chosen here, from the documentation prefixes (RFC 5737, RFC 3849).
 */

export interface Subject {
  readonly router: Router
  readonly desired: DesiredState
  readonly outputs: ReadonlyMap<string, ModuleOutput>
  readonly checks: readonly Check[]
}

/** A host of the twin that probes go from or to. */
export interface Stand {
  readonly host: string
  readonly zone: string
  /** What one calls it: "laptop", "guest". */
  readonly label: string
  readonly v4?: string
  /** Of the Internet's prefixes, or unique local where there is no other. */
  readonly v6?: string
}

export interface Stage {
  readonly spec: TwinSpec
  /** The ordinary host of each zone but the router. */
  readonly stands: ReadonlyMap<string, Stand>
  /** The router's own addresses in each zone. */
  readonly own: ReadonlyMap<string, { readonly v4?: string; readonly v6?: string }>
  /** Where a packet goes that has this address: the zone. */
  zoneOf(address: string): string
  /** The host that has an address of this zone. */
  hostOf(address: string, zone: string): string
  /** The host that an end means; undefined for the router. */
  standOf(end: End): Stand | undefined
  readonly around: Surroundings
}

export const CONTAINER_DEVICE = 'br-5e615406a7e0'
const DOC4 = ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24']
const LINK6 = '2001:db8:fff0::'
const DELEGATED6 = '2001:db8:ff00::'
const INTERNET6 = '2001:db8:ffff::10'

interface Numbering {
  readonly wan4: string
  readonly wan4Length: number
  readonly gateway4: string
  readonly internet4: string
  readonly wan6?: string
  readonly gateway6?: string
}

/** Builds the stage on which the checks of a router are played. */
export function stageOf({ router, desired, outputs, checks }: Subject): Stage {
  const around = surroundingsOf(router)
  const numbering = numberingOf(router)
  const prefixes6 = new Map(router.networks.map((network) => [network.name, prefixes6Of(router, network)]))
  const wanted = mentioned(router, checks, around)
  const rooms = router.networks.map((network) =>
    roomOf(network, prefixes6.get(network.name) ?? [], wanted, router),
  )
  const pool = prefix(router.containerPool).first
  const container: Stand = {
    host: 'containers',
    zone: 'containers',
    label: 'containers',
    v4: formatIp({ version: 4, value: pool + 2n }),
  }
  const internet: Stand = {
    host: 'wan',
    zone: 'wan',
    label: 'wan',
    v4: numbering.internet4,
    ...(numbering.wan6 !== undefined && { v6: INTERNET6 }),
  }
  const stands = new Map([
    ...rooms.map(({ stand }) => [stand.zone, stand] as const),
    ['wan', internet] as const,
    ['containers', container] as const,
  ])
  const own = new Map<string, { v4?: string; v6?: string }>([
    ...router.networks.map((network) => {
      const [first] = prefixes6.get(network.name) ?? []
      return [network.name, { v4: network.address, ...(first && { v6: formatIp(at(first, 1n)) }) }] as const
    }),
    ['wan', { v4: numbering.wan4, ...(numbering.wan6 !== undefined && { v6: numbering.wan6 }) }] as const,
    ['containers', { v4: formatIp({ version: 4, value: pool + 1n }) }] as const,
  ])
  const gateway = own.get('containers')?.v4 ?? ''
  const nft = desired.files.find(({ path }) => path === 'sekisho.nft')?.text ?? ''
  const sysctls = [...sysctlsOf(desired.files)].map(([path, { value }]) => [path, value] as const)
  const forwarding = Object.entries(FORWARDING_SYSCTLS).map(
    ([key, value]) => [key.replaceAll('.', '/'), value] as const,
  )
  const all6 = [...prefixes6.values()].flat()
  const reserved = rooms.flatMap((room) => room.others)
  const holders = new Map(
    rooms.flatMap(({ hosts }) =>
      hosts.flatMap(({ name, addresses }) =>
        addresses.map((text) => [text.slice(0, text.indexOf('/')), name] as const),
      ),
    ),
  )
  const zonesOfAddress = [
    ...router.networks.map((network) => ({
      zone: network.name,
      prefixes: [prefix(network.prefix), ...(prefixes6.get(network.name) ?? [])],
    })),
    { zone: 'containers', prefixes: [prefix(router.containerPool)] },
  ]
  const mine = new Set([...own.values()].flatMap(({ v4, v6 }) => [v4, v6]))
  return {
    around,
    stands,
    own,
    zoneOf: (address) => {
      const ip = parseIp(address)
      if (!ip || mine.has(address)) return 'router'
      const found = zonesOfAddress.find(({ prefixes }) => prefixes.some((one) => contains(one, ip)))
      return found?.zone ?? 'wan'
    },
    hostOf: (address, zone) => holders.get(address) ?? zone,
    standOf: (end) => {
      const stand = standOf(end, stands, reserved, prefixes6)
      const address = stand?.v4 ?? stand?.v6
      const holder = address === undefined ? undefined : holders.get(address)
      return stand && holder !== undefined ? { ...stand, host: holder } : stand
    },
    spec: {
      devices: [
        {
          name: router.wan.device,
          addresses: [
            `${numbering.wan4}/${numbering.wan4Length}`,
            ...(numbering.wan6 === undefined ? [] : [`${numbering.wan6}/64`]),
          ],
        },
        ...router.networks.map((network) => ({
          name: network.device,
          addresses: [
            `${network.address}/${network.prefixLength}`,
            ...(prefixes6.get(network.name) ?? []).map((one) => `${formatIp(at(one, 1n))}/64`),
          ],
        })),
        { name: CONTAINER_DEVICE, addresses: [`${gateway}/24`] },
      ],
      hosts: [
        {
          name: 'wan',
          device: router.wan.device,
          addresses: [
            `${numbering.gateway4}/${numbering.wan4Length}`,
            ...(numbering.gateway6 === undefined ? [] : [`${numbering.gateway6}/64`]),
          ],
          behind: [
            ...new Set([
              `${numbering.internet4}/32`,
              ...(numbering.wan6 === undefined ? [] : [`${INTERNET6}/128`]),
              ...wanted.outside
                .filter((address) => isIPv4(address) || numbering.wan6 !== undefined)
                .map((address) => `${address}/${isIPv4(address) ? 32 : 128}`),
            ]),
          ],
          // A careless neighbour: what is for our inside goes straight to us.
          routes: [
            ...[...router.networks.map((network) => network.prefix), router.containerPool].map(
              (inside) => `${inside} via ${numbering.wan4}`,
            ),
            ...(numbering.wan6 === undefined
              ? []
              : all6.map((inside) => `${formatIp(at(inside, 0n))}/64 via ${numbering.wan6}`)),
          ],
        },
        ...rooms.flatMap(({ hosts }) => hosts),
        {
          name: 'containers',
          device: CONTAINER_DEVICE,
          addresses: [`${container.v4}/24`],
          behind: [],
          routes: [`default via ${gateway}`],
        },
      ],
      routes: [
        `default via ${numbering.gateway4} dev ${router.wan.device} onlink`,
        ...(numbering.gateway6 === undefined
          ? []
          : [`default via ${numbering.gateway6} dev ${router.wan.device} onlink`]),
        ...(router.ulaPrefix === undefined ? [] : [`unreachable ${router.ulaPrefix}`]),
      ],
      sysctls: Object.fromEntries([...sysctls, ...forwarding]),
      rulesets: [
        { what: 'the firewall', argv: ['nft', '-f', '-'], text: nft },
        {
          what: "Docker's rules",
          argv: ['nft', '-f', '-'],
          text: dockerRules(outputs, CONTAINER_DEVICE, container.v4 ?? '', router.containerPool),
        },
      ],
    },
  }
}

function prefix(text: string): Prefix {
  const cidr = parseIpOrCidr(text)
  if (!cidr) throw new Error(`${JSON.stringify(text)} is no prefix`)
  return cidr.prefix
}

function at({ version, first }: Prefix, offset: bigint): Ip {
  return { version, value: first + offset }
}

/** What is known of a router for finding the ends that people name. */
export function surroundingsOf(router: Router): Surroundings {
  return {
    networks: router.networks.map((network) => ({
      name: network.name,
      prefixes: [
        prefix(network.prefix),
        ...[network.ula, network.global].flatMap((one) => (one ? [prefix(one.prefix)] : [])),
      ],
      own: [network.address, network.ula?.address, network.global?.address].flatMap(
        (text) => (text === undefined ? undefined : parseIp(text)) ?? [],
      ),
      reservations: (network.dhcp?.reservations ?? []).map(({ name, mac, address }) => {
        const ip = parseIp(address)
        return { name, mac, ...(ip && { ip }) }
      }),
    })),
    pinholes: router.firewall.pinholes.flatMap(({ network, interface_id }) => {
      const ip = parseIp(interface_id)
      return ip ? [{ network, interfaceId: ip.value }] : []
    }),
  }
}

function numberingOf(router: Router): Numbering {
  const { wan, networks, containerPool } = router
  const { config } = wan
  const named = namedPrefixes(router)
  const taken = [...networks.map((network) => network.prefix), containerPool].map(prefix)
  if (config.mode === 'static') taken.push(prefix(config.address))
  const free = DOC4.map(prefix).filter((one) => !taken.some((other) => overlaps(one, other)))
  const [link = prefix('100.64.0.0/24'), far = prefix('100.64.1.0/24')] = free
  const learned = {
    wan6: `${LINK6}2`,
    gateway6: `${LINK6}1`,
  }
  if (config.mode !== 'static') {
    return {
      wan4: formatIp(at(link, 2n)),
      wan4Length: 24,
      gateway4: formatIp(at(link, 1n)),
      internet4: internetAddress([far, ...free.slice(2)], named),
      ...(wan.ipv6 && learned),
    }
  }
  const address = parseCidr(config.address)
  const address6 = config.address6 === undefined ? undefined : parseCidr(config.address6)
  const six =
    address6 && config.gateway6 !== undefined
      ? { wan6: formatIp(address6.ip), gateway6: config.gateway6 }
      : learned
  return {
    wan4: address ? formatIp(address.ip) : '',
    wan4Length: address?.prefix.length ?? 24,
    gateway4: config.gateway,
    internet4: internetAddress([...free, far], named),
    ...(wan.ipv6 && six),
  }
}

/** An address of the Internet; if there is one, none that a rule names. */
function internetAddress(prefixes: readonly Prefix[], named: readonly Prefix[]): string {
  const candidates = prefixes.flatMap((one) => [10n, 130n, 250n].map((offset) => at(one, offset)))
  const best = candidates.find((ip) => !named.some((one) => contains(one, ip))) ?? candidates[0]
  if (!best) throw new Error('no prefix for the Internet')
  return formatIp(best)
}

/** The /64s that a network has, the Internet's first. */
function prefixes6Of({ wan }: Router, { subnetId, ula, global }: Network): Prefix[] {
  const learns = wan.ipv6 && (wan.config.mode !== 'static' || wan.config.gateway6 === undefined)
  const delegated = prefix(`${DELEGATED6}/48`)
  return [
    ...(global && wan.ipv6 ? [prefix(global.prefix)] : []),
    ...(learns && !global ? [prefix(`${formatIp(at(delegated, BigInt(subnetId) << 64n))}/64`)] : []),
    ...(ula ? [prefix(ula.prefix)] : []),
  ]
}

interface Wanted {
  /** Addresses of the Internet that rules or checks name. */
  readonly outside: readonly string[]
  readonly inside: readonly Ip[]
  /** MAC addresses of devices that count as themselves. */
  readonly macs: ReadonlySet<string>
}

/** The addresses and devices that rules and checks speak of: somebody must have them. */
function mentioned({ firewall, networks }: Router, checks: readonly Check[], around: Surroundings): Wanted {
  const ends = checks.flatMap(({ from, to }) => [from, to]).flatMap((text) => findEnd(text, around) ?? [])
  const hosts = ends.flatMap((end) => (end.kind === 'host' ? [end] : []))
  const rules = [...firewall.allow, ...firewall.deny, ...firewall.forwards].flatMap((entry) => [
    entry.source,
    ...('destination' in entry ? [entry.destination] : []),
  ])
  const addresses = [
    ...rules.flatMap((text) => witnessOf(text) ?? []),
    ...firewall.forwards.flatMap(({ to }) => parseIp(to) ?? []),
    ...hosts.flatMap(({ ip, mac }) => (ip && mac === undefined ? [ip] : [])),
  ]
  const reservations = networks.flatMap(({ dhcp }) => dhcp?.reservations ?? [])
  const named = firewall.deny.flatMap(({ source = '' }) => {
    const mac = reservations.find(({ name }) => name === source)?.mac
    return mac ?? (/^[0-9a-f:]{17}$/i.test(source) && !parseIp(source) ? source.toLowerCase() : [])
  })
  const inside = addresses.filter((ip) =>
    around.networks.some(({ prefixes }) => prefixes.some((one) => contains(one, ip))),
  )
  return {
    inside,
    outside: [...new Set(addresses.filter((ip) => !inside.includes(ip)).map(formatIp))],
    macs: new Set([...named, ...hosts.flatMap(({ mac }) => mac ?? [])]),
  }
}

/** An address that a rule's address or prefix means; of a prefix neither the first nor one near it, which may be a router's. */
export function witnessOf(text: string | undefined): Ip | undefined {
  const cidr = text === undefined ? undefined : parseIpOrCidr(text)
  if (!cidr) return undefined
  const { first, last, version } = cidr.prefix
  return { version, value: first + (last - first + 1n) / 2n }
}

interface Room {
  readonly stand: Stand
  readonly hosts: readonly TwinHost[]
  readonly others: readonly (Stand & { readonly mac: string })[]
}

/** The hosts of a network: an ordinary one that has every address nobody else has, and those known by their MAC address. */
function roomOf(network: Network, prefixes6: readonly Prefix[], wanted: Wanted, router: Router): Room {
  const { name: zone, device, address, prefixLength } = network
  const reservations = network.dhcp?.reservations ?? []
  const home = prefix(network.prefix)
  const taken = new Set([address, ...reservations.map((one) => one.address)])
  const named = namedPrefixes(router)
  const macs = [...wanted.macs].filter(
    (mac) =>
      reservations.some((one) => one.mac === mac) ||
      // One without a reservation is where a rule says it is.
      (!router.networks.some(({ dhcp }) => dhcp?.reservations.some((one) => one.mac === mac)) &&
        (router.networks.length === 1 ||
          router.firewall.deny.some(({ from, source }) => from === zone && source?.toLowerCase() === mac))),
  )
  const others = macs.map((mac) => {
    const reservation = reservations.find((one) => one.mac === mac)
    const v4 = reservation?.address ?? freeAddress(network, taken, named)
    if (v4 !== undefined) taken.add(v4)
    const addresses6 = prefixes6.map((one) => formatIp(at(one, eui64(mac))))
    return { mac, host: `${zone} ${mac}`, zone, label: reservation?.name ?? mac, v4, addresses6 }
  })
  const held = new Set(
    others.flatMap(({ v4, addresses6 }) => [...(v4 === undefined ? [] : [v4]), ...addresses6]),
  )
  const fixed = wanted.inside
    .filter((ip) => [home, ...prefixes6].some((one) => contains(one, ip)))
    .map(formatIp)
    .filter((text) => text !== address && !held.has(text))
  const holes = router.firewall.pinholes
    .filter((pinhole) => pinhole.network === zone)
    .flatMap(({ interface_id }) => {
      const low = parseIp(interface_id)
      return low ? prefixes6.map((one) => formatIp(at(one, low.value))) : []
    })
    .filter((text) => !held.has(text))
  for (const text of fixed) taken.add(text)
  const v4 = freeAddress(network, taken, named)
  const own6 = prefixes6.map((one) => formatIp(at(one, 0x5e00_0000_5e10_0001n)))
  const length = (text: string) => `${text}/${isIPv4(text) ? prefixLength : 64}`
  const routes = [
    `default via ${address}`,
    ...(prefixes6[0] ? [`default via ${formatIp(at(prefixes6[0], 1n))}`] : []),
  ]
  const ordinary = [...new Set([...(v4 === undefined ? [] : [v4]), ...own6, ...fixed, ...holes])]
  return {
    stand: {
      host: zone,
      zone,
      label: zone,
      ...(v4 !== undefined && { v4 }),
      ...(own6[0] !== undefined && { v6: own6[0] }),
    },
    hosts: [
      { name: zone, device, addresses: ordinary.map(length), behind: [], routes },
      ...others.map(({ host, mac, v4: four, addresses6 }) => ({
        name: host,
        device,
        mac,
        addresses: [...(four === undefined ? [] : [four]), ...addresses6].map(length),
        behind: [],
        routes,
      })),
    ],
    others: others.map(({ addresses6, v4: four, ...stand }) => ({
      ...stand,
      ...(four !== undefined && { v4: four }),
      ...(addresses6[0] !== undefined && { v6: addresses6[0] }),
    })),
  }
}

/** What rules speak of by address: an ordinary host is better none of these. */
function namedPrefixes({ firewall }: Router): Prefix[] {
  const { allow, deny, forwards } = firewall
  const texts = [...allow, ...deny].flatMap(({ source, destination }) => [source, destination])
  return [...texts, ...forwards.map(({ source }) => source)].flatMap((text) => {
    return (text === undefined ? undefined : parseIpOrCidr(text)?.prefix) ?? []
  })
}

/**
 * An address that a host may well have: of a pool, or any; if there is one, none that a rule names. Undefined in a network that
 * is full.
 */
function freeAddress(
  { prefix: text, dhcp }: Network,
  taken: ReadonlySet<string>,
  named: readonly Prefix[],
): string | undefined {
  const { first, last } = prefix(text)
  const begins = [...(dhcp?.pools ?? []).flatMap((pool) => parseIp(pool.first)?.value ?? []), first + 1n]
  for (const avoided of [named, []]) {
    for (const begin of begins) {
      // A pool of a large network need not be looked through to its end.
      for (let value = begin; value < last && value < begin + 1024n; value++) {
        const ip: Ip = { version: 4, value }
        const candidate = formatIp(ip)
        if (!taken.has(candidate) && !avoided.some((one) => contains(one, ip))) return candidate
      }
    }
  }
  return undefined
}

/** The interface identifier that a host makes of its MAC address (RFC 4291 appendix A). */
function eui64(mac: string): bigint {
  const bytes = mac.split(':').map((byte) => Number.parseInt(byte, 16))
  const [one = 0, two = 0, three = 0, ...rest] = bytes
  const id = [one ^ 2, two, three, 0xff, 0xfe, ...rest]
  return id.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}

function standOf(
  end: End,
  stands: ReadonlyMap<string, Stand>,
  others: readonly (Stand & { readonly mac: string })[],
  prefixes6: ReadonlyMap<string, readonly Prefix[]>,
): Stand | undefined {
  const room = stands.get(end.zone)
  if (end.kind === 'zone' || !room) return room
  if (end.mac !== undefined && end.ip?.version !== 6) {
    const known = others.find(({ mac, zone }) => mac === end.mac && zone === end.zone)
    if (known && (end.name !== undefined || end.ip === undefined)) return known
    // By its address one means just that.
    if (known) return { ...withoutV6(known), label: formatIp(end.ip ?? { version: 4, value: 0n }) }
  }
  const { host, zone } = room
  if (end.interfaceId !== undefined) {
    const [first] = prefixes6.get(zone) ?? []
    const label = formatIp({ version: 6, value: end.interfaceId })
    return first ? { host, zone, label, v6: formatIp(at(first, end.interfaceId)) } : { host, zone, label }
  }
  if (!end.ip) return room
  const text = formatIp(end.ip)
  return { host, zone, label: text, ...(end.ip.version === 4 ? { v4: text } : { v6: text }) }
}

function withoutV6({ host, zone, label, v4 }: Stand): Stand {
  return { host, zone, label, ...(v4 !== undefined && { v4 }) }
}
