import { type Seen, type Spec, TCP } from '../../../src/prove/packet.ts'
import { forwardingProbes } from '../../../src/router/health/forwarding.ts'
import { createHost } from '../../../src/router/host.ts'
import type { RuleGroup } from '../../../src/router/render/nft.ts'
import {
  type Bed,
  GUEST6,
  ISP6,
  LAPTOP_ULA,
  LAPTOP6,
  MAC,
  PHONE6,
  passed,
  SERVER,
  SERVER6,
  type Table,
  WAN,
  WAN_PRIVATE,
  WAN6,
} from './bed.ts'
import type { Host } from './host.ts'

/** One packet, or one conversation: what should come of it, and which groups of rules see to that. */
export interface Probe {
  readonly what: string
  /** Groups without which this fails. */
  readonly groups: readonly RuleGroup[]
  readonly table?: Table
  /** Undefined when all is well, else what happened instead. */
  run(bed: Bed): Promise<string | undefined>
}

/** How long to wait for what should happen: a lost packet is sent again after a second. */
let patienceMs = 3000

/** For the mutation test, which waits in vain most of the time. */
export function setPatience(ms: number): void {
  patienceMs = ms
}

/** How long nothing must happen before "does not arrive" is believed; a link here takes microseconds. */
const SILENCE_MS = 250

let serial = 20_000
/** A source port that no flow in the router's memory has. */
function freshPort(): number {
  serial = serial >= 32_000 ? 20_001 : serial + 1
  return serial
}

async function until(check: () => Promise<boolean>, ms: number): Promise<boolean> {
  const end = Date.now() + ms
  for (;;) {
    if (await check()) return true
    if (Date.now() > end) return false
    await new Promise((resolve) => setTimeout(resolve, 15))
  }
}

function arrives(check: () => Promise<boolean>, expected: boolean): Promise<string | undefined> {
  return until(check, expected ? patienceMs : SILENCE_MS).then((arrived) =>
    arrived === expected ? undefined : arrived ? 'it arrived' : 'it did not arrive',
  )
}

/**
 * TCP from a host: open (with the client as the server saw it), "refused" or "timeout". "closed" is either of
 * these: where bridge-nf-call-iptables is 1, the kernel sends a reset for what came over a bridge port past its own
 * address translation, so that a client does not understand the one about a port that Docker has translated.
 */
function tcp(
  from: keyof Omit<Bed, 'load' | 'stop'>,
  to: string,
  port: number,
  expected: 'refused' | 'timeout' | 'closed' | { readonly seenAs: string | RegExp },
  source?: string,
): (bed: Bed) => Promise<string | undefined> {
  return async (bed) => {
    const ms = expected === 'timeout' || expected === 'closed' ? 600 : patienceMs
    const got = await bed[from].connect(to, port, { ms, ...(source !== undefined && { from: source }) })
    if (expected === 'closed') return got.result === 'open' ? 'it was open' : undefined
    if (typeof expected === 'string') return got.result === expected ? undefined : `it was ${got.result}`
    if (got.result !== 'open') return `it was ${got.result}`
    const right =
      typeof expected.seenAs === 'string' ? got.text === expected.seenAs : expected.seenAs.test(got.text)
    return right ? undefined : `the server saw ${got.text}`
  }
}

/** A handmade packet, and whether one like it reaches a host. */
async function spoof(
  from: Host,
  mac: string,
  spec: Spec,
  to: Host,
  expected: boolean,
  match: (seen: Seen) => boolean,
): Promise<string | undefined> {
  await from.frame('eth0', mac, spec)
  return arrives(async () => (await to.seen()).some(match), expected)
}

/** UDP from any source to the port that is forwarded to the phone; it arrives, or not. */
function toForward(source: string, to: string, expected: boolean): (bed: Bed) => Promise<string | undefined> {
  return ({ isp, phone }) => {
    const sport = freshPort()
    const text = `forward ${sport}`
    const payload = { kind: 'udp', sport, dport: 6005, text } as const
    return spoof(isp, MAC.wan, { from: source, to, payload }, phone, expected, (s) => s.text === text)
  }
}

function ping(from: keyof Omit<Bed, 'load' | 'stop'>, to: string, expected: boolean) {
  return async (bed: Bed): Promise<string | undefined> => {
    const { code } = await bed[from].try([
      'ping',
      '-n',
      '-c',
      '1',
      '-W',
      expected ? `${patienceMs / 1000}` : '0.5',
      to,
    ])
    return (code === 0) === expected ? undefined : expected ? 'no answer' : 'it was answered'
  }
}

async function linkLocal(host: Host, device: string): Promise<string> {
  const text = await host.run(['ip', '-6', '-o', 'addr', 'show', 'dev', device, 'scope', 'link'])
  return /inet6 (fe80:[^/]+)/.exec(text)?.[1] ?? ''
}

export const PROBES: readonly Probe[] = [
  // The router itself
  {
    what: 'the router reaches itself',
    groups: ['loopback'],
    run: tcp('router', '127.0.0.1', 2200, { seenAs: '127.0.0.1' }),
  },
  {
    what: 'home reaches the DNS over TCP',
    groups: ['opening', 'zones'],
    run: tcp('laptop', '10.0.0.1', 53, { seenAs: '10.0.0.20' }),
  },
  {
    what: 'guest reaches the DNS over TCP',
    groups: ['opening'],
    run: tcp('guest', '10.0.2.1', 53, { seenAs: '10.0.2.5' }),
  },
  {
    what: 'guest reaches the DNS over UDP',
    groups: ['opening'],
    run: (bed) => udp(bed, 'guest', '10.0.2.1', 53, true),
  },
  {
    what: 'the WAN does not reach the DNS over TCP',
    groups: ['default-deny'],
    run: tcp('isp', WAN, 53, 'timeout'),
  },
  {
    what: 'the WAN does not reach the DNS over UDP',
    groups: ['default-deny'],
    run: (bed) => udp(bed, 'isp', WAN, 53, false),
  },
  {
    what: 'the WAN does not reach the DNS over IPv6',
    groups: ['default-deny'],
    run: tcp('isp', WAN6, 53, 'timeout'),
  },
  {
    what: 'the WAN does not reach an address inside',
    groups: ['default-deny'],
    run: tcp('isp', '10.0.0.1', 53, 'timeout'),
  },
  {
    what: 'containers do not reach the DNS',
    groups: ['reject'],
    run: tcp('box', '172.30.0.1', 53, 'refused'),
  },
  { what: 'home opens ssh', groups: ['ssh'], run: tcp('laptop', '10.0.0.1', 22, { seenAs: '10.0.0.20' }) },
  {
    what: 'guest does not open ssh and hears so',
    groups: ['reject'],
    run: tcp('guest', '10.0.2.1', 22, 'refused'),
  },
  {
    what: "guest does not open ssh at home's address",
    groups: ['reject'],
    run: tcp('guest', '10.0.0.1', 22, 'refused'),
  },
  { what: 'the WAN does not open ssh', groups: ['default-deny'], run: tcp('isp', WAN, 22, 'timeout') },
  {
    what: 'home hears that a port is closed',
    groups: ['reject'],
    run: tcp('laptop', '10.0.0.1', 9, 'refused'),
  },
  { what: 'home pings the router', groups: ['ping'], run: ping('laptop', '10.0.0.1', true) },
  {
    what: 'guest pings the router over IPv6',
    groups: ['ping'],
    run: ping('guest', '2001:db8:10:2::1', true),
  },
  {
    what: 'an IPv4 ping from the WAN is not answered',
    groups: ['default-deny'],
    run: ping('isp', WAN, false),
  },
  { what: 'an IPv6 ping from the WAN is answered', groups: ['wan-ping6'], run: ping('isp', WAN6, true) },
  {
    what: 'firewall.allow lets the WAN reach a port',
    groups: ['allow'],
    run: (bed) => udp(bed, 'isp', WAN, 51820, true),
  },
  {
    what: 'but not at an address inside',
    groups: ['wan-inside'],
    run: (bed) => udp(bed, 'isp', '10.0.0.1', 51820, false),
  },
  {
    what: 'a neighbour that the router forgot is found again',
    groups: ['neighbour-discovery'],
    run: async (bed) => {
      await bed.router.run(['ip', '-6', 'neigh', 'flush', 'all'])
      await bed.laptop.run(['ip', '-6', 'neigh', 'flush', 'all'])
      return tcp('laptop', '2001:db8:10:1::1', 53, { seenAs: LAPTOP6 })(bed)
    },
  },
  {
    what: 'a switch asks who listens to which multicast group, and is heard',
    groups: ['multicast-listener'],
    run: async ({ guest, router }) => {
      const before = await passed(router, 'listener-query')
      const from = await linkLocal(guest, 'eth0')
      // RFC 3810 section 5.1: a general query.
      const body = Buffer.alloc(28)
      body[0] = 130
      const payload = { kind: 'icmpv6', body } as const
      await guest.frame('eth0', MAC.guest, { from, to: 'ff02::1', hopLimit: 1, payload })
      return arrives(async () => (await passed(router, 'listener-query')) > before, true)
    },
  },
  {
    what: "the provider's router advertisement comes in",
    groups: ['wan-router-advert'],
    run: (bed) => advertise(bed, bed.isp, MAC.wan, 255, true),
  },
  {
    what: 'an advertisement that a router has passed on does not',
    groups: ['default-deny'],
    run: (bed) => advertise(bed, bed.isp, MAC.wan, 64, false),
  },
  {
    what: 'an advertisement from inside does not',
    groups: [],
    run: (bed) => advertise(bed, bed.laptop, MAC.home, 255, false),
  },
  {
    what: "the DHCP server's answer comes in from a private address",
    groups: ['wan-dhcp'],
    table: 'block private',
    run: (bed) => dhcpAnswer(bed, true),
  },
  {
    what: "the DHCPv6 server's answer comes in",
    groups: ['wan-dhcp6'],
    run: async ({ isp, router }) => {
      const [from, to] = [await linkLocal(isp, 'eth0'), await linkLocal(router, 'wan0')]
      const text = `lease ${freshPort()}`
      await isp.frame('eth0', MAC.wan, { from, to, payload: { kind: 'udp', sport: 547, dport: 546, text } })
      return arrives(async () => (await router.heard()).some((h) => h.text === text), true)
    },
  },
  {
    what: 'a DHCP client without an address is heard',
    groups: ['opening'],
    run: async ({ laptop, router }) => {
      const text = `discover ${freshPort()}`
      const payload = { kind: 'udp', sport: 68, dport: 67, text } as const
      await laptop.frame('eth0', MAC.broadcast, { from: '0.0.0.0', to: '255.255.255.255', payload })
      return arrives(async () => (await router.heard()).some((h) => h.text === text), true)
    },
  },

  // Outwards
  {
    what: "home reaches the Internet behind the WAN's address",
    groups: ['masquerade', 'outbound', 'established', 'zones'],
    run: tcp('laptop', SERVER, 80, { seenAs: WAN }),
  },
  {
    what: 'guest reaches the Internet',
    groups: ['masquerade', 'outbound'],
    run: tcp('guest', SERVER, 80, { seenAs: WAN }),
  },
  {
    what: 'home reaches the Internet over IPv6 as itself',
    groups: ['outbound', 'neighbour-discovery'],
    run: tcp('laptop', SERVER6, 80, { seenAs: LAPTOP6 }, LAPTOP6),
  },
  {
    what: 'containers reach the Internet',
    groups: ['containers-outbound'],
    run: tcp('box', SERVER, 80, { seenAs: WAN }),
  },
  {
    what: "home reaches a modem's private address",
    groups: ['established'],
    table: 'block private',
    run: tcp('laptop', '192.168.77.1', 80, { seenAs: WAN_PRIVATE }),
  },
  {
    what: 'site-local IPv6 stays on the site, and the host hears why',
    groups: ['ula-boundary'],
    run: async ({ laptop, isp }) => {
      const sport = freshPort()
      const text = `ula ${sport}`
      const spec: Spec = { from: LAPTOP_ULA, to: SERVER6, payload: { kind: 'udp', sport, dport: 9, text } }
      const wrong = await spoof(laptop, MAC.home, spec, isp, false, (s) => s.text === text)
      const told = async () =>
        (await laptop.seen()).some(
          (s) => s.protocol === 58 && s.type === 1 && s.code === 5 && s.to === LAPTOP_ULA,
        )
      return wrong ?? arrives(told, true)
    },
  },
  {
    what: 'a packet of no flow does not leave',
    groups: ['invalid'],
    run: ({ laptop, isp }) => {
      const sport = freshPort()
      const payload = { kind: 'tcp', sport, dport: 80, flags: TCP.RST } as const
      return spoof(
        laptop,
        MAC.home,
        { from: '10.0.0.20', to: SERVER, payload },
        isp,
        false,
        (s) => s.sport === sport,
      )
    },
  },
  {
    what: 'segments outwards fit the WAN',
    groups: ['mss'],
    run: (bed) => segments(bed, 'laptop', SERVER, 80, bed.isp, 1414),
  },
  {
    what: 'segments inwards fit the WAN',
    groups: ['mss'],
    run: (bed) => segments(bed, 'isp', WAN, 8080, bed.laptop, 1414),
  },
  {
    what: 'IPv6 segments fit the WAN',
    groups: ['mss'],
    run: (bed) => segments(bed, 'laptop', SERVER6, 80, bed.isp, 1394),
  },

  // Between zones
  {
    what: 'laptop reaches phone across the bridge',
    groups: ['within-network'],
    run: tcp('laptop', '10.0.0.21', 80, { seenAs: '10.0.0.20' }),
  },
  {
    what: 'laptop reaches phone across the bridge over IPv6',
    groups: ['within-network'],
    run: tcp('laptop', PHONE6, 80, { seenAs: LAPTOP6 }, LAPTOP6),
  },
  {
    what: 'frames with any address cross the bridge',
    groups: ['within-network'],
    run: ({ laptop, phone }) => {
      const text = `foreign ${freshPort()}`
      const payload = { kind: 'udp', sport: 9, dport: 9, text } as const
      return spoof(
        laptop,
        MAC.phone,
        { from: '192.168.99.9', to: '10.0.0.21', payload },
        phone,
        true,
        (s) => s.text === text,
      )
    },
  },
  {
    what: 'container reaches container across its bridge',
    groups: ['containers-within'],
    run: tcp('box', '172.30.0.3', 80, { seenAs: '172.30.0.2' }),
  },
  { what: 'guest does not reach home', groups: ['reject'], run: tcp('guest', '10.0.0.20', 80, 'refused') },
  {
    what: 'guest does not reach home over IPv6',
    groups: ['reject'],
    run: tcp('guest', LAPTOP6, 80, 'refused'),
  },
  { what: 'guest does not ping home', groups: [], run: ping('guest', '10.0.0.20', false) },
  {
    what: 'home reaches what firewall.allow names',
    groups: ['allow'],
    run: tcp('laptop', '10.0.2.5', 9100, { seenAs: '10.0.0.20' }),
  },
  {
    what: 'home pings guest as firewall.allow says',
    groups: ['allow'],
    run: ping('laptop', '10.0.2.5', true),
  },
  {
    what: 'home reaches nothing else there',
    groups: ['reject'],
    run: tcp('laptop', '10.0.2.5', 80, 'refused'),
  },
  {
    what: 'containers reach what firewall.allow names',
    groups: ['allow'],
    run: tcp('box', '10.0.0.20', 1883, { seenAs: /^(172\.30\.0\.2|10\.0\.0\.1)$/ }),
  },
  {
    what: 'containers reach nothing else at home',
    groups: ['reject'],
    run: tcp('box', '10.0.0.20', 80, 'refused'),
  },
  {
    what: 'home reaches a published port that was declared',
    groups: ['published'],
    run: tcp('laptop', '10.0.0.1', 8053, { seenAs: '10.0.0.20' }),
  },
  { what: 'guest does not', groups: ['reject'], run: tcp('guest', '10.0.2.1', 8053, 'refused') },
  {
    what: 'home does not reach one that was not declared',
    groups: ['reject'],
    run: tcp('laptop', '10.0.0.1', 9443, 'closed'),
  },
  {
    what: "home does not reach a container's own address",
    groups: ['reject'],
    run: tcp('laptop', '172.30.0.2', 80, 'refused'),
  },
  {
    what: 'the WAN does not reach a published port',
    groups: ['default-deny'],
    run: tcp('isp', WAN, 9443, 'timeout'),
  },
  {
    what: "the WAN does not reach a container's own address",
    groups: [],
    run: tcp('isp', '172.30.0.3', 80, 'timeout'),
  },
  {
    what: 'the WAN reaches a published port that firewall.allow names',
    groups: ['allow'],
    run: tcp('isp', WAN, 8443, { seenAs: SERVER }, SERVER),
  },
  {
    what: 'but not from another address',
    groups: ['default-deny'],
    run: tcp('isp', WAN, 8443, 'timeout', '203.0.113.1'),
  },

  // What firewall.deny takes away
  {
    what: 'firewall.deny knows a device by its MAC address',
    groups: ['deny'],
    table: 'deny',
    run: tcp('laptop', SERVER, 25, 'refused'),
  },
  {
    what: 'over IPv6 too',
    groups: ['deny'],
    table: 'deny',
    run: tcp('laptop', SERVER6, 25, 'refused', LAPTOP6),
  },
  {
    what: 'the device reaches other ports',
    groups: ['outbound'],
    table: 'deny',
    run: tcp('laptop', SERVER, 80, { seenAs: WAN }),
  },
  {
    what: 'other devices reach the port',
    groups: ['outbound'],
    table: 'deny',
    run: tcp('phone', SERVER, 25, { seenAs: WAN }),
  },
  {
    what: 'firewall.deny comes before router_access',
    groups: ['deny'],
    table: 'deny',
    run: tcp('phone', '10.0.0.1', 22, 'refused'),
  },
  {
    what: 'and before a published port',
    groups: ['deny'],
    table: 'deny',
    run: tcp('phone', '10.0.0.1', 8053, 'closed'),
  },
  {
    what: 'and before firewall.forwards, without an answer',
    groups: ['deny'],
    table: 'deny',
    run: toForward('198.51.100.77', WAN, false),
  },
  {
    what: 'others outside are forwarded',
    groups: ['forward-accept'],
    table: 'deny',
    run: toForward('198.51.100.7', WAN, true),
  },
  {
    what: 'containers may not ping the Internet when it says so',
    groups: ['deny'],
    table: 'deny',
    run: ping('box', SERVER, false),
  },

  // Inwards
  {
    what: 'a port forward wins over a published port, and the host sees the client',
    groups: ['forward-dnat', 'forward-accept', 'zones'],
    run: tcp('isp', WAN, 8080, { seenAs: '203.0.113.1' }),
  },
  {
    what: 'a forwarded range keeps its ports',
    groups: ['forward-dnat', 'forward-accept'],
    run: toForward('198.51.100.77', WAN, true),
  },
  { what: 'a forward with a source is for that source', groups: ['forward-dnat'], run: restrictedForward },
  { what: 'and for nobody else', groups: ['default-deny'], run: tcp('isp', WAN, 2222, 'timeout') },
  {
    what: 'hairpin from the same network',
    groups: ['hairpin'],
    run: tcp('phone', WAN, 8080, { seenAs: '10.0.0.1' }),
  },
  {
    what: 'hairpin from another network',
    groups: ['hairpin', 'forward-accept'],
    run: tcp('guest', WAN, 8080, { seenAs: '10.0.2.5' }),
  },
  {
    what: "the router's own address inside is not forwarded",
    groups: [],
    run: tcp('laptop', '10.0.0.1', 8080, 'closed'),
  },
  {
    what: 'the WAN does not reach home beside the forward',
    groups: ['default-deny'],
    run: tcp('isp', '10.0.0.20', 80, 'timeout'),
  },
  {
    what: 'a pinhole lets the WAN in to one host',
    groups: ['pinhole'],
    run: tcp('isp', LAPTOP6, 443, { seenAs: ISP6 }),
  },
  { what: 'to that port only', groups: ['default-deny'], run: tcp('isp', LAPTOP6, 444, 'timeout') },
  { what: 'to that host only', groups: ['default-deny'], run: tcp('isp', PHONE6, 443, 'timeout') },
  {
    what: 'unsolicited UDP over IPv6 does not come in',
    groups: ['default-deny'],
    run: ({ isp, phone }) => {
      const sport = freshPort()
      const text = `unasked ${sport}`
      const payload = { kind: 'udp', sport, dport: 6005, text } as const
      return spoof(isp, MAC.wan, { from: ISP6, to: PHONE6, payload }, phone, false, (s) => s.text === text)
    },
  },
  { what: 'IPv6 pings reach hosts', groups: ['transit-ping6'], run: ping('isp', PHONE6, true) },
  { what: 'errors about a flow come in', groups: ['established'], run: errorComesIn },

  // Sources
  {
    what: "home cannot send with a guest's address",
    groups: ['lan-source'],
    run: (bed) => outwardSpoof(bed, bed.laptop, MAC.home, '10.0.2.50', SERVER, false),
  },
  {
    what: "home cannot send with a guest's IPv6 address",
    groups: ['lan-source'],
    run: (bed) => outwardSpoof(bed, bed.laptop, MAC.home, '2001:db8:10:2::77', SERVER6, false),
  },
  {
    what: 'guest cannot send with an address of the Internet',
    groups: ['lan-source'],
    run: (bed) => outwardSpoof(bed, bed.guest, MAC.guest, '198.51.100.200', SERVER, false),
  },
  { what: "guest cannot inject into home's flow", groups: ['lan-source'], run: injection },
  { what: 'nor with many networks', groups: ['lan-source'], table: 'many', run: injection },
  {
    what: 'with many networks home still reaches the Internet',
    groups: ['outbound', 'established'],
    table: 'many',
    run: tcp('laptop', SERVER, 80, { seenAs: WAN }),
  },
  {
    what: 'the WAN cannot inject into a flow between our networks',
    groups: ['wan-own-source'],
    run: injectionFromWan,
  },
  {
    what: 'home sends with another address of its own',
    groups: ['outbound'],
    run: (bed) => outwardSpoof(bed, bed.laptop, MAC.home, '10.0.0.99', SERVER, true),
  },
  {
    what: "containers cannot send with home's address",
    groups: ['container-source'],
    run: (bed) => outwardSpoof(bed, bed.box, MAC.containers, '10.0.0.77', SERVER, false),
  },
  {
    what: 'what the port below a PPPoE session says is no answer to what we sent',
    groups: ['zones'],
    table: 'pppoe',
    run: ping('router', SERVER, false),
  },
  {
    what: "our own network's address does not come from the WAN",
    groups: ['wan-own-source'],
    table: 'admit private',
    run: toForward('10.0.0.77', WAN, false),
  },
  {
    what: "a container's address does not come from the WAN",
    groups: ['wan-own-source'],
    table: 'admit private',
    run: toForward('172.30.0.2', WAN, false),
  },
  {
    what: 'an address of the pool that no container has may',
    groups: [],
    table: 'admit private',
    run: toForward('172.30.9.9', WAN, true),
  },
  {
    what: 'our own IPv6 prefix does not come from the WAN',
    groups: ['wan-own-source'],
    run: ({ isp, laptop }) => {
      const sport = freshPort()
      const spec: Spec = {
        from: GUEST6,
        to: LAPTOP6,
        payload: { kind: 'tcp', sport, dport: 443, flags: TCP.SYN },
      }
      return spoof(isp, MAC.wan, spec, laptop, false, (s) => s.sport === sport)
    },
  },
  {
    what: 'what no network has of a delegated prefix is not answered for to the Internet',
    groups: ['wan-unreachable'],
    run: async ({ isp, router }) => {
      // As sekishod has it of the whole prefix (RFC 7084, WPD-5).
      await router.run(['ip', '-6', 'route', 'replace', 'unreachable', '2001:db8:10:ff00::/56'])
      const payload = { kind: 'udp', sport: freshPort(), dport: 9, text: 'who is there' } as const
      await isp.frame('eth0', MAC.wan, { from: SERVER6, to: '2001:db8:10:ffff::1', payload })
      // Code 0, "no route to destination" (RFC 4443 section 3.1), is the kernel's; no rule sends one to the Internet.
      const answered = async () =>
        (await isp.seen()).some((s) => s.protocol === 58 && s.type === 1 && s.code === 0 && s.to === SERVER6)
      return arrives(answered, false)
    },
  },
  {
    what: 'special-purpose sources do not come in',
    groups: ['wan-bogon'],
    run: toForward('198.18.0.9', WAN, false),
  },
  {
    what: 'not even with what belongs to no flow',
    groups: ['wan-bogon'],
    run: (bed) => solicit(bed, '100::1', false),
  },
  {
    what: 'a neighbour on the WAN link may ask for the router',
    groups: ['neighbour-discovery'],
    run: (bed) => solicit(bed, '2001:db8:0:1::77', true),
  },
  { what: 'documentation addresses do', groups: ['forward-accept'], run: toForward('192.0.2.9', WAN, true) },
  {
    what: 'private sources do not come in to a public address',
    groups: ['wan-private'],
    run: toForward('192.168.77.9', WAN, false),
  },
  {
    what: 'nor those of carrier-grade NAT',
    groups: ['wan-private'],
    run: toForward('100.64.9.9', WAN, false),
  },
  {
    what: 'auto: private sources come in to a private WAN address',
    groups: ['forward-accept'],
    run: toForward('192.168.77.9', WAN_PRIVATE, true),
  },
  {
    what: 'auto: but not to an address inside',
    groups: [],
    run: toForward('192.168.77.9', '10.0.0.1', false),
  },
  {
    what: 'block_private true: not to a private WAN address either',
    groups: ['wan-private'],
    table: 'block private',
    run: toForward('192.168.77.9', WAN_PRIVATE, false),
  },
  {
    what: 'block_private false: to any',
    groups: ['forward-accept'],
    table: 'admit private',
    run: toForward('192.168.77.9', WAN, true),
  },
  {
    what: "the static WAN's own link is no bogon",
    groups: ['wan-link'],
    table: 'static',
    run: toForward('100.64.7.1', '100.64.7.2', true),
  },
  {
    what: 'what is beside that link is',
    groups: ['wan-private'],
    table: 'static',
    run: toForward('100.64.8.1', '100.64.7.2', false),
  },

  // Test points
  {
    what: 'one test point of apply reaches the other over both families',
    groups: ['probe', 'zones', 'established'],
    run: testPoints,
  },

  // Records
  { what: 'a refused packet is recorded with its reason', groups: ['log'], run: recorded },
  { what: 'broadcasts and multicasts are refused without a record', groups: ['noise'], run: quiet },
]

/** What apply asks of its own test points. */
async function testPoints({ router }: Bed): Promise<string | undefined> {
  const machine = createHost({ exec: (argv) => router.try(argv) })
  const seen = await Promise.all(forwardingProbes(machine).map((probe) => probe.run()))
  return seen.find((saw) => saw !== undefined)
}

async function udp(
  bed: Bed,
  from: 'guest' | 'isp',
  to: string,
  port: number,
  expected: boolean,
): Promise<string | undefined> {
  const text = `udp ${freshPort()}`
  await bed[from].send(to, port, text)
  return arrives(
    async () => (await bed.router.heard()).some((h) => h.text === text && h.port === port),
    expected,
  )
}

async function advertise(
  { router }: Bed,
  from: Host,
  mac: string,
  hopLimit: number,
  expected: boolean,
): Promise<string | undefined> {
  const before = await passed(router, 'router-advert')
  const body = Buffer.from('86000000400000000000000000000000', 'hex')
  await from.frame('eth0', mac, {
    from: await linkLocal(from, 'eth0'),
    to: 'ff02::1',
    hopLimit,
    payload: { kind: 'icmpv6', body },
  })
  return arrives(async () => (await passed(router, 'router-advert')) > before, expected)
}

async function dhcpAnswer({ isp, router }: Bed, expected: boolean): Promise<string | undefined> {
  const text = `lease ${freshPort()}`
  await isp.frame('eth0', MAC.wan, {
    from: '192.168.50.1',
    to: WAN,
    payload: { kind: 'udp', sport: 67, dport: 68, text },
  })
  return arrives(async () => (await router.heard()).some((h) => h.text === text), expected)
}

async function segments(
  bed: Bed,
  from: 'laptop' | 'isp',
  to: string,
  port: number,
  at: Host,
  mss: number,
): Promise<string | undefined> {
  const before = (await at.seen()).length
  const got = await bed[from].connect(to, port, {
    ms: patienceMs,
    ...(to === SERVER6 && { from: LAPTOP6 }),
  })
  if (got.result !== 'open') return `it was ${got.result}`
  let opened: Awaited<ReturnType<Host['seen']>> = []
  // The connection may be open before its capture was read.
  await until(async () => {
    opened = (await at.seen()).slice(before).filter((s) => s.protocol === 6 && (s.flags & TCP.SYN) !== 0)
    return opened.length > 0
  }, patienceMs)
  const sizes = [...new Set(opened.map((s) => s.mss))]
  return sizes.length === 1 && sizes[0] === mss ? undefined : `the segment sizes were ${sizes.join(', ')}`
}

async function outwardSpoof(
  { isp }: Bed,
  from: Host,
  mac: string,
  source: string,
  to: string,
  expected: boolean,
): Promise<string | undefined> {
  const sport = freshPort()
  const text = `outward ${sport}`
  const payload = { kind: 'udp', sport, dport: 9, text } as const
  return spoof(from, mac, { from: source, to, payload }, isp, expected, (s) => s.text === text)
}

/** Answers an existing flow of the laptop's in the server's name, from the guest network. */
async function injection({ laptop, guest, isp }: Bed): Promise<string | undefined> {
  const sport = freshPort()
  const asked = `asked ${sport}`
  const ask = { kind: 'udp', sport, dport: 9, text: asked } as const
  const missing = await spoof(
    laptop,
    MAC.home,
    { from: '10.0.0.20', to: SERVER, payload: ask },
    isp,
    true,
    (s) => s.text === asked,
  )
  const outside = (await isp.seen()).find((s) => s.text === asked)
  if (missing !== undefined || !outside) return `the flow did not begin: ${missing}`
  const text = `injected ${sport}`
  const payload = { kind: 'udp', sport: 9, dport: outside.sport, text } as const
  return spoof(
    guest,
    MAC.guest,
    { from: SERVER, to: outside.from, payload },
    laptop,
    false,
    (s) => s.text === text,
  )
}

/** Answers a flow from the laptop to the guest in the guest's name, from the provider's link. */
async function injectionFromWan({ laptop, guest, isp }: Bed): Promise<string | undefined> {
  const sport = freshPort()
  const text = `injected ${sport}`
  const ask = { kind: 'udp', sport, dport: 9100, text: `asked ${sport}` } as const
  const missing = await spoof(
    laptop,
    MAC.home,
    { from: '10.0.0.20', to: '10.0.2.5', payload: ask },
    guest,
    true,
    (s) => s.text === ask.text,
  )
  if (missing !== undefined) return `the flow did not begin: ${missing}`
  const payload = { kind: 'udp', sport: 9100, dport: sport, text } as const
  return spoof(
    isp,
    MAC.wan,
    { from: '10.0.2.5', to: '10.0.0.20', payload },
    laptop,
    false,
    (s) => s.text === text,
  )
}

/** Asks for the router's link address (RFC 4861 section 4.3); connection tracking leaves such packets alone. */
async function solicit({ isp, router }: Bed, from: string, expected: boolean): Promise<string | undefined> {
  const before = await passed(router, 'solicitation')
  const target = Buffer.from('20010db8000000010000000000000005', 'hex')
  const body = Buffer.concat([Buffer.from([135, 0, 0, 0, 0, 0, 0, 0]), target])
  const payload = { kind: 'icmpv6', body } as const
  await isp.frame('eth0', MAC.wan, { from, to: WAN6, hopLimit: 255, payload })
  return arrives(async () => (await passed(router, 'solicitation')) > before, expected)
}

/** The source that may use the restricted forward to the guest's ssh. */
async function restrictedForward({ isp, guest }: Bed): Promise<string | undefined> {
  const sport = freshPort()
  const payload = { kind: 'tcp', sport, dport: 2222, flags: TCP.SYN } as const
  return spoof(
    isp,
    MAC.wan,
    { from: '198.51.100.7', to: WAN, payload },
    guest,
    true,
    (s) => s.sport === sport && s.dport === 22,
  )
}

/** A closed port far away answers with an ICMP error that belongs to the flow. */
async function errorComesIn({ laptop }: Bed): Promise<string | undefined> {
  const before = (await laptop.seen()).length
  await laptop.send(SERVER, 7777, 'anyone?')
  return arrives(
    async () =>
      (await laptop.seen())
        .slice(before)
        .some((s) => s.protocol === 1 && s.type === 3 && s.code === 3 && s.from === SERVER),
    true,
  )
}

async function recorded({ isp, router }: Bed): Promise<string | undefined> {
  const text = `scan ${freshPort()}`
  await isp.send(WAN, 9, text)
  return arrives(
    async () => (await router.nflog()).some((r) => r.includes('sekisho:drop:input:wan') && r.includes(text)),
    true,
  )
}

async function quiet({ laptop, router }: Bed): Promise<string | undefined> {
  const mark = freshPort()
  const records = async (text: string) => (await router.nflog()).some((r) => r.includes(text))
  await laptop.send('10.0.0.255', 9999, `broadcast ${mark}`)
  const link = await linkLocal(laptop, 'eth0')
  const payload = { kind: 'udp', sport: mark, dport: 9999, text: `multicast ${mark}` } as const
  await laptop.frame('eth0', '33:33:00:00:00:01', { from: link, to: 'ff02::1', payload })
  await laptop.send('10.0.0.1', 9, `unicast ${mark}`)
  const missing = await arrives(() => records(`unicast ${mark}`), true)
  if (missing !== undefined) return `the unicast was not recorded`
  return (await records(`broadcast ${mark}`)) || (await records(`multicast ${mark}`))
    ? 'it was recorded'
    : undefined
}
