import type { FirewallConfig, Reservation, RouterService, WanConfig } from '../config/schema.ts'

/*
 * The router in its own terms: what the config says after defaults, with every address parsed once.
 * Renderers and modules read this and never the raw config.
 */

/** A link the kernel shows: a physical port, or a VLAN on top of one (device "lan0.20"). */
export interface Member {
  /** The physical port. */
  readonly port: string
  /** 802.1Q identifier; absent when untagged. */
  readonly vlan?: number
  /** The device that carries the network's frames: `port`, or `port.vlan`. */
  readonly device: string
}

export interface Dhcp {
  readonly pools: readonly { readonly first: string; readonly last: string }[]
  readonly leaseSecs: number
  readonly reservations: readonly Reservation[]
}

/** A network is a zone: the hosts behind one router address. */
export interface Network {
  readonly name: string
  /** Device that has the address: the only member's device, or the bridge "br-<name>". */
  readonly device: string
  readonly bridged: boolean
  readonly members: readonly Member[]
  readonly subnetId: number
  /** The router's IPv4 address here, e.g. "10.0.0.1". */
  readonly address: string
  readonly prefixLength: number
  /** Network prefix in canonical form, e.g. "10.0.0.0/24". */
  readonly prefix: string
  readonly broadcast: string
  readonly dhcp?: Dhcp
  /** The ULA /64 and the router's address in it (…::1), when the file has a ula_prefix. */
  readonly ula?: { readonly prefix: string; readonly address: string }
  /** A /64 of wan.prefix6 (static IPv6) and the router's address in it. */
  readonly global?: { readonly prefix: string; readonly address: string }
  readonly routerAccess: readonly RouterService[]
}

export interface Wan {
  readonly config: WanConfig
  /** Device that has the WAN address: the port, "port.vlan", or the PPPoE session on it. */
  readonly device: string
  /** The port that the cable is in, and the device that carries the WAN's frames. */
  readonly member: Member
  readonly ipv6: boolean
  /** MTU in bytes; 1500 unless said otherwise, and 1492 of a PPPoE session. */
  readonly mtu: number
}

export type Firewall = FirewallConfig

export interface Router {
  readonly hostname: string
  readonly domain: string
  readonly timezone: string
  readonly ulaPrefix?: string
  readonly wan: Wan
  readonly networks: readonly Network[]
  readonly firewall: Firewall
  /** Prefixes that Docker may use for container networks, disjoint from every network and the static WAN. */
  readonly containerPool: string
}
