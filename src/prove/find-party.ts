import { isMac } from '../config/end.ts'
import { formatIp, type Ip, parseIp, parseIpOrCidr } from '../lib/ip.ts'
import type { Router } from '../router/model.ts'
import { isOwn, type Live, wayTo } from './live.ts'

/** A device that is known by name or MAC address, with addresses that it has. */
export interface KnownDevice {
  readonly name?: string
  readonly mac: string
  readonly addresses: readonly string[]
}

/** One end of a question: an address for each IP version that it has. */
export interface Party {
  readonly label: string
  readonly v4?: Ip
  readonly v6?: Ip
}

export interface Known {
  readonly live: Live
  /** The router in its own terms; absent when its router.yaml cannot be read. */
  readonly router?: Router | undefined
  readonly devices: readonly KnownDevice[]
}

/** Of the Internet, in turn: whichever the default route leads to (RFC 5737, RFC 3849). */
const INTERNET = ['198.51.100.10', '203.0.113.10', '192.0.2.10', '2001:db8:ffff::10', '2001:db8:fffe::10']
/** Bridges as Docker names them. */
const DOCKER = /^(docker0|br-[0-9a-f]{12})$/
/** A host that nobody has chosen. */
const HOST = 0x5e00_0000_5e10_0001n

/**
 * Whom a word means: an address, "router", "wan", "containers", a network, a reservation, or a device by its name or MAC
 * address. `other` is the other end: the router is asked at the address that faces it. The problem in words when
 * it means nobody.
 */
export function findParty(text: string, other: Party | undefined, known: Known): Party | string {
  const { live, router, devices } = known
  const ip = parseIp(text)
  if (ip) return partyOf(text, [ip])
  const network = router?.networks.find(({ name }) => name === text)
  if (text === 'router') return partyOf(text, facing(other, live))
  if (text === 'wan')
    return partyOf(
      text,
      INTERNET.flatMap((address) => viaDefault(address, live)),
    )
  if (network) return onDevice(text, network.device, live)
  if (text === 'containers') {
    const own = [router?.wan.device, ...(router?.networks ?? []).map(({ device }) => device)]
    // The bridge of the containers that router.yaml runs before Docker's default one, which may have none.
    const bridge = live.devices
      .filter(({ name, addresses }) => DOCKER.test(name) && !own.includes(name) && addresses.length > 0)
      .toSorted((a, b) => Number(a.name === 'docker0') - Number(b.name === 'docker0'))[0]
    return bridge ? onDevice(text, bridge.name, live) : 'no bridge of Docker is here. Fix: start Docker'
  }
  const reservation = router?.networks
    .flatMap(({ dhcp }) => dhcp?.reservations ?? [])
    .find(({ name, mac }) => name === text || mac === text.toLowerCase())
  const device = devices.find(({ name, mac }) => name === text || mac === text.toLowerCase())
  const addresses = [
    ...(reservation ? [reservation.address] : []),
    ...(device ?? devices.find(({ mac }) => mac === reservation?.mac) ?? { addresses: [] }).addresses,
  ].flatMap((address) => parseIp(address) ?? [])
  if (addresses.length > 0) return partyOf(text, addresses)
  if (device || isMac(text)) return `${text} has no address now. Fix: name an address`
  if (parseIpOrCidr(text)) return `${text} is a prefix. Fix: write one address in it`
  const zones = ['wan', 'router', 'containers', ...(router?.networks ?? []).map(({ name }) => name)]
  return `nobody is called ${JSON.stringify(text.slice(0, 40))}. Fix: write an address, a device of "sekisho devices", a name of DNS, or a zone: ${zones.join(', ')}`
}

/** The first IPv4 address and the first IPv6 address that is more than the link's, the Internet's before our own. */
export function partyOf(label: string, ips: readonly Ip[]): Party {
  const v4 = ips.find(({ version }) => version === 4)
  const six = ips.filter(({ version, value }) => version === 6 && value >> 118n !== 0x3fan)
  const v6 = six.find(({ value }) => value >> 121n !== 0x7en) ?? six[0]
  return { label, ...(v4 && { v4 }), ...(v6 && { v6 }) }
}

function viaDefault(address: string, live: Live): Ip[] {
  const ip = parseIp(address)
  const way = ip && wayTo(ip, live)
  // What has a way of its own is somebody's.
  return ip && way?.prefix.length === 0 && !isOwn(ip, live) ? [ip] : []
}

/** The router's addresses on the devices that lead to somebody. */
function facing(other: Party | undefined, live: Live): Ip[] {
  const ways = [other?.v4, other?.v6].flatMap((ip) =>
    ip && !isOwn(ip, live) ? [wayTo(ip, live)?.device] : [],
  )
  const near = live.devices.filter(({ name }) => ways.includes(name)).flatMap(({ addresses }) => addresses)
  const rest = live.devices.flatMap(({ addresses }) => addresses)
  return [...near, ...rest].map(({ ip }) => ip)
}

function onDevice(label: string, device: string, live: Live): Party | string {
  const found = live.devices.find(({ name }) => name === device)
  if (!found) return `${label} is on ${device}, which is not there now. Fix: sekisho apply`
  const ips = found.addresses.flatMap(({ ip, prefix }): Ip[] => {
    if (ip.version === 6) return prefix.length === 64 ? [{ version: 6, value: prefix.first + HOST }] : []
    const taken = (value: bigint) =>
      live.devices.some(({ addresses }) => addresses.some((one) => one.ip.value === value))
    for (let value = prefix.last - 1n; value > prefix.first; value--)
      if (!taken(value)) return [{ version: 4, value }]
    return []
  })
  return partyOf(label, ips)
}

/** A party with its addresses, for people. */
export function partyText({ label }: Party, ip: Ip): string {
  const address = formatIp(ip)
  return label === address ? label : `${label} ${address}`
}
