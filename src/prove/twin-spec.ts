/*
 * A twin of a router as plain data: its devices, addresses, routes and rules, and hosts around it. What is built from
 * it is a network of its own, which leads nowhere.
 */

export interface TwinDevice {
  readonly name: string
  /** The router's own addresses there, with prefix length. */
  readonly addresses: readonly string[]
}

/** A host beside a device of the router. */
export interface TwinHost {
  readonly name: string
  readonly device: string
  readonly mac?: string
  /** Addresses on the link, with prefix length; the first of a family is what it sends from by default. */
  readonly addresses: readonly string[]
  /** Addresses behind it, as the Internet is behind a provider's router. */
  readonly behind: readonly string[]
  /** Arguments of `ip route add`; its port is eth0. */
  readonly routes: readonly string[]
}

/** Rules as the program takes them that loads them. */
export interface Ruleset {
  readonly what: string
  readonly argv: readonly string[]
  readonly text: string
  /** When it cannot be loaded the twin goes on without it, and says so. */
  readonly optional?: true
}

export interface TwinSpec {
  readonly devices: readonly TwinDevice[]
  readonly hosts: readonly TwinHost[]
  /** Arguments of `ip route add` on the router. */
  readonly routes: readonly string[]
  /** Kernel settings by their path below /proc/sys; what this kernel lacks stays away. */
  readonly sysctls: Readonly<Record<string, string>>
  readonly rulesets: readonly Ruleset[]
}

/** The name of the router itself, where a probe begins or ends. */
export const ROUTER = 'router'

export type ProbeProtocol = 'tcp' | 'udp' | 'icmp'

/** A packet that begins something. */
export interface Probe {
  /** A host's name, or `ROUTER`. */
  readonly from: string
  readonly source: string
  readonly destination: string
  readonly protocol: ProbeProtocol
  /** Absent for ICMP, which is an echo request. */
  readonly port?: number
}

/** What a chain did with a packet (NFT_MSG_TRACE of linux/netfilter/nf_tables.h). */
export interface TraceEvent {
  /** Which packet; the same through all tables. */
  readonly id: number
  readonly family: string
  readonly table: string
  readonly chain: string
  readonly kind: 'rule' | 'policy' | 'return'
  /** The rule's handle, for kind 'rule'. */
  readonly handle?: number
  readonly verdict: 'accept' | 'drop' | 'queue' | 'continue' | 'jump' | 'goto' | 'return'
  /** The chain that a jump or a goto leads to. */
  readonly target?: string
  /** The packet as it was then; in the first event of each base chain. */
  readonly packet?: PacketSummary
}

export interface PacketSummary {
  readonly from: string
  readonly to: string
  readonly protocol: number
  readonly sport: number
  readonly dport: number
  /** Of an ICMP message. */
  readonly type: number
}

export interface Outcome {
  /**
   * It arrived and, for TCP and ICMP, the answer came back; somebody said no (a reset, an ICMP error); nothing was
   * heard; or it could not even be sent.
   */
  readonly result: 'reached' | 'refused' | 'silent' | 'unsent'
  /** The host where it arrived. */
  readonly at?: string
  /** The source as that host saw it; for TCP and UDP. */
  readonly seenFrom?: string
  /** The system's word for why it was refused or not sent: "ECONNREFUSED". */
  readonly error?: string
  /** The way of its first packet through the router's tables; empty when none saw it. */
  readonly trace: readonly TraceEvent[]
}
