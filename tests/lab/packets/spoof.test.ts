import { isIPv4 } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Host } from '../../../src/lab/host.ts'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { ROUTER_CABLES, SERVERS, WAN } from '../../../src/lab/topology.ts'
import { type Addresses, addressesOf } from '../support/addresses.ts'
import { applyYaml, baseline, baselineYaml } from '../support/router-yaml.ts'
import { type Layers, sendPackets } from './peer.ts'
import { until, watch } from './watch.ts'

/*
 * Source addresses that do not belong where they come from, in both directions (BCP 38). Every packet has a port of
 * its own, so that the far side shows which of them arrived.
 */

const WAN_MAC = ROUTER_CABLES[0].near.mac
const FIRST_PORT = 20_000

let lab: Lab
let laptop: Addresses
let guest1: Addresses

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
  laptop = await addressesOf(lab.laptop, 'eth0', await addressesOf(lab.router, 'br-home'))
  guest1 = await addressesOf(lab.guest1, 'eth0', await addressesOf(lab.router, 'lan1'))
})

afterAll(async () => {
  if (lab !== undefined) await baseline(lab)
})

/** Sends one datagram from each source and returns those that the far side saw. */
async function arriving(
  sources: readonly string[],
  path: {
    readonly from: Host
    readonly mac: string
    readonly to: (source: string) => string
    readonly at: Host
    readonly device: string
  },
): Promise<string[]> {
  const packets = sources.map((src, i): Layers => {
    const ip = isIPv4(src) ? 'IP' : 'IPv6'
    return [
      [ip, { src, dst: path.to(src) }],
      ['UDP', { sport: 5353, dport: FIRST_PORT + i }],
      ['Raw', { load: 'spoofed' }],
    ]
  })
  const filter = `udp portrange ${FIRST_PORT}-${FIRST_PORT + sources.length}`
  const lines = await watch(path.at, path.device, filter, () => sendPackets(path.from, path.mac, packets))
  const ports = new Set(lines.map((line) => Number(/ > \S+[.](\d+): /.exec(line)?.[1])))
  return sources.filter((_, i) => ports.has(FIRST_PORT + i))
}

async function routerMac(port: string): Promise<string> {
  return JSON.parse(await lab.router.execOk(['ip', '-j', 'link', 'show', port]))[0].address
}

async function withoutChains(chains: readonly string[], action: () => Promise<void>): Promise<void> {
  for (const chain of chains) await lab.router.execOk(['nft', 'flush', 'chain', 'inet', 'sekisho', chain])
  try {
    await action()
  } finally {
    await lab.router.execOk(['nft', '-f', '/etc/sekisho/current/sekisho.nft'])
  }
}

describe('from the WAN', () => {
  const OWN = ['10.0.0.77', '10.0.0.1', '10.0.1.5', '10.0.1.255', WAN.router4, '172.17.0.1']
  const IMPOSSIBLE = ['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.9.9.9', '224.0.0.5', '239.255.0.1', '240.0.0.1']
  const SPECIAL = ['255.255.255.255', '169.254.9.9', '192.0.0.9', '198.18.0.9', '198.19.255.1']
  const PRIVATE = ['10.99.0.1', '172.16.5.5', '172.31.0.9', '192.168.77.9', '100.64.1.1', '100.127.255.1']
  const FINE = ['192.0.2.9', '198.51.100.77', WAN.attacker4, '203.0.113.200', '11.0.0.1', '223.255.255.1']
  const FINE6 = ['2001:db8:80::99', '2001:db8:0:1::66', '2001:db8:ffff::1', '2400::1']

  /** Ours: delegated (in use and not), site-local; and what nobody has. */
  const BAD6 = () => [
    laptop.gua,
    guest1.gua,
    '2001:db8:100:1::77',
    '2001:db8:100:55::1',
    laptop.ula,
    'fd4b:7a11:9c02:99::1',
    'fdff::1',
    'fe80::66',
    '::1',
    '::ffff:203.0.113.9',
    '100::1',
    '2001:2::1',
    '2001:10::1',
    'fec0::1',
    'ff02::1',
  ]
  const wan = () => ({
    from: lab.attacker,
    mac: WAN_MAC,
    to: (source: string) => (isIPv4(source) ? WAN.router4 : laptop.gua),
    at: lab.laptop,
    device: 'eth0',
  })

  async function open(wanKeys = ''): Promise<void> {
    const ports = `${FIRST_PORT}-${FIRST_PORT + 99}`
    const text = await baselineYaml(
      lab,
      `
firewall:
  forwards:
    - { port: ${ports}, protocol: udp, to: ${laptop.v4}, why: test }
  pinholes:
    - { network: home, interface_id: '::${laptop.gua.split(':').slice(-4).join(':')}', protocol: udp, ports: [${ports}] }
`,
    )
    await applyYaml(lab, text.replace('  interface: wan0', `  interface: wan0${wanKeys}`))
  }

  test('only sources of the Internet come in, examples of RFC 5737 and RFC 3849 among them', async () => {
    await open()
    const sources = [...OWN, ...IMPOSSIBLE, ...SPECIAL, ...PRIVATE, ...FINE, ...BAD6(), ...FINE6]
    expect(await arriving(sources, wan())).toEqual([...FINE, ...FINE6])
  })

  test('without the check of sources those packets arrive', async () => {
    await withoutChains(['source_wan', 'begin_wan'], async () => {
      const sources = ['10.0.0.77', '192.168.77.9', '198.18.0.9', ...FINE, 'fdff::1', '2001:db8:100:55::1']
      expect(await arriving(sources, wan())).toEqual(sources)
    })
  })

  test('block_private: false lets private sources in, and ours never', async () => {
    await open('\n  block_private: false')
    const sources = [...OWN, ...IMPOSSIBLE, ...SPECIAL, ...PRIVATE, ...FINE, ...BAD6(), ...FINE6]
    expect(await arriving(sources, wan())).toEqual([...PRIVATE, ...FINE, 'fdff::1', ...FINE6])
  })
})

describe('from a network', () => {
  beforeAll(() => baseline(lab))

  const FOREIGN = ['203.0.113.9', '8.8.8.8', WAN.router4, '192.168.0.5', '172.17.0.2', '169.254.1.1']
  const IMPOSSIBLE = ['0.0.0.0', '127.0.0.1', '224.0.0.5', '255.255.255.255']
  const FOREIGN6 = ['2001:db8:ffff::1', '2001:db8:0:1::5', '2001:db8:100:55::1', '::1', 'fe80::9', 'fdff::1']

  const paths = () => [
    {
      from: lab.laptop,
      port: 'br-home',
      gateways: ['10.0.0.1'],
      own: ['10.0.0.77', '2001:db8:100:1::77'],
      other: [guest1.v4, '10.0.1.50', guest1.gua, guest1.ula, '2001:db8:100:2::77'],
    },
    {
      from: lab.guest1,
      port: 'lan1',
      gateways: ['10.0.1.1'],
      own: ['10.0.1.77', '2001:db8:100:2::77'],
      other: [laptop.v4, '10.0.0.50', laptop.gua, laptop.ula, '2001:db8:100:1::77'],
    },
  ]
  const to = (source: string) => (isIPv4(source) ? SERVERS.www.v4 : SERVERS.www.v6)

  test('only its own addresses leave', async () => {
    for (const { from, port, gateways, own, other } of paths()) {
      const mac = await routerMac(port)
      const sources = [...gateways, ...FOREIGN, ...IMPOSSIBLE, ...other, ...FOREIGN6, ...own]
      const seen = await arriving(sources, { from, mac, to, at: lab.isp, device: 'customer' })
      expect(seen, from.name).toEqual(own)
    }
  })

  test('nor does it enter the other network with them', async () => {
    const allow = '\nfirewall:\n  allow:\n    - { from: guest, to: home, why: test }\n'
    await applyYaml(lab, await baselineYaml(lab, allow))
    const [, path] = paths()
    if (path === undefined) throw new Error('no path')
    const sources = [...path.gateways, ...FOREIGN, ...IMPOSSIBLE, ...path.other, ...FOREIGN6, ...path.own]
    const seen = await arriving(sources, {
      from: lab.guest1,
      mac: await routerMac('lan1'),
      to: (source) => (isIPv4(source) ? laptop.v4 : laptop.gua),
      at: lab.laptop,
      device: 'eth0',
    })
    expect(seen).toEqual(path.own)
    await baseline(lab)
  })

  test('without the check of sources those packets leave', async () => {
    await withoutChains(['source_home'], async () => {
      const sources = ['203.0.113.9', '192.168.0.5', guest1.v4, '2001:db8:ffff::1', guest1.gua]
      const mac = await routerMac('br-home')
      const seen = await arriving(sources, { from: lab.laptop, mac, to, at: lab.isp, device: 'customer' })
      expect(seen).toEqual(sources)
    })
  })

  test('a host without an address gets an offer, and link-local hosts hear the router', async () => {
    const discover = ['nmap', '--script', 'broadcast-dhcp-discover']
    discover.push('--script-args', 'broadcast-dhcp-discover.timeout=2')
    for (const host of [lab.laptop, lab.guest1]) {
      const offer = await until(
        () => host.execOk([...discover, '-e', 'eth0']),
        (text) => text.includes('DHCPOFFER'),
      )
      const network = host === lab.laptop ? '10.0.0' : '10.0.1'
      expect(offer).toMatch(`IP Offered: ${network}.`)
      expect(offer).toMatch(`Server Identifier: ${network}.1`)
      const advertisement = await host.execOk(['rdisc6', '-1', '-w', '3000', 'eth0'])
      expect(advertisement).toMatch(host === lab.laptop ? 'fd4b:7a11:9c02:1::/64' : 'fd4b:7a11:9c02:2::/64')
      const router = /from (fe80:\S+)/.exec(advertisement)?.[1] ?? ''
      await host.execOk(['ping', '-n', '-c', '1', '-W', '2', `${router}%eth0`])
    }
  })
})
