import { readFile } from 'node:fs/promises'
import { BlockList, isIPv4 } from 'node:net'
import { join } from 'node:path'
import { NeighbourTable } from '../../recorder/netlink/neighbour-table.ts'
import { PATHS } from '../../router/paths.ts'
import { type Conntrack, conntrackOf, type Tuple } from '../../watch/flows/conntrack-decode.ts'
import { listConntrack } from '../../watch/flows/conntrack-socket.ts'
import type { Clients } from '../clients.ts'
import { parseAgentConfig } from '../config.ts'
import type { OpenConnection } from './request.ts'

/** The largest of those that are open. */
const MOST = 5000
/** However many the kernel tracks, so many are held at once. */
const HELD = 4 * MOST

/** Protocols with a name that people know (IANA, protocol numbers). */
const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'icmp',
  2: 'igmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  41: 'ipv6',
  47: 'gre',
  50: 'esp',
  58: 'icmpv6',
  132: 'sctp',
}

/** Who has an address now: the MAC address and the name of a device of ours. */
export interface Holders {
  macOf(address: string): string | undefined
  nameOf(mac: string): string | undefined
  /** It is an address of a network of ours. */
  inside(address: string): boolean
}

/** What is open in connection tracking, the largest first. */
export async function openConnections(): Promise<readonly OpenConnection[]> {
  return listOpen(await holdersNow())
}

export async function listOpen(holders: Holders): Promise<readonly OpenConnection[]> {
  let held: OpenConnection[] = []
  await listConntrack((bytes, scan) => {
    const conntrack = conntrackOf(bytes, scan)
    const open = conntrack && !isClosed(conntrack) && openConnection(conntrack, holders)
    if (open) held.push(open)
    if (held.length >= HELD) held = largest(held)
  })
  return largest(held)
}

/** Both sides are done with it: connection tracking keeps it a while for late packets. */
function isClosed({ tcpState }: Conntrack): boolean {
  return tcpState === 'TIME_WAIT' || tcpState === 'CLOSE'
}

function largest(connections: readonly OpenConnection[]): OpenConnection[] {
  return connections.toSorted((a, b) => b.down + b.up - (a.down + a.up)).slice(0, MOST)
}

/**
 * A connection from the side of the device of ours that it is about: who opened it, or who it was opened to from outside.
 * Undefined for what stays on the loopback.
 */
export function openConnection(conntrack: Conntrack, holders: Holders): OpenConnection | undefined {
  const { original, reply, counts, startMicros, tcpState } = conntrack
  if (isLoopback(original.source)) return undefined
  // Where the packets really go: what a port forward leads to. A device of ours knows what it asked for, and no container.
  const fromOutside = !holders.inside(original.source) && holders.inside(reply.source)
  const target = fromOutside
    ? { address: reply.source, port: reply.sourcePort }
    : { address: original.destination, port: original.destinationPort }
  const deviceId = holders.macOf(fromOutside ? target.address : original.source)
  const device = deviceId === undefined ? undefined : holders.nameOf(deviceId)
  const opener = counts?.originalBytes ?? 0
  const answerer = counts?.replyBytes ?? 0
  return {
    ...(deviceId !== undefined && { deviceId }),
    ...(device !== undefined && { device }),
    protocol: protocolOf(original),
    source: original.source,
    ...(original.sourcePort !== undefined && { sourcePort: original.sourcePort }),
    destination: target.address,
    ...(target.port !== undefined && { destinationPort: target.port }),
    ...(tcpState !== undefined && { state: tcpState }),
    ...(startMicros !== undefined && { startMs: Math.floor(startMicros / 1000) }),
    down: fromOutside ? opener : answerer,
    up: fromOutside ? answerer : opener,
  }
}

function protocolOf({ protocol }: Tuple): string {
  return PROTOCOLS[protocol] ?? String(protocol)
}

function isLoopback(address: string): boolean {
  return address === '::1' || (isIPv4(address) && address.startsWith('127.'))
}

/** By the kernel's neighbours, the leases and the reservations; by the neighbours alone while there is no clients.json. */
async function holdersNow(): Promise<Holders> {
  const config = parseAgentConfig(await readFile(join(PATHS.current, 'agent.json'), 'utf8'))
  const clients = await readClients()
  const table = NeighbourTable.open()
  try {
    return holdersOf(config.networks, clients, await table.list())
  } finally {
    table.close()
  }
}

async function readClients(): Promise<Pick<Clients, 'leases' | 'reservations'>> {
  try {
    // The agent's own file, replaced at one stroke.
    const clients: Clients = JSON.parse(await readFile(join(PATHS.run, 'agent/clients.json'), 'utf8'))
    return clients
  } catch {
    return { leases: [], reservations: [] }
  }
}

interface Neighbour {
  readonly address: string
  readonly macAddress: string
}

export function holdersOf(
  networks: readonly { readonly prefix: string }[],
  { leases, reservations }: Pick<Clients, 'leases' | 'reservations'>,
  neighbours: readonly Neighbour[],
): Holders {
  const prefixes = new BlockList()
  for (const { prefix } of networks) {
    const [address = '', length] = prefix.split('/')
    prefixes.addSubnet(address, Number(length), 'ipv4')
  }
  const ours = (address: string): boolean => isIPv4(address) && prefixes.check(address, 'ipv4')
  const known = [...reservations, ...leases]
  const macs = new Map(known.map(({ address, macAddress }) => [address, macAddress]))
  // A neighbour on the WAN is no device of ours; of IPv6, one is ours when it has an IPv4 address that is.
  const own = new Set([
    ...known.map(({ macAddress }) => macAddress),
    ...neighbours.flatMap(({ address, macAddress }) => (ours(address) ? [macAddress] : [])),
  ])
  for (const { address, macAddress } of neighbours) if (own.has(macAddress)) macs.set(address, macAddress)
  const names = new Map([
    ...leases.flatMap(({ macAddress, name }) => (name === undefined ? [] : [[macAddress, name] as const])),
    // What the user wrote goes before what a device says of itself.
    ...reservations.map(({ macAddress, name }) => [macAddress, name] as const),
  ])
  return {
    macOf: (address) => macs.get(address),
    nameOf: (mac) => names.get(mac),
    inside: (address) => ours(address) || macs.has(address),
  }
}
