import { isIPv4 } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Host } from '../../../src/lab/host.ts'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { WAN } from '../../../src/lab/topology.ts'
import { allAddresses } from '../support/addresses.ts'
import { editedYaml } from '../support/edit-yaml.ts'
import { applyYaml, baseline, baselineYaml } from '../support/router-yaml.ts'
import {
  datagramsBehindInput,
  noteBehindInput,
  PROBE_PORT,
  protocolsBehindInput,
  stopNoting,
  TRUSTED_PORTS,
} from './behind.ts'
import { scanTcp } from './nmap.ts'
import { type Datagram, type Layers, sendDatagrams, sendPackets } from './peer.ts'

/*
 * What the router itself answers to whom: as much as router.yaml says at each of its addresses, and no more.
 */

const FULL = process.env.SEKISHO_FULL === '1'
const ZONES = ['attacker', 'laptop', 'guest1'] as const
type From = (typeof ZONES)[number]
/** The router's port that each is behind, and its Ethernet address there. */
const PORT = { attacker: 'wan0', laptop: 'br-home', guest1: 'lan1' } as const

/** Docker's own bridges and what it plugs into them. */
const DOCKERS = /^(docker0|br-[0-9a-f]{12}|veth[0-9a-f]{7})$/

let lab: Lab
/** The router's addresses, those of containers apart. */
let addresses: Awaited<ReturnType<typeof allAddresses>>
/** What a program of the router listens on somewhere: the ports that could be open. */
let listening: { readonly tcp: number[]; readonly udp: number[] }
let routes: string[][] = []

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
  addresses = (await allAddresses(lab.router)).filter(({ port }) => !DOCKERS.test(port))
  listening = { tcp: await socketPorts('-t'), udp: await socketPorts('-u') }
  // A neighbour on the WAN need not keep to what was announced: it sends us what is for our inside.
  const wan = addresses.find(({ port, linkLocal }) => port === 'wan0' && linkLocal)?.address ?? ''
  const inside = addresses.filter(({ port, linkLocal }) => port !== 'wan0' && !linkLocal)
  const via = addresses.find(({ port, address }) => port === 'wan0' && isIPv4(address))?.address ?? ''
  routes = inside.map(({ address }) =>
    isIPv4(address) ? [address, 'via', via] : [address, 'via', wan, 'dev', 'eth0'],
  )
  for (const route of routes) await lab.attacker.execOk(['ip', 'route', 'replace', ...route])
})

afterAll(async () => {
  if (lab === undefined) return
  await stopNoting(lab.router)
  for (const route of routes) await lab.attacker.exec(['ip', 'route', 'del', ...route])
  await baseline(lab)
})

async function socketPorts(kind: '-t' | '-u'): Promise<number[]> {
  const lines = (await lab.router.execOk(['ss', '-Hln', kind])).trim().split('\n')
  const ports = lines.map((line) => Number(/:(\d+)\s/.exec(line)?.[1]))
  return [...new Set(ports)].sort((a, b) => a - b)
}

/** Addresses of the router that a host can send to, as it writes them. */
function targets(from: From): string[] {
  return addresses
    .filter(({ port, linkLocal }) => !linkLocal || port === PORT[from])
    .map(({ address, linkLocal }) => (linkLocal ? `${address}%eth0` : address))
}

function randomPorts(count: number): number[] {
  return Array.from({ length: count }, () => 1 + Math.floor(Math.random() * 65_535))
}

/** unbound listens at the routers' own addresses in the networks; IPv6 there means the ULA. */
function hasDns(address: string): boolean {
  return address.startsWith('10.') || address.startsWith('fd')
}

test('the router has addresses of every kind, and programs that would answer', () => {
  const ports = new Set(addresses.map(({ port }) => port))
  expect([...ports].sort()).toEqual(['br-home', 'lan1', 'wan0'])
  for (const prefix of ['10.0.0.', '10.0.1.', '198.51.100.', 'fd', '2001:db8:0:1:', '2001:db8:100:', 'fe80'])
    expect(
      addresses.some(({ address }) => address.startsWith(prefix)),
      prefix,
    ).toBe(true)
  expect(listening.tcp).toEqual(expect.arrayContaining([22, 53]))
  expect(listening.udp).toEqual(expect.arrayContaining([53, 67, 68, 123, 546]))
})

describe('TCP', () => {
  const allowed = {
    attacker: () => [],
    // SSH, and the dashboard, which Docker publishes at every address.
    laptop: (address: string) => (hasDns(address) ? [22, 53, 80, 443] : [22, 80, 443]),
    guest1: (address: string) => (hasDns(address) ? [53] : []),
  } satisfies Record<From, (address: string) => number[]>

  test.for(ZONES)('%s finds exactly what router.yaml opens', { timeout: 1_200_000 }, async (from) => {
    const some = [...new Set([...listening.tcp, ...randomPorts(30)])].sort((a, b) => a - b)
    const ports = FULL ? '-' : `1-150,${some.filter((port) => port > 150).join(',')}`
    const count = FULL ? 65_535 : 150 + some.filter((port) => port > 150).length
    // Inside, what is refused hears so; outside, nobody hears anything.
    const state = from === 'attacker' ? 'filtered' : 'closed'
    const all = targets(from)
    // Four at a time: outside, a scan is mostly waiting.
    for (let i = 0; i < all.length; i += 4) {
      const scans = all.slice(i, i + 4).map(async (address) => ({
        address,
        scan: await scanTcp(lab[from], address, ports),
      }))
      for (const { address, scan } of await Promise.all(scans)) {
        const open = allowed[from](address)
        expect(scan.open, `${from} at ${address}`).toEqual(open)
        // The kernel sends the reset of a link-local address by whichever port it finds first, so those may be lost.
        if (!address.startsWith('fe80') || from === 'attacker')
          expect(scan.rest, `${from} at ${address}`).toEqual({ [state]: count - open.length })
      }
    }
  })
})

describe('router_access and firewall.allow', () => {
  beforeAll(async () => {
    const yaml = await editedYaml(lab, (document) => {
      document.setIn(['networks', 'home', 'router_access'], [])
      document.setIn(['networks', 'guest', 'router_access'], ['ssh'])
      const allow = { from: 'wan', to: 'router', protocol: 'tcp', ports: [22], source: WAN.attacker4 }
      document.setIn(['firewall', 'allow'], [allow])
    })
    await applyYaml(lab, yaml)
  })
  afterAll(() => baseline(lab))

  async function open(from: From, address: string): Promise<readonly number[]> {
    return (await scanTcp(lab[from], address, '20-25,53,67,123,5514')).open
  }

  test('move what is open, and nothing beside', async () => {
    expect(await open('laptop', '10.0.0.1')).toEqual([53])
    expect(await open('guest1', '10.0.1.1')).toEqual([22, 53])
    expect(await open('guest1', '10.0.0.1')).toEqual([22, 53])
    expect(await open('attacker', WAN.router4)).toEqual([22])
    expect((await scanTcp(lab.isp, WAN.router4, '20-25')).rest).toEqual({ filtered: 6 })
    // A neighbour who knows our addresses inside gets nothing more by them.
    expect(await open('attacker', '10.0.0.1')).toEqual([])
    const router6 = addresses.find(({ address }) => address.startsWith('2001:db8:0:1:'))?.address ?? ''
    expect(await open('attacker', router6)).toEqual([])
    for (const from of ['laptop', 'guest1'] as const)
      expect((await lab[from].exec(['ping', '-n', '-c', '1', '-W', '1', '10.0.0.1'])).code).toBe(1)
  })
})

describe('UDP, by what passes the input chain', () => {
  beforeAll(() => noteBehindInput(lab.router))

  /** A datagram to every port that could matter at every address, from a plain port and from trusted ones. */
  function probes(from: From): Datagram[] {
    const ports = [...new Set([...listening.udp, 1, 69, 161, 500, 1900, 5353, 51_820, ...randomPorts(10)])]
    return [PROBE_PORT, ...TRUSTED_PORTS].flatMap((sport) =>
      targets(from).flatMap((to) => ports.map((port) => ({ to, port, sport }))),
    )
  }

  async function reached(from: From): Promise<string[]> {
    const seen = (await datagramsBehindInput(lab.router)).filter(({ port }) => port === PORT[from])
    return seen.map(({ to, sport, dport }) => `${to} ${sport}>${dport}`).sort()
  }

  test.for(['laptop', 'guest1'] as const)('%s: DNS, DHCP and NTP at every address', async (from) => {
    await sendDatagrams(lab[from], probes(from))
    const expected = targets(from).flatMap((to) =>
      [PROBE_PORT, ...TRUSTED_PORTS].flatMap((sport) =>
        [53, 67, 123].map((port) => `${to.replace('%eth0', '')} ${sport}>${port}`),
      ),
    )
    expect(await reached(from)).toEqual(expected.sort())
  })

  test('from the WAN nothing but the answers of DHCP servers on the link', async () => {
    await sendDatagrams(lab.attacker, probes('attacker'))
    const own = addresses.filter(({ port }) => port === 'wan0')
    const four = own.filter(({ address }) => isIPv4(address)).map(({ address }) => `${address} 67>68`)
    const six = own.filter(({ linkLocal }) => linkLocal).map(({ address }) => `${address} 547>546`)
    expect(await reached('attacker')).toEqual([...four, ...six].sort())
  })
})

describe('other protocols', () => {
  const NUMBERS = [2, 4, 41, 47, 50, 51, 89, 132]

  async function send(from: From): Promise<void> {
    const four = addresses.find(({ port, address }) => port === PORT[from] && isIPv4(address))
    const six = addresses.find(
      ({ port, address, linkLocal }) => port === PORT[from] && !isIPv4(address) && !linkLocal,
    )
    const link = JSON.parse(await lab.router.execOk(['ip', '-j', 'link', 'show', PORT[from]]))
    const source = await lab[from].execOk(['ip', '-6', 'route', 'get', six?.address ?? ''])
    const packets = NUMBERS.flatMap((number): Layers[] => [
      [
        ['IP', { dst: four?.address ?? '', proto: number }],
        ['Raw', { load: 'x'.repeat(40) }],
      ],
      [
        ['IPv6', { src: / src (\S+)/.exec(source)?.[1] ?? '', dst: six?.address ?? '', nh: number }],
        ['Raw', { load: 'x'.repeat(40) }],
      ],
    ])
    await sendPackets(lab[from], link[0].address, packets)
  }

  test('none reaches the router from anywhere', async () => {
    await noteBehindInput(lab.router)
    for (const from of ZONES) await send(from)
    expect(await protocolsBehindInput(lab.router)).toEqual([])
  })

  test('all do from home once firewall.allow says so, and from nowhere else', async () => {
    const allow = '\nfirewall:\n  allow:\n    - { from: home, to: router, protocol: any, why: test }\n'
    await applyYaml(lab, await baselineYaml(lab, allow))
    await noteBehindInput(lab.router)
    for (const from of ZONES) await send(from)
    const passed = await protocolsBehindInput(lab.router)
    expect(passed).toEqual(expect.arrayContaining(['br-home 4', 'br-home 47', 'br-home 50']))
    expect(passed.filter((line) => !line.startsWith('br-home '))).toEqual([])
    expect(await scanTcp(lab.guest1, '10.0.1.1', '22,53,5514')).toEqual({ open: [53], rest: { closed: 2 } })
    await baseline(lab)
    expect(await scanTcp(lab.laptop, '10.0.0.1', '22,53,123')).toEqual({
      open: [22, 53],
      rest: { closed: 1 },
    })
  })
})

describe('ping', () => {
  async function answers(host: Host, address: string): Promise<boolean> {
    return (await host.exec(['ping', '-n', '-c', '1', '-W', '1', address])).code === 0
  }

  test('home and guest at every address', async () => {
    for (const from of ['laptop', 'guest1'] as const)
      for (const to of targets(from)) expect(await answers(lab[from], to), `${from} to ${to}`).toBe(true)
  })

  test('from the WAN over IPv6 (RFC 4890), but as a site-local address (RFC 4193), and not over IPv4', async () => {
    for (const to of targets('attacker'))
      expect(await answers(lab.attacker, to), to).toBe(!isIPv4(to) && !to.startsWith('fd'))
  })
})
