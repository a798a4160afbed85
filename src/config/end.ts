import { contains, type Ip, type Prefix, parseIp } from '../lib/ip.ts'

/*
 * One end of what `checks` and `explain` speak of: "guest", "laptop", "10.0.0.20", "wan".
 */

export type End =
  | { readonly kind: 'zone'; readonly zone: string }
  | {
      readonly kind: 'host'
      readonly zone: string
      /** Of a reservation. */
      readonly name?: string
      readonly mac?: string
      readonly ip?: Ip
      /** The low 64 bits of its IPv6 addresses, whatever their prefix. */
      readonly interfaceId?: bigint
    }

/** What must be known of a router to find an end. */
export interface Surroundings {
  readonly networks: readonly {
    readonly name: string
    /** IPv4, and the IPv6 prefixes that are known. */
    readonly prefixes: readonly Prefix[]
    readonly own: readonly Ip[]
    readonly reservations: readonly { readonly name?: string; readonly mac?: string; readonly ip?: Ip }[]
  }[]
  readonly pinholes: readonly { readonly network: string; readonly interfaceId: bigint }[]
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/
const LOW = (1n << 64n) - 1n

/** Whether a text is a MAC address rather than an IPv6 address, as a person writes it. */
export function isMac(text: string): boolean {
  return MAC.test(text.toLowerCase())
}

/** The low half that an IPv6 address consists of; undefined when it has a high one. */
export function lowHalf(ip: Ip): bigint | undefined {
  return ip.version === 6 && ip.value !== 0n && ip.value <= LOW ? ip.value : undefined
}

/**
 * Finds the end that a text names: a zone before a reservation, an address by the network that it lies in, and an
 * address that lies in none is the Internet's. Undefined when it names nothing.
 */
export function findEnd(text: string, around: Surroundings): End | undefined {
  const zones = [...around.networks.map(({ name }) => name), 'wan', 'router', 'containers']
  if (zones.includes(text)) return { kind: 'zone', zone: text }
  for (const { name: zone, reservations } of around.networks) {
    const found = reservations.find(({ name, mac }) => name === text || mac === text.toLowerCase())
    if (found) return { kind: 'host', zone, ...found }
  }
  const [only] = around.networks
  if (isMac(text)) {
    // Of another device than those with a reservation nobody can know the network, but where there is one.
    const single = around.networks.length === 1 && only !== undefined
    return single ? { kind: 'host', zone: only.name, mac: text.toLowerCase() } : undefined
  }
  const ip = parseIp(text)
  if (!ip) return undefined
  if (around.networks.some(({ own }) => own.some((mine) => isSame(mine, ip))))
    return { kind: 'zone', zone: 'router' }
  const interfaceId = lowHalf(ip)
  if (interfaceId !== undefined) {
    const pinhole = around.pinholes.find((candidate) => candidate.interfaceId === interfaceId)
    return pinhole && { kind: 'host', zone: pinhole.network, interfaceId }
  }
  const home = around.networks.find(({ prefixes }) => prefixes.some((prefix) => contains(prefix, ip)))
  const reserved = home?.reservations.find((candidate) => candidate.ip && isSame(candidate.ip, ip))
  return {
    kind: 'host',
    zone: home?.name ?? 'wan',
    ip,
    ...(reserved?.mac !== undefined && { mac: reserved.mac }),
  }
}

function isSame(a: Ip, b: Ip): boolean {
  return a.version === b.version && a.value === b.value
}
