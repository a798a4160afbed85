import { isIPv4 } from 'node:net'
import { findEnd, type Surroundings } from '../config/end.ts'
import type { Check } from '../config/schema.ts'
import { contains, formatIp, type Ip, type Prefix, parseIp, parseIpOrCidr } from '../lib/ip.ts'
import type { Network, Router } from '../router/model.ts'
import { at, namedPrefixes, prefix } from './numbering.ts'
import type { TwinHost } from './twin-spec.ts'

/*
 * Who is in a network of the twin: somebody for each address and device that rules and checks speak of.
 */

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

export interface Wanted {
  /** Addresses of the Internet that rules or checks name. */
  readonly outside: readonly string[]
  readonly inside: readonly Ip[]
  /** MAC addresses of devices that count as themselves. */
  readonly macs: ReadonlySet<string>
}

/** The addresses and devices that rules and checks speak of: somebody must have them. */
export function mentioned(
  { firewall, networks }: Router,
  checks: readonly Check[],
  around: Surroundings,
): Wanted {
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

export interface Room {
  readonly stand: Stand
  readonly hosts: readonly TwinHost[]
  readonly others: readonly (Stand & { readonly mac: string })[]
}

/** The hosts of a network: an ordinary one that has every address nobody else has, and those known by their MAC address. */
export function roomOf(network: Network, prefixes6: readonly Prefix[], wanted: Wanted, router: Router): Room {
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
