import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Running } from '../../../src/lab/host.ts'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { ROUTER_CABLES, SERVERS, WAN } from '../../../src/lab/topology.ts'
import { type Addresses, addressesOf } from '../support/addresses.ts'
import { applyYaml, baseline, baselineYaml } from '../support/router-yaml.ts'
import { scanTcp } from './nmap.ts'
import { type Call, dial, dialAll, type Layers, sendDatagrams, sendPackets, serve } from './peer.ts'
import { watch } from './watch.ts'

/*
 * From the WAN to hosts inside: port forwards and pinholes as router.yaml has them, and nothing unasked beside.
 */

const WAN_MAC = ROUTER_CABLES[0].near.mac

let lab: Lab
let laptop: Addresses
let phone: Addresses
let guest1: Addresses
let servers: Running[] = []

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
  laptop = await addressesOf(lab.laptop)
  phone = await addressesOf(lab.phone)
  guest1 = await addressesOf(lab.guest1)
  const ports = { tcp: [443, 444, 6000, 6001, 6002, 6003, 8080, 8081], udp: [443, 5001, 6000, 6002, 8080] }
  servers = await Promise.all([
    serve(lab.laptop, ports),
    serve(lab.phone, ports),
    serve(lab.isp, { udp: [9000] }),
  ])
})

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()))
  if (lab !== undefined) await baseline(lab)
})

function compare(a = '', b = ''): number {
  return a < b ? -1 : Number(a > b)
}

function interfaceId(address: string): string {
  return `::${address.split(':').slice(-4).join(':')}`
}

async function withRouteInside(action: () => Promise<void>): Promise<void> {
  const text = await lab.router.execOk(['ip', '-6', '-o', 'address', 'show', 'dev', 'wan0', 'scope', 'link'])
  const via = /inet6 (fe80:[^/]+)/.exec(text)?.[1] ?? ''
  const routes = [
    ['10.0.0.0/23', 'via', WAN.router4],
    ['fd4b:7a11:9c02::/48', 'via', via, 'dev', 'eth0'],
    ['172.16.0.0/12', 'via', WAN.router4],
  ]
  for (const route of routes) await lab.attacker.execOk(['ip', 'route', 'replace', ...route])
  try {
    await action()
  } finally {
    for (const route of routes) await lab.attacker.exec(['ip', 'route', 'del', ...route])
  }
}

test('what no network has of the delegated prefix: a stranger gets no answer, and a host inside does', async () => {
  const ping = ['ping', '-6', '-c', '3', '-i', '0.2', '-W', '1', '2001:db8:100:ff::1']
  // sekishod's, which an apply may have restarted just now.
  await expect
    .poll(() => lab.router.execOk(['ip', '-6', 'route', 'show', 'type', 'unreachable']), { timeout: 20_000 })
    .toContain('2001:db8:100::/56')
  for (const host of [lab.isp, lab.attacker])
    expect((await host.exec(ping)).stdout).toMatch(/3 packets transmitted, 0 received, 100% packet loss/)
  expect((await lab.laptop.exec(ping)).stdout).toMatch(/[Uu]nreachable[\s\S]*\+\d errors/)
})

describe('port forwards', () => {
  beforeAll(async () => {
    const firewall = `
firewall:
  forwards:
    - { port: 8443, to: ${laptop.v4}, to_port: 8080, why: web }
    - { port: 5000, protocol: udp, to: ${laptop.v4}, to_port: 8080, why: game }
    - { port: 6000-6002, protocol: tcp+udp, to: ${laptop.v4}, why: range }
    - { port: 8000, to: ${laptop.v4}, why: pages }
    - { port: 2222, to: ${laptop.v4}, to_port: 8081, source: ${WAN.attacker4}, why: one source }
    - { port: 2223, to: ${laptop.v4}, to_port: 8081, source: 198.51.100.0/28, why: other sources }
`
    await applyYaml(lab, await baselineYaml(lab, firewall))
  })

  const FORWARDED = [
    { port: 8443, inside: 8080 },
    { port: 6000, inside: 6000 },
    { port: 6001, inside: 6001 },
    { port: 6002, inside: 6002 },
  ]
  const DATAGRAMS = [
    { port: 5000, inside: 8080 },
    { port: 6000, inside: 6000 },
    { port: 6002, inside: 6002 },
  ]

  test('reach the host, which sees who calls', async () => {
    const calls: (Call & { inside: number })[] = [
      ...FORWARDED.map(({ port, inside }) => ({ to: WAN.router4, port, inside })),
      { to: WAN.router4, port: 2222, inside: 8081 },
      ...DATAGRAMS.map(({ port, inside }) => ({ to: WAN.router4, port, inside, protocol: 'udp' as const })),
    ]
    const said = await dialAll(lab.attacker, calls)
    for (const [i, { protocol, inside }] of calls.entries())
      expect(said[i]).toBe(
        protocol === 'udp'
          ? `you are ${WAN.attacker4} port ${inside}`
          : `you are ${WAN.attacker4} at ${laptop.v4} port ${inside}`,
      )
  })

  test('are what a scan finds, with nothing beside', async () => {
    const ports = '20-25,53,80,443,2220-2225,5000,5999-6003,7999-8001,8079-8081,8442-8444'
    expect((await scanTcp(lab.attacker, WAN.router4, ports)).open).toEqual([2222, 6000, 6001, 6002, 8443])
    const udp = [2222, 4999, 5001, 5999, 6003, 8080, 8443]
    const calls = udp.map((port): Call => ({ to: WAN.router4, port, protocol: 'udp', ms: 1000 }))
    expect(await dialAll(lab.attacker, calls)).toEqual(udp.map(() => 'timeout'))
  })

  test('are for the source they name', async () => {
    // The provider has another address on the same segment.
    const from = { from: WAN.gateway4, ms: 1000 }
    expect(await dial(lab.isp, WAN.router4, 2223, from)).toBe(
      `you are ${WAN.gateway4} at ${laptop.v4} port 8081`,
    )
    expect(await dial(lab.isp, WAN.router4, 2222, from)).toBe('timeout')
  })

  test("are not there at the router's addresses inside, nor at the host's own", async () => {
    await withRouteInside(async () => {
      const calls = ['10.0.0.1', '10.0.1.1', laptop.v4].flatMap((to) =>
        [8443, 8080, 6000].map((port): Call => ({ to, port, ms: 1000 })),
      )
      const strays = await watch(lab.laptop, 'eth0', `src host ${WAN.attacker4}`, async () => {
        expect(await dialAll(lab.attacker, calls)).toEqual(calls.map(() => 'timeout'))
      })
      expect(strays).toEqual([])
    })
    for (const to of ['10.0.0.1', '10.0.1.1']) expect(await dial(lab.guest1, to, 8443)).toBe('refused')
  })

  test('work from inside by the same address', async () => {
    for (const [host, seenAs] of [
      [lab.laptop, '10.0.0.1'],
      [lab.phone, '10.0.0.1'],
      [lab.guest1, guest1.v4],
    ] as const) {
      const [tcp, range, udp] = await dialAll(host, [
        { to: WAN.router4, port: 8443 },
        { to: WAN.router4, port: 6001 },
        { to: WAN.router4, port: 5000, protocol: 'udp' },
      ])
      expect(tcp, host.name).toBe(`you are ${seenAs} at ${laptop.v4} port 8080`)
      expect(range, host.name).toBe(`you are ${seenAs} at ${laptop.v4} port 6001`)
      expect(udp, host.name).toBe(`you are ${seenAs} port 8080`)
    }
  })

  test('a whole page comes through the hairpin', async () => {
    const page = 'x'.repeat(300_000)
    await lab.laptop.writeFile('/root/pages/page', page)
    const web = lab.laptop.spawn(['python3', '-u', '-m', 'http.server', '-d', '/root/pages', '8000'])
    try {
      await web.waitFor('Serving')
      for (const host of [lab.laptop, lab.phone, lab.guest1, lab.attacker]) {
        const got = await host.execOk(['curl', '-sS', '--max-time', '10', `http://${WAN.router4}:8000/page`])
        expect(got === page, host.name).toBe(true)
      }
    } finally {
      await web.stop()
    }
  })

  test('open nothing else from inside', async () => {
    expect(await dial(lab.phone, WAN.router4, 2222)).toBe('refused')
    expect(await dial(lab.guest1, WAN.router4, 2222)).toBe('refused')
    expect(await dial(lab.guest1, laptop.v4, 8080)).toBe('refused')
    expect(await dial(lab.guest1, laptop.v4, 6000)).toBe('refused')
  })
})

describe('unasked', () => {
  beforeAll(() => baseline(lab))

  test('removed forwards are closed', async () => {
    const calls = [8443, 6000, 6001, 6002, 2222, 8000].map(
      (port): Call => ({ to: WAN.router4, port, ms: 1000 }),
    )
    const datagrams = [5000, 6000].map((port): Call => ({ to: WAN.router4, port, protocol: 'udp', ms: 1000 }))
    const all = [...calls, ...datagrams]
    expect(await dialAll(lab.attacker, all)).toEqual(all.map(() => 'timeout'))
    expect(await dial(lab.phone, WAN.router4, 8443)).toBe('refused')
  })

  /** Packets to one of our hosts that belong to no flow of its own. */
  function unasked(to: string): Layers[] {
    const ip: Layers[number] = ['IPv6', { src: WAN.attacker6, dst: to, hlim: 255 }]
    const about: Layers = [
      ['IPv6', { src: to, dst: WAN.attacker6 }],
      ['UDP', { sport: 9, dport: 9 }],
    ]
    return [
      ...['S', 'SA', 'A', 'R', 'FA', 'F', 'FPU', ''].map(
        (flags): Layers => [ip, ['TCP', { sport: 443, dport: 8080, flags }]],
      ),
      ...[53, 123, 443, 547].map((sport): Layers => [ip, ['UDP', { sport, dport: 8080 }]]),
      [ip, ['ICMPv6DestUnreach', { code: 4 }], ...about],
      [ip, ['ICMPv6PacketTooBig', { mtu: 1280 }], ...about],
      [ip, ['ICMPv6TimeExceeded', {}], ...about],
      [ip, ['ICMPv6ParamProblem', {}], ...about],
      [ip, ['ICMPv6EchoReply', {}]],
      [ip, ['ICMPv6ND_NS', { tgt: to }]],
      [ip, ['ICMPv6ND_NA', { tgt: to }]],
      [ip, ['ICMPv6ND_RA', {}]],
      [ip, ['ICMPv6ND_RS', {}]],
      [ip, ['ICMPv6ND_Redirect', { tgt: WAN.attacker6, dst: SERVERS.www.v6 }]],
      [ip, ['ICMPv6MLQuery', {}]],
      [ip, ['ICMPv6NIQueryName', {}]],
      [ip, ['IPv6ExtHdrDestOpt', {}], ['TCP', { sport: 443, dport: 8080, flags: 'S' }]],
      [ip, ['IPv6ExtHdrHopByHop', {}], ['UDP', { sport: 53, dport: 8080 }]],
      [ip, ['IPv6ExtHdrRouting', { addresses: [to] }], ['UDP', { sport: 53, dport: 8080 }]],
      [
        ip,
        ['IPv6ExtHdrFragment', { m: 1, id: 7 }],
        ['UDP', { sport: 53, dport: 8080 }],
        ['Raw', { load: 'x'.repeat(64) }],
      ],
      ...[4, 41, 47, 50, 51, 132].map(
        (nh): Layers => [
          ['IPv6', { src: WAN.attacker6, dst: to, nh }],
          ['Raw', { load: 'x'.repeat(40) }],
        ],
      ),
    ]
  }

  /** What of it reaches the laptop, and one ping, which does (RFC 4890 section 4.3.1) and shows that we look. */
  async function arriving(): Promise<string[]> {
    return watch(lab.laptop, 'eth0', `ip6 src host ${WAN.attacker6}`, async () => {
      for (const to of [laptop.gua, laptop.ula]) {
        await sendPackets(lab.attacker, WAN_MAC, unasked(to))
        const calls: Call[] = [8080, 443, 22].map((port) => ({ to, port, ms: 1000 }))
        const datagrams = [8080, 443].map((port): Call => ({ to, port, protocol: 'udp', ms: 1000 }))
        const all = [...calls, ...datagrams]
        expect(await dialAll(lab.attacker, all)).toEqual(all.map(() => 'timeout'))
      }
      await lab.attacker.execOk(['ping', '-n', '-c', '1', '-W', '2', laptop.gua])
    })
  }

  test('IPv6 is not let in, but for pings', async () => {
    await withRouteInside(async () => {
      const lines = await arriving()
      expect(lines.filter((line) => !line.includes('echo request'))).toEqual([])
      expect(lines).toHaveLength(1)
    })
  })

  test('without the rules of this table the laptop sees it', async () => {
    await lab.router.execOk(['nft', 'insert', 'rule', 'inet', 'sekisho', 'forward', 'accept'])
    try {
      const lines = await watch(lab.laptop, 'eth0', `ip6 src host ${WAN.attacker6}`, () =>
        sendPackets(lab.attacker, WAN_MAC, unasked(laptop.gua)),
      )
      expect(lines.length).toBeGreaterThan(25)
    } finally {
      await lab.router.execOk(['nft', '-f', '/etc/sekisho/current/sekisho.nft'])
    }
  })

  test("a host's flow is for the server it called, and nobody else", async () => {
    const sport = 46_001
    const lines = await watch(
      lab.laptop,
      'eth0',
      `udp port ${sport} and src net not 10.0.0.0/24`,
      async () => {
        const said = await dialAll(lab.laptop, [
          { to: SERVERS.www.v4, port: 9000, protocol: 'udp', sport },
          { to: SERVERS.www.v6, port: 9000, protocol: 'udp', sport, from: laptop.gua },
        ])
        expect(said).toEqual([`you are ${WAN.router4} port 9000`, `you are ${laptop.gua} port 9000`])
        await sendDatagrams(lab.attacker, [
          { to: WAN.router4, port: sport, sport: 9000 },
          { to: laptop.gua, port: sport, sport: 9000 },
        ])
        // The server itself may say more, and another program on its machine may not.
        const answer = (ip: 'IP' | 'IPv6', src: string, dst: string, port: number): Layers => [
          [ip, { src, dst }],
          ['UDP', { sport: port, dport: sport }],
          ['Raw', { load: 'more' }],
        ]
        await sendPackets(
          lab.isp,
          WAN_MAC,
          [9001, 9000].flatMap((port) => [
            answer('IP', SERVERS.www.v4, WAN.router4, port),
            answer('IPv6', SERVERS.www.v6, laptop.gua, port),
          ]),
          WAN.bridge,
        )
      },
    )
    const from = lines
      .map((line) => / length \d+: (\S+) > /.exec(line)?.[1])
      .filter((a) => !a?.startsWith('10.'))
    const inward = from.filter((address) => !address?.startsWith(laptop.gua))
    // From the server's port of each family, its answer and what it said more.
    expect(inward.toSorted(compare)).toEqual(
      [SERVERS.www.v4, SERVERS.www.v4, SERVERS.www.v6, SERVERS.www.v6]
        .map((a) => `${a}.9000`)
        .toSorted(compare),
    )
  })
})

describe('pinholes', () => {
  beforeAll(async () => {
    const id = interfaceId(laptop.gua)
    const firewall = `
firewall:
  pinholes:
    - { network: home, interface_id: '${id}', ports: [443, 6000-6001], why: web }
    - { network: home, interface_id: '${id}', protocol: udp, ports: [5001], why: game }
`
    await applyYaml(lab, await baselineYaml(lab, firewall))
  })

  async function opened(to: string): Promise<string[]> {
    const calls = [
      ...[22, 443, 444, 6000, 6001, 6002, 8080].map((port): Call => ({ to, port, ms: 1000 })),
      ...[443, 5001, 6000, 8080].map((port): Call => ({ to, port, protocol: 'udp', ms: 1000 })),
    ]
    const said = await dialAll(lab.attacker, calls)
    return calls.flatMap(({ port, protocol = 'tcp' }, i) => {
      if (said[i] === 'timeout') return []
      expect(said[i]).toMatch(`you are ${WAN.attacker6} `)
      return [`${protocol} ${port}`]
    })
  }
  const OPEN = ['tcp 443', 'tcp 6000', 'tcp 6001', 'udp 5001']

  test('open those ports of that host', async () => {
    expect(await opened(laptop.gua)).toEqual(OPEN)
    expect(await opened(phone.gua)).toEqual([])
    expect(await opened(guest1.gua)).toEqual([])
  })

  test('are of that network: the same identifier elsewhere is another host', async () => {
    const address = `2001:db8:100:2${interfaceId(laptop.gua).slice(1)}`
    await lab.guest1.execOk(['ip', 'address', 'add', `${address}/64`, 'dev', 'eth0', 'nodad'])
    const server = await serve(lab.guest1, { tcp: [443, 6000], udp: [5001] })
    try {
      expect(await opened(address)).toEqual([])
    } finally {
      await server.stop()
      await lab.guest1.exec(['ip', 'address', 'del', `${address}/64`, 'dev', 'eth0'])
    }
  })

  test('go on with a new prefix', async () => {
    // Another /64 of what is routed to us, as after a renumbering: the rules stay as they are.
    const address = `2001:db8:100:fe${interfaceId(laptop.gua).slice(1)}`
    const route = ['2001:db8:100:fe::1/64', 'dev', 'br-home']
    await lab.router.execOk(['ip', 'address', 'add', ...route, 'nodad'])
    await lab.laptop.execOk(['ip', 'address', 'add', `${address}/64`, 'dev', 'eth0', 'nodad'])
    try {
      const said = await dialAll(lab.attacker, [
        { to: address, port: 443 },
        { to: address, port: 444, ms: 1000 },
      ])
      expect(said).toEqual([`you are ${WAN.attacker6} at ${address} port 443`, 'timeout'])
    } finally {
      await lab.laptop.exec(['ip', 'address', 'del', `${address}/64`, 'dev', 'eth0'])
      await lab.router.exec(['ip', 'address', 'del', ...route])
    }
  })

  test('removed, they are closed', async () => {
    await baseline(lab)
    expect(await opened(laptop.gua)).toEqual([])
  })
})
