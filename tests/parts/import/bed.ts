import { setTimeout as sleep } from 'node:timers/promises'
import type { Spec } from '../../../src/prove/packet.ts'
import { Host } from '../nft/host.ts'

/*
 * A router with rules of one kind or the other, and what is around it. It says of each packet whether the rules let it
 * through: a table behind them all counts those that come so far.
 *
 *   server 198.51.100.10 ── isp ── WAN router LAN ── laptop 10.0.0.20
 *                                        ├ second network ── guest 10.0.2.5
 *                                        └ docker0 172.17.0.0/16
 */

export interface Ports {
  readonly wan: string
  readonly lan: string
  readonly guest: string
}

export interface Probe {
  readonly name: string
  readonly from: 'isp' | 'laptop' | 'guest' | 'router'
  /** A packet as it is sent; of the router itself, and for an answer, see `begins`. */
  readonly packet: Spec
  /** Sent before, by another: what the packet is the answer to. */
  readonly begins?: { readonly from: Probe['from']; readonly packet: Spec }
  /** Where a forward leads: only what arrives there counts. */
  readonly at?: { readonly host: string; readonly port: number }
}

export const SERVER = '198.51.100.10'
export const WAN = '203.0.113.5'
const MAC = { isp: '02:00:5e:00:01:01', laptop: '02:00:5e:00:01:02', guest: '02:00:5e:00:01:03' } as const
const OWN = { isp: '02:00:5e:00:00:01', laptop: '02:00:5e:00:00:02', guest: '02:00:5e:00:00:03' } as const

export interface Bed {
  /** Loads rules, sends every packet, and returns the names of those that passed. */
  passing(
    rules: { readonly argv: readonly string[]; readonly text: string },
    probes: readonly Probe[],
  ): Promise<Set<string>>
  stop(): Promise<void>
}

export async function startBed(ports: Ports): Promise<Bed> {
  const hosts = await Promise.all(
    (['router', 'isp', 'laptop', 'guest'] as const).map((name) => Host.start(name)),
  )
  const [router, isp, laptop, guest] = hosts
  if (!router || !isp || !laptop || !guest) throw new Error('a host is missing')
  const host = { router, isp, laptop, guest }
  const stop = async () => {
    await Promise.all(hosts.map((one) => one.stop()))
  }
  const send = async (from: Probe['from'], packet: Spec): Promise<void> => {
    if (from === 'router') await router.run([process.execPath, '-e', sendScript(packet)])
    else await host[from].frame('eth0', OWN[from], packet)
  }
  try {
    await build(host, ports)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    stop,
    async passing({ argv, text }, probes) {
      await router.run(argv, text)
      await router.run(['nft', '-f', '-'], behind(probes))
      await Promise.all(probes.flatMap(({ begins }) => (begins ? [send(begins.from, begins.packet)] : [])))
      await sleep(100)
      await Promise.all(probes.map(({ from, packet }) => send(from, packet)))
      return counted(router, probes)
    },
  }
}

/** The router's own socket: a packet of its own passes OUTPUT, and is known there. */
function sendScript({ to, payload }: Spec): string {
  if (payload.kind !== 'udp') throw new Error('the router itself sends UDP only')
  return `const s = require('node:dgram').createSocket('udp4')
    s.bind(${payload.sport}, () => s.send('x', ${payload.dport}, '${to}', () => s.close()))`
}

async function build(
  { router, isp, laptop, guest }: Record<Probe['from'], Host>,
  ports: Ports,
): Promise<void> {
  for (const host of [router, isp, laptop, guest])
    await host.sysctl({ 'net.ipv6.conf.all.accept_dad': '0', 'net.ipv6.conf.default.accept_dad': '0' })
  // What is compared are the rules, and not what the kernel drops by itself.
  await router.sysctl({ 'net.ipv4.conf.all.rp_filter': '0', 'net.ipv4.conf.default.rp_filter': '0' })
  const cable = (port: string, near: keyof typeof MAC, far: Host) =>
    `link add ${port} address ${OWN[near]} type veth peer name eth0 address ${MAC[near]} netns ${far.pid}`
  await router.ip(
    'link set lo up',
    cable(ports.wan, 'isp', isp),
    cable(ports.lan, 'laptop', laptop),
    cable(ports.guest, 'guest', guest),
    'link add docker0 type bridge',
    ...[ports.wan, ports.lan, ports.guest, 'docker0'].map((port) => `link set ${port} up`),
    `addr add ${WAN}/24 dev ${ports.wan}`,
    `addr add 10.0.0.1/24 dev ${ports.lan}`,
    `addr add 10.0.2.1/24 dev ${ports.guest}`,
    'addr add 172.17.0.1/16 dev docker0',
    'route add default via 203.0.113.1',
    `neigh add 203.0.113.1 lladdr ${MAC.isp} dev ${ports.wan}`,
  )
  await isp.ip('link set lo up', 'link set eth0 up', 'addr add 203.0.113.1/24 dev eth0')
  await laptop.ip('link set lo up', 'link set eth0 up', 'addr add 10.0.0.20/24 dev eth0')
  await guest.ip('link set lo up', 'link set eth0 up', 'addr add 10.0.2.5/24 dev eth0')
  await router.sysctl({ 'net.ipv4.ip_forward': '1' })
}

/** Rules after all others, one for each packet. */
function behind(probes: readonly Probe[]): string {
  const rules = probes.map((probe, i) => `${matchOf(probe)} counter comment "p${i}"`)
  const chain = (hook: string) =>
    `chain ${hook} { type filter hook ${hook} priority 300; policy accept;\n${rules.join('\n')}\n}`
  return `table ip behind\ndelete table ip behind\ntable ip behind {\n${chain('input')}\n${chain('forward')}\n}\n`
}

function matchOf({ packet: { payload }, at }: Probe): string {
  if (payload.kind === 'icmp') return `icmp type echo-request icmp id ${payload.id}`
  if (payload.kind === 'icmpv6') throw new Error('IPv4 only')
  const target = at ? ` ip daddr ${at.host} ${payload.kind} dport ${at.port}` : ''
  return `${payload.kind} sport ${payload.sport}${target}`
}

async function counted(router: Host, probes: readonly Probe[]): Promise<Set<string>> {
  const passed = async () => {
    const text = await router.run(['nft', 'list', 'table', 'ip', 'behind'])
    const lines = [...text.matchAll(/packets (\d+) bytes \d+ comment "p(\d+)"/g)]
    return lines.flatMap(([, packets, i]) => (Number(packets) > 0 ? [probes[Number(i)]?.name ?? ''] : []))
  }
  // The last packets may be on their way still.
  let before = await passed()
  for (;;) {
    await sleep(200)
    const now = await passed()
    if (now.length === before.length) return new Set(now)
    before = now
  }
}
