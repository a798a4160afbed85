import { containerPool } from '../config/container-pool.ts'
import { type NetworkConfig, PPP_DEVICE, type RouterConfig, type WanConfig } from '../config/schema.ts'
import {
  type Cidr,
  formatIp,
  formatPrefix,
  type Prefix,
  parseCidr,
  parseIpOrCidr,
  prefixOf,
} from '../lib/ip.ts'
import type { Member, Network, Router, Wan } from './model.ts'

/**
 * The router that a valid config describes: defaults filled in, addresses parsed once, frozen throughout. Throws
 * only on a config that `validate` would have refused.
 */
export function normalise(config: RouterConfig): Router {
  const entries = Object.entries(config.networks)
  const ula = config.ula_prefix === undefined ? undefined : cidrOf(config.ula_prefix).prefix
  const prefix6 =
    config.wan.mode === 'static' && config.wan.prefix6 !== undefined
      ? cidrOf(config.wan.prefix6).prefix
      : undefined
  const networks = entries.map(([name, network], i) =>
    networkOf({ name, network, first: i === 0, ula, prefix6 }),
  )
  const pool = containerPool(taken(config))
  if (pool === undefined) throw new Error('no private prefix is left for containers')
  return deepFreeze({
    hostname: config.hostname,
    domain: config.domain,
    timezone: config.timezone,
    ...(ula && { ulaPrefix: formatPrefix(ula) }),
    wan: wanOf(config.wan),
    networks,
    firewall: config.firewall,
    containerPool: pool,
  } satisfies Router)
}

function networkOf(from: {
  name: string
  network: NetworkConfig
  first: boolean
  ula: Prefix | undefined
  prefix6: Prefix | undefined
}): Network {
  const { name, network, first, ula, prefix6 } = from
  const members = network.interfaces.map((member): Member => {
    if (typeof member === 'string') return { port: member, device: member }
    return { port: member.name, vlan: member.vlan, device: `${member.name}.${member.vlan}` }
  })
  const bridged = members.length > 1
  const cidr = cidrOf(network.address)
  // Only a router of one network may leave the number out.
  const subnetId = network.subnet_id ?? 1
  return {
    name,
    device: bridged ? `br-${name}` : (members[0]?.device ?? ''),
    bridged,
    members,
    subnetId,
    address: formatIp(cidr.ip),
    prefixLength: cidr.prefix.length,
    prefix: formatPrefix(cidr.prefix),
    broadcast: formatIp({ version: 4, value: cidr.prefix.last }),
    ...(network.dhcp && {
      dhcp: {
        pools: network.dhcp.pools.map((pool) => {
          const [begin = '', end = ''] = pool.split('-')
          return { first: begin.trim(), last: end.trim() }
        }),
        leaseSecs: network.dhcp.lease_secs,
        reservations: network.dhcp.reservations,
      },
    }),
    ...(ula && { ula: sixtyFour(ula, subnetId) }),
    ...(prefix6 && { global: sixtyFour(prefix6, subnetId) }),
    routerAccess: network.router_access ?? (first ? ['ssh', 'ping'] : ['ping']),
  }
}

/** The /64 numbered `id` of a prefix, and the router's address in it; a /64 has only itself to give. */
function sixtyFour(prefix: Prefix, id: number): { prefix: string; address: string } {
  const offset = prefix.length === 64 ? 0n : BigInt(id) << 64n
  const net = prefixOf({ version: 6, value: prefix.first + offset }, 64)
  return { prefix: formatPrefix(net), address: formatIp({ version: 6, value: net.first + 1n }) }
}

function wanOf(config: WanConfig): Wan {
  const { interface: port, vlan } = config
  const device = vlan === undefined ? port : `${port}.${vlan}`
  const pppoe = config.mode === 'pppoe'
  return {
    config,
    device: pppoe ? PPP_DEVICE : device,
    member: { port, device, ...(vlan !== undefined && { vlan }) },
    ipv6: config.ipv6 === 'auto',
    // RFC 2516 section 7: the session's own header takes 8 of Ethernet's 1500.
    mtu: config.mtu_bytes ?? (pppoe ? 1492 : 1500),
  }
}

/** What containers must not shadow: our networks and the provider. */
function taken(config: RouterConfig): Prefix[] {
  const wan = config.wan.mode === 'static' ? [config.wan.address, config.wan.gateway, ...config.wan.dns] : []
  const near = [...Object.values(config.networks).map((network) => network.address), ...wan]
  return near.flatMap((text) => parseIpOrCidr(text)?.prefix ?? [])
}

function cidrOf(text: string): Cidr {
  const cidr = parseCidr(text)
  if (!cidr) throw new Error(`${JSON.stringify(text)} is no prefix`)
  return cidr
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const child of Object.values(value)) deepFreeze(child)
  }
  return value
}
