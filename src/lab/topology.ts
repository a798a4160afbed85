/*
 * Who is in the lab, which cable joins whom, and every address the provider uses. RFC 5737 and RFC 3849
 * prefixes stand for the Internet.
 */

/** A namespace with its own tree, run from the shared hosts rootfs. */
export const SIMPLE_HOSTS = ['isp', 'attacker', 'laptop', 'phone', 'guest1'] as const
export type SimpleHost = (typeof SIMPLE_HOSTS)[number]

export const HOSTS = ['router', ...SIMPLE_HOSTS] as const
export type HostName = (typeof HOSTS)[number]

/** Hosts behind the router, each a DHCP client on its port `eth0`. */
export const CLIENTS = ['laptop', 'phone', 'guest1'] as const
export type Client = (typeof CLIENTS)[number]

export interface CableEnd {
  readonly host: HostName
  readonly port: string
  readonly mac: string
}

/** The router's cables: its port, and who is at the far end. */
export const ROUTER_CABLES = [
  {
    near: { host: 'router', port: 'wan0', mac: '02:00:5e:10:00:01' },
    far: { host: 'isp', port: 'customer', mac: '02:00:5e:20:00:01' },
  },
  {
    near: { host: 'router', port: 'lan0', mac: '02:00:5e:10:00:10' },
    far: { host: 'laptop', port: 'eth0', mac: '02:00:5e:30:00:01' },
  },
  {
    near: { host: 'router', port: 'lan1', mac: '02:00:5e:10:00:11' },
    far: { host: 'guest1', port: 'eth0', mac: '02:00:5e:40:00:01' },
  },
  {
    near: { host: 'router', port: 'lan2', mac: '02:00:5e:10:00:12' },
    far: { host: 'phone', port: 'eth0', mac: '02:00:5e:30:00:02' },
  },
] as const satisfies readonly { near: CableEnd; far: CableEnd }[]

/** The attacker sits on the provider's segment, a neighbour of the router's WAN port. */
export const ATTACKER_CABLE = {
  near: { host: 'attacker', port: 'eth0', mac: '02:00:5e:50:00:01' },
  far: { host: 'isp', port: 'neighbour', mac: '02:00:5e:20:00:02' },
} as const satisfies { near: CableEnd; far: CableEnd }

/** The WAN segment: a bridge in `isp`. */
export const WAN = {
  bridge: 'wan',
  gateway4: '198.51.100.1',
  gateway6: '2001:db8:0:1::1',
  resolver4: '198.51.100.53',
  resolver6: '2001:db8:0:1::53',
  router4: '198.51.100.10',
  attacker4: '198.51.100.66',
  attacker6: '2001:db8:0:1::66',
  prefix4: '198.51.100.0/24',
  prefix6: '2001:db8:0:1::/64',
  /** Where customers' /56 prefixes come from. */
  delegated6: '2001:db8:100::',
} as const

/** Servers of the Internet, addresses on the provider's loopback: one hop behind its router. */
export const SERVERS = {
  root: { v4: '203.0.113.1', v6: '2001:db8:80::1' },
  tld: { v4: '203.0.113.2', v6: '2001:db8:80::2' },
  dns: { v4: '203.0.113.3', v6: '2001:db8:80::3' },
  www: { v4: '203.0.113.80', v6: '2001:db8:80::80' },
  www2: { v4: '203.0.113.81', v6: '2001:db8:80::81' },
  ntp: { v4: '203.0.113.123', v6: '2001:db8:80::123' },
} as const
