import { printable } from '../lib/printable.ts'
import type { Check, FirewallConfig, NetworkConfig, PortRange, WanConfig } from './schema.ts'

/*
 * Parts of a router.yaml in words, as one would say them; `changes.ts` makes sentences of them.
 */

const LONGEST = 120

/** Keys whose values are secrets themselves, should a module have any: those of files that hold one are not. */
const SECRET = /pass(word|wd|phrase)|secret|token|credential|private_?key|api_?key|psk$/i

export function isSecret(key: string): boolean {
  return SECRET.test(key) && !/file|path|dir/i.test(key)
}

/** A value on one line; `key` says what its number counts, and whether it may be seen. */
export function valueWords(value: unknown, key = ''): string {
  if (value === undefined || value === null) return 'none'
  if (isSecret(key)) return '(not shown)'
  if (typeof value === 'number' && key.endsWith('_bytes')) return bytesWords(value)
  if (typeof value === 'string') return clip(printable(withoutUser(value)))
  if (Array.isArray(value))
    return value.length === 0 ? 'none' : clip(value.map((item) => valueWords(item, key)).join(', '))
  if (typeof value !== 'object') return `${value as number | boolean}`
  if (isRange(value)) return rangeWords(value)
  if (isMember(value)) return `${value.name}.${value.vlan}`
  const parts = Object.entries(value).flatMap(([name, inner]) =>
    inner === undefined ? [] : [`${printable(name)} ${valueWords(inner, name)}`],
  )
  return parts.length === 0 ? 'defaults' : clip(parts.join(', '))
}

/** A URL may carry a user and a password. */
function withoutUser(text: string): string {
  return text.replace(/\/\/[^/@\s]*@/g, '//…@')
}

function clip(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text
}

/** A key that ends with "_bytes" says what it counts: the number as it is, or of the largest unit that fits. */
function bytesWords(bytes: number): string {
  const units = ['', ' KiB', ' MiB', ' GiB', ' TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && value % 1024 === 0 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${value}${units[unit]}`
}

function isRange(value: object): value is PortRange {
  return Object.keys(value).sort().join() === 'from,to' && 'from' in value && typeof value.from === 'number'
}

function isMember(value: object): value is { name: string; vlan: number } {
  return Object.keys(value).sort().join() === 'name,vlan'
}

export function rangeWords({ from, to }: PortRange): string {
  return from === to ? `${from}` : `${from}-${to}`
}

function whyWords(why: string | undefined): string {
  return why === undefined || why === '' ? '' : ` (${why})`
}

type Forward = FirewallConfig['forwards'][number]
type Pinhole = FirewallConfig['pinholes'][number]
type Allow = FirewallConfig['allow'][number]
type Deny = FirewallConfig['deny'][number]
type Reservation = NonNullable<NetworkConfig['dhcp']>['reservations'][number]

/** "port 443 of the WAN", "UDP ports 6000-6010 of the WAN from 192.0.2.0/24". */
export function forwardPort({ port, protocol, source }: Forward): string {
  const noun = port.from === port.to ? 'port' : 'ports'
  const proto = protocol === 'tcp' ? '' : `${protocol.toUpperCase().replace('+', ' and ')} `
  return `${proto}${noun} ${rangeWords(port)} of the WAN${source === undefined ? '' : ` from ${source}`}`
}

/** "10.0.0.20 (web)", "10.0.0.20 port 8443". */
export function forwardTarget({ to, to_port: port, why }: Forward): string {
  return `${to}${port === undefined ? '' : ` port ${port}`}${whyWords(why)}`
}

/** "IPv6 from the Internet to ::7 in home". */
export function pinholeHost({ network, interface_id: id, protocol }: Pinhole): string {
  return `IPv6 from the Internet to ${id} in ${printable(network)}, ${protocol}`
}

export function pinholePorts({ ports, why }: Pinhole): string {
  return `${portsWords(ports)}${whyWords(why)}`
}

function portsWords(ports: readonly PortRange[]): string {
  const only = ports[0]
  const single = ports.length === 1 && only !== undefined && only.from === only.to
  return `port${single ? '' : 's'} ${ports.map(rangeWords).join(', ')}`
}

/** "guest may reach home: tcp port 80 (printer)". */
export function allowWords(allow: Allow): string {
  return ruleWords(allow, 'may reach')
}

/** "home (laptop) may not reach wan: tcp port 25 (no mail)". */
export function denyWords({ to = 'anything', ...deny }: Deny): string {
  return ruleWords({ ...deny, to }, 'may not reach')
}

/** "check: guest is blocked from home: everything". */
export function checkWords({ expect, ...check }: Check): string {
  return `check: ${ruleWords(check, expect === 'reached' ? 'reaches' : 'is blocked from')}`
}

type Rule = Pick<Allow, 'from' | 'to' | 'protocol' | 'ports' | 'source' | 'destination' | 'why'>

function ruleWords({ from, to, protocol, ports, source, destination, why }: Rule, verb: string): string {
  const ends = `${from}${source === undefined ? '' : ` (${source})`} ${verb} ${to}${destination === undefined ? '' : ` (${destination})`}`
  const what = protocol === 'any' ? 'everything' : `${protocol}${ports ? ` ${portsWords(ports)}` : ''}`
  return `${printable(ends)}: ${what}${whyWords(why)}`
}

export function reservationWords({ address, mac }: Pick<Reservation, 'address' | 'mac'>): string {
  return `${address} for ${mac}`
}

/** "10.0.1.1/24 on lan1, DHCP 10.0.1.129 - 10.0.1.254". */
export function networkWords({ address, interfaces, dhcp }: NetworkConfig): string {
  const ports = interfaces.map((member) => valueWords(member)).join(', ')
  return `${address} on ${ports}, ${dhcp ? dhcpWords(dhcp) : 'no DHCP'}`
}

/** "DHCP 10.0.1.129 - 10.0.1.254, 2 reservations". */
export function dhcpWords({ pools, reservations }: NonNullable<NetworkConfig['dhcp']>): string {
  const { length } = reservations
  const kept = length === 0 ? '' : `, ${length} reservation${length > 1 ? 's' : ''}`
  return `DHCP ${pools.join(', ')}${kept}`
}

/** "DHCP on wan0", "192.0.2.2/29 on wan0". */
export function wanWords(wan: WanConfig): string {
  const how = { static: 'address' in wan ? wan.address : '', dhcp: 'DHCP', pppoe: 'PPPoE' }[wan.mode]
  return `${how} on ${wan.interface}${wan.vlan === undefined ? '' : `.${wan.vlan}`}`
}
