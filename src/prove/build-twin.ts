import { NetlinkSocket } from '../recorder/netlink/socket.ts'
import { Namespace } from './namespaces.ts'
import { type RuleText, readRules } from './rule-text.ts'
import { openListener } from './sockets.ts'
import { NFTRACE_GROUP } from './trace.ts'
import type { TwinDevice, TwinHost, TwinSpec } from './twin-spec.ts'

/** Where hosts listen: everything that comes to any port of theirs is led there. */
const CATCH_ALL = 47_011
const NETLINK_NETFILTER = 12
const TRACE_BYTES = 8 << 20
/** Before everything else, connection tracking too. */
export const TRACE_TABLE = 'sekisho-trace'
const TRACE = `table inet ${TRACE_TABLE} {
  chain prerouting {
    type filter hook prerouting priority -400; policy accept;
    meta nftrace set 1
  }
  chain output {
    type filter hook output priority -400; policy accept;
    meta nftrace set 1
  }
}
`
const REDIRECT = `table inet catch-all {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    meta l4proto { tcp, udp } redirect to :${CATCH_ALL}
  }
}
`
/** Addresses count at once, nobody but the file says what they are, and every refusal is answered. */
const QUIET: Readonly<Record<string, string>> = {
  'net/ipv6/conf/all/accept_dad': '0',
  'net/ipv6/conf/default/accept_dad': '0',
  'net/ipv6/conf/all/accept_ra': '0',
  'net/ipv6/conf/default/accept_ra': '0',
  'net/ipv4/icmp_ratemask': '0',
  'net/ipv6/icmp/ratelimit': '0',
}

/** A bridge of the twin only puts hosts beside a device: its frames are no packets of the router's. */
const UNBRIDGED: Readonly<Record<string, string>> = {
  'net/bridge/bridge-nf-call-iptables': '0',
  'net/bridge/bridge-nf-call-ip6tables': '0',
}

export interface BuiltHost {
  readonly network: Namespace
  readonly tcp: number
  readonly udp: number
}

export interface BuiltTwin {
  readonly router: Namespace
  readonly hosts: ReadonlyMap<string, BuiltHost>
  readonly trace: NetlinkSocket
  /** Whether a rule answers what it refuses. */
  rejects(event: { readonly family: string; readonly table: string; readonly handle?: number }): boolean
}

export interface Built {
  /** The router's rules, as the kernel lists them. */
  readonly rules: readonly RuleText[]
  /** What could not be copied, in words. */
  readonly notes: readonly string[]
}

/** Makes the twin of a router in the network that this process was started in. */
export class Builder {
  #twin: BuiltTwin | undefined

  get twin(): BuiltTwin {
    if (!this.#twin) throw new Error('nothing was built yet')
    return this.#twin
  }

  build(spec: TwinSpec): Built {
    const router = Namespace.here()
    for (const [path, value] of Object.entries(QUIET)) router.sysctl(path, value)
    router.ip(['link set lo up'])
    const hosts = new Map(spec.devices.flatMap((device) => addDevice(router, device, spec.hosts)))
    router.ip(spec.routes.map((route) => `route add ${route}`))
    for (const [path, value] of Object.entries({ ...spec.sysctls, ...UNBRIDGED })) router.sysctl(path, value)
    const notes = spec.rulesets.flatMap(({ what, argv, text, optional }) => {
      const { problem } = router.try(argv, text)
      if (problem === undefined) return []
      if (!optional) throw new Error(`${what} cannot be loaded: ${problem}`)
      return [`${what} could not be copied and has no part in this: ${problem.split('\n')[0]}`]
    })
    router.exec(['nft', '-f', '-'], TRACE)
    awaitLinks(router, spec)
    const rules = readRules(router.exec(['nft', '--handle', '--stateless', 'list', 'ruleset']))
    const rejecting = new Set(rules.filter(({ text }) => /\breject\b/i.test(text)).map(key))
    const trace = router.run(() => NetlinkSocket.open(NETLINK_NETFILTER, TRACE_BYTES, NFTRACE_GROUP))
    this.#twin = {
      router,
      hosts,
      trace,
      rejects: ({ family, table, handle }) =>
        handle !== undefined && rejecting.has(key({ family, table, handle })),
    }
    return { rules, notes }
  }
}

function key({ family, table, handle }: Pick<RuleText, 'family' | 'table' | 'handle'>): string {
  return `${family} ${table} ${handle}`
}

function addAddress(address: string, device: string): string {
  return `addr add ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`
}

/**
 * Makes a device of the router and the hosts beside it. What kind it is on the router does not matter: rules see its
 * name alone. One host has the other end of the cable; several are on a bridge.
 */
function addDevice(
  router: Namespace,
  { name, addresses }: TwinDevice,
  all: readonly TwinHost[],
): [string, BuiltHost][] {
  const hosts = all.filter(({ device }) => device === name)
  const bridge = hosts.length !== 1
  if (bridge) router.ip([`link add ${name} type bridge`, `link set ${name} up`])
  const built = hosts.map((host): [string, BuiltHost] => {
    const port = bridge ? `sekisho-${all.indexOf(host)}` : name
    return [host.name, addHost(router, host, port, bridge ? ` master ${name}` : '')]
  })
  router.ip(addresses.map((address) => addAddress(address, name)))
  return built
}

function addHost(
  router: Namespace,
  { mac, addresses, behind, routes }: TwinHost,
  port: string,
  master: string,
): BuiltHost {
  const network = Namespace.create()
  for (const [path, value] of Object.entries(QUIET)) network.sysctl(path, value)
  const address = mac === undefined ? '' : ` address ${mac}`
  router.ip([
    `link add ${port} type veth peer name eth0${address} netns ${network.path}`,
    `link set ${port}${master} up`,
  ])
  // The router's end has no address yet: that a route's first hop is on the link is said, and not looked up.
  network.ip([
    'link set lo up',
    'link set eth0 up',
    ...addresses.map((text) => addAddress(text, 'eth0')),
    ...behind.map((text) => addAddress(text, 'lo')),
    ...routes.map((route) => `route add ${route} dev eth0 onlink`),
  ])
  network.exec(['nft', '-f', '-'], REDIRECT)
  return network.run(() => ({
    network,
    tcp: openListener('tcp', CATCH_ALL),
    udp: openListener('udp', CATCH_ALL),
  }))
}

/** The kernel takes a moment to see that a cable is plugged in; until then routes over it do not count. */
function awaitLinks(router: Namespace, { devices, hosts }: TwinSpec): void {
  const used = devices.filter(({ name }) => hosts.some(({ device }) => device === name))
  for (let i = 0; i < 250; i++) {
    const links: { ifname: string; operstate: string }[] = JSON.parse(router.exec(['ip', '-json', 'link']))
    const up = new Set(links.filter(({ operstate }) => operstate === 'UP').map(({ ifname }) => ifname))
    if (used.every(({ name }) => up.has(name))) return
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
  }
  throw new Error('the links of the twin did not come up')
}
