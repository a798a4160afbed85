import type { NftInput } from '../../../src/router/render/nft.ts'
import { NFT_CASES } from '../../../src/router/render/nft-cases.ts'
import { Host } from './host.ts'

/*
 * The bed of the packet tests: a router with the rendered table, and what is around it.
 *
 *   server 198.51.100.10 ─┐
 *                        isp ── wan0 router br-home ┬ lan0 ── laptop 10.0.0.20
 *                                         │         └ lan1 ── phone  10.0.0.21
 *                                         ├ lan2 ── guest 10.0.2.5
 *                                         └ br-0a1b2c3d4e5f (as Docker names it) ─ box, box2
 */

export const MAC = {
  wan: '02:00:5e:00:00:01',
  home: '02:00:5e:00:00:02',
  guest: '02:00:5e:00:00:03',
  containers: '02:00:5e:00:00:04',
  isp: '02:00:5e:00:01:01',
  laptop: '02:00:5e:00:01:02',
  phone: '02:00:5e:00:01:03',
  guest1: '02:00:5e:00:01:04',
  box: '02:00:5e:00:01:05',
  box2: '02:00:5e:00:01:06',
  broadcast: 'ff:ff:ff:ff:ff:ff',
} as const

export const DOCKER = 'br-0a1b2c3d4e5f'
export const SERVER = '198.51.100.10'
export const SERVER6 = '2001:db8:ffff::10'
export const WAN = '203.0.113.5'
/** A second address of the WAN port, private, as behind another router. */
export const WAN_PRIVATE = '192.168.77.2'
export const WAN6 = '2001:db8:0:1::5'
export const ISP6 = '2001:db8:0:1::1'
export const LAPTOP6 = '2001:db8:10:1:1c2d:3eff:fe4f:5a6b'
export const PHONE6 = '2001:db8:10:1::21'
export const GUEST6 = '2001:db8:10:2::5'
export const LAPTOP_ULA = 'fd12:3456:789a:1::20'

const office = NFT_CASES.office

/** The router of the bed, in the shapes that its probes need. */
export const TABLES = {
  main: withWan({ mtu: 1454 }),
  // More than are compared one by one: known flows are looked up.
  many: {
    ...office,
    router: {
      ...office.router,
      networks: [...office.router.networks, ...NFT_CASES.many.router.networks.slice(2, 6)],
    },
  },
  deny: NFT_CASES.deny,
  'admit private': withWan({ block_private: false }),
  'block private': withWan({ block_private: true }),
  static: {
    ...office,
    router: {
      ...office.router,
      wan: {
        ...office.router.wan,
        config: {
          mode: 'static',
          interface: 'wan0',
          block_private: true,
          ipv6: 'auto',
          address: '100.64.7.2/24',
          gateway: '100.64.7.1',
          dns: [],
        },
      },
    },
  },
  // Its session is not there: only the port below.
  pppoe: { ...office, router: { ...office.router, wan: NFT_CASES.pppoe.router.wan } },
} as const satisfies Record<string, NftInput>
export type Table = keyof typeof TABLES

function withWan({ mtu = 1500, block_private = 'auto' as 'auto' | boolean }): NftInput {
  const { router, openings } = office
  const config = { ...router.wan.config, block_private }
  return { openings, router: { ...router, wan: { ...router.wan, config, mtu } } }
}

export interface Bed {
  readonly router: Host
  readonly isp: Host
  readonly laptop: Host
  readonly phone: Host
  readonly guest: Host
  readonly box: Host
  readonly box2: Host
  load(text: string): Promise<void>
  stop(): Promise<void>
}

/** Docker's part, in the same places as its iptables rules: DNAT at -100, its filter at 0, masquerade at 100. */
const DOCKER_TABLE = `
table ip docker-like {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local iifname != "${DOCKER}" tcp dport { 8053, 8080, 8443, 9443 } dnat to 172.30.0.2:80
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    oifname "${DOCKER}" ct state established,related accept
    iifname "${DOCKER}" accept
    iifname != "${DOCKER}" oifname "${DOCKER}" ip daddr 172.30.0.2 tcp dport 80 accept
    oifname "${DOCKER}" drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 172.30.0.0/24 oifname != "${DOCKER}" masquerade
  }
}
`

/** Counts what has passed the router's input chain and has no socket of ours behind it. */
const BEHIND_TABLE = `
table inet behind {
  chain input {
    type filter hook input priority 100; policy accept;
    icmpv6 type nd-router-advert counter comment "router-advert"
    icmpv6 type mld-listener-query counter comment "listener-query"
    icmpv6 type nd-neighbor-solicit ip6 saddr { 100::1, 2001:db8:0:1::77 } counter comment "solicitation"
  }
}
`

/** How often the rule with this comment in the table behind the firewall has counted. */
export async function passed(router: Host, name: string): Promise<number> {
  const list = await router.run(['nft', 'list', 'table', 'inet', 'behind'])
  const line = list.split('\n').find((l) => l.includes(`"${name}"`))
  return Number(/packets (\d+)/.exec(line ?? '')?.[1] ?? Number.NaN)
}

export async function startBed(): Promise<Bed> {
  const names = ['router', 'isp', 'laptop', 'phone', 'guest', 'box', 'box2'] as const
  const started = await Promise.all(names.map((name) => Host.start(name)))
  const [router, isp, laptop, phone, guest, box, box2] = started
  if (!router || !isp || !laptop || !phone || !guest || !box || !box2) throw new Error('a host is missing')
  const everyone = [router, isp, laptop, phone, guest, box, box2]
  const stop = async () => {
    await Promise.all(everyone.map((host) => host.stop()))
  }
  try {
    for (const host of everyone) {
      // Addresses count at once, or the first second of every test is duplicate address detection.
      await host.sysctl({ 'net.ipv6.conf.all.accept_dad': '0', 'net.ipv6.conf.default.accept_dad': '0' })
      await host.sysctl({ 'net.ipv6.conf.default.accept_ra': '0' })
    }
    await router.sysctl({
      'net.bridge.bridge-nf-call-iptables': '1',
      'net.bridge.bridge-nf-call-ip6tables': '1',
      'net.ipv4.conf.default.rp_filter': '2',
      'net.ipv4.conf.all.rp_filter': '2',
    })
    await router.ip(
      `link set lo up`,
      `link add wan0 address ${MAC.wan} mtu 1454 type veth peer name eth0 address ${MAC.isp} netns ${isp.pid}`,
      `link add br-home address ${MAC.home} type bridge`,
      `link add lan0 type veth peer name eth0 address ${MAC.laptop} netns ${laptop.pid}`,
      `link add lan1 type veth peer name eth0 address ${MAC.phone} netns ${phone.pid}`,
      `link set lan0 master br-home`,
      `link set lan1 master br-home`,
      `link add lan2 address ${MAC.guest} type veth peer name eth0 address ${MAC.guest1} netns ${guest.pid}`,
      `link add ${DOCKER} address ${MAC.containers} type bridge`,
      `link add veth1 type veth peer name eth0 address ${MAC.box} netns ${box.pid}`,
      `link add veth2 type veth peer name eth0 address ${MAC.box2} netns ${box2.pid}`,
      `link set veth1 master ${DOCKER}`,
      `link set veth2 master ${DOCKER}`,
      ...['wan0', 'br-home', 'lan0', 'lan1', 'lan2', DOCKER, 'veth1', 'veth2'].map((d) => `link set ${d} up`),
      `addr add ${WAN}/24 dev wan0`,
      `addr add ${WAN_PRIVATE}/24 dev wan0`,
      `addr add 100.64.7.2/24 dev wan0`,
      `addr add ${WAN6}/64 dev wan0`,
      `addr add 10.0.0.1/24 dev br-home`,
      `addr add 2001:db8:10:1::1/64 dev br-home`,
      `addr add fd12:3456:789a:1::1/64 dev br-home`,
      `addr add 10.0.2.1/24 dev lan2`,
      `addr add 2001:db8:10:2::1/64 dev lan2`,
      `addr add 172.30.0.1/24 dev ${DOCKER}`,
      `route add default via 203.0.113.1`,
      `route add ::/0 via ${ISP6}`,
    )
    await isp.ip(
      'link set lo up',
      'link set eth0 up',
      'addr add 203.0.113.1/24 dev eth0',
      'addr add 192.168.77.1/24 dev eth0',
      'addr add 100.64.7.1/24 dev eth0',
      `addr add ${SERVER}/32 dev lo`,
      `addr add ${ISP6}/64 dev eth0`,
      `addr add ${SERVER6}/128 dev lo`,
      `route add 2001:db8:10::/48 via ${WAN6}`,
      // A careless neighbour on the provider's link, who sends packets for our inside straight to us.
      `route add 10.0.0.0/16 via ${WAN} src 203.0.113.1`,
      `route add 172.30.0.0/16 via ${WAN} src 203.0.113.1`,
    )
    await lanHost(laptop, '10.0.0.20/24', '10.0.0.1', `${LAPTOP6}/64`, '2001:db8:10:1::1')
    await laptop.ip(`addr add ${LAPTOP_ULA}/64 dev eth0`)
    await lanHost(phone, '10.0.0.21/24', '10.0.0.1', `${PHONE6}/64`, '2001:db8:10:1::1')
    await lanHost(guest, '10.0.2.5/24', '10.0.2.1', `${GUEST6}/64`, '2001:db8:10:2::1')
    await lanHost(box, '172.30.0.2/24', '172.30.0.1')
    await lanHost(box2, '172.30.0.3/24', '172.30.0.1')

    await router.listen('tcp', 22, 53, 9, 2200)
    await router.listen('udp', 53, 67, 68, 546, 9, 51820)
    await isp.listen('tcp', 80, 25)
    await laptop.listen('tcp', 80, 443, 444, 1883)
    await phone.listen('tcp', 80, 443)
    await phone.listen('udp', 6005)
    await guest.listen('tcp', 22, 80, 9100)
    await box.listen('tcp', 80)
    await box2.listen('tcp', 80)

    const load = async (text: string) => {
      await router.run(['nft', '-f', '-'], text)
    }
    await load(DOCKER_TABLE)
    await load(BEHIND_TABLE)
    await router.sysctl({ 'net.ipv4.ip_forward': '1', 'net.ipv6.conf.all.forwarding': '1' })
    await router.sysctl({
      'net.ipv4.conf.all.send_redirects': '0',
      'net.ipv4.conf.br-home.send_redirects': '0',
    })
    return { router, isp, laptop, phone, guest, box, box2, load, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function lanHost(host: Host, address: string, via: string, address6 = '', via6 = ''): Promise<void> {
  await host.ip(
    'link set lo up',
    'link set eth0 up',
    `addr add ${address} dev eth0`,
    `route add default via ${via}`,
    ...(address6 ? [`addr add ${address6} dev eth0`, `route add ::/0 via ${via6}`] : []),
  )
}
