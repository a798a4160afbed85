import { isIPv4 } from 'node:net'
import type { End, Surroundings } from '../config/end.ts'
import type { Check } from '../config/schema.ts'
import { contains, formatIp, type Prefix, parseIp } from '../lib/ip.ts'
import type { DesiredState } from '../router/desired.ts'
import { sysctlsOf } from '../router/generated.ts'
import type { Router } from '../router/model.ts'
import type { ModuleOutput } from '../router/module.ts'
import { FORWARDING_SYSCTLS } from '../router/render/sysctl.ts'
import { dockerRules } from './docker-rules.ts'
import { at, INTERNET6, numberingOf, prefix, prefixes6Of } from './numbering.ts'
import { mentioned, roomOf, type Stand } from './room.ts'
import type { TwinSpec } from './twin-spec.ts'

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

const CONTAINER_DEVICE = 'br-5e615406a7e0'

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
