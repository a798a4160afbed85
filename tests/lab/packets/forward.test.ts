import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Host, Running } from '../../../src/lab/host.ts'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { ROUTER_CABLES, SERVERS, WAN } from '../../../src/lab/topology.ts'
import { type Addresses, addressesOf } from '../support/addresses.ts'
import { applyYaml, baseline, baselineYaml } from '../support/router-yaml.ts'
import { type Call, dial, dialAll, type Layers, sendPackets, serve } from './peer.ts'
import { watch } from './watch.ts'

/*
 * What passes from one zone to another, and how it looks at the far side.
 */

const WAN_MAC = ROUTER_CABLES[0].near.mac
/** What a host does that has no flow: middles and ends of connections, errors about nothing. */
const OUT_OF_THE_BLUE = ['A', 'R', 'RA', 'SA', 'FA', 'FPU', ''] as const

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
  const ports = { tcp: [8080, 8081], udp: [8080, 8081] }
  servers = await Promise.all([
    serve(lab.laptop, ports),
    serve(lab.phone, ports),
    serve(lab.guest1, ports),
    serve(lab.isp, { tcp: [9000], udp: [9000] }),
  ])
})

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()))
  if (lab !== undefined) await baseline(lab)
})

function clients() {
  return [
    { host: lab.laptop, own: laptop, router: '10.0.0.1' },
    { host: lab.phone, own: phone, router: '10.0.0.1' },
    { host: lab.guest1, own: guest1, router: '10.0.1.1' },
  ]
}

async function routerMac(port: string): Promise<string> {
  return JSON.parse(await lab.router.execOk(['ip', '-j', 'link', 'show', port]))[0].address
}

async function pings(host: Host, to: string, ...options: string[]): Promise<boolean> {
  return (await host.exec(['ping', '-n', '-c', '1', '-W', '1', ...options, to])).code === 0
}

/** The table as the current generation has it; the tests that take rules away put them back with it. */
async function loadTable(): Promise<void> {
  await lab.router.execOk(['nft', '-f', '/etc/sekisho/current/sekisho.nft'])
}

function every(own: Addresses): string[] {
  return [own.v4, own.ula, own.gua]
}

describe('to the WAN', () => {
  /** Source addresses of IPv4 packets that leave by the WAN while the clients do all kinds of things. */
  async function leaving(): Promise<Map<string, number>> {
    const macs = { home: await routerMac('br-home'), guest: await routerMac('lan1') }
    const lines = await watch(lab.isp, 'customer', `ether src ${WAN_MAC} and ip`, async () => {
      const all = clients().map(async ({ host, own }) => {
        const to = SERVERS.www.v4
        await dialAll(host, [
          { to, port: 9000, ms: 1000 },
          { to, port: 9000, protocol: 'udp', text: 'x'.repeat(4000), ms: 1000 },
          { to, port: 9, protocol: 'udp', ms: 500 },
        ])
        await pings(host, to)
        const mac = host === lab.guest1 ? macs.guest : macs.home
        await sendPackets(host, mac, [
          ...OUT_OF_THE_BLUE.map(
            (flags): Layers => [
              ['IP', { src: own.v4, dst: to }],
              ['TCP', { sport: 40_001, dport: 80, flags }],
            ],
          ),
          ...[0, 3, 5, 11, 12, 14].map(
            (type): Layers => [
              ['IP', { src: own.v4, dst: to }],
              ['ICMP', { type, code: 1 }],
              ['IP', { src: to, dst: own.v4 }],
              ['UDP', { sport: 7, dport: 7 }],
            ],
          ),
          [
            ['IP', { src: own.v4, dst: to, proto: 47 }],
            ['Raw', { load: 'x'.repeat(40) }],
          ],
        ])
      })
      await Promise.all(all)
    })
    const sources = new Map<string, number>()
    for (const line of lines) {
      const source = / length \d+: (\d+\.\d+\.\d+\.\d+)/.exec(line)?.[1] ?? line
      sources.set(source, (sources.get(source) ?? 0) + 1)
    }
    return sources
  }

  test("every IPv4 packet has the WAN's address, whatever it is part of", async () => {
    const sources = await leaving()
    expect([...sources.keys()]).toEqual([WAN.router4])
    // Three clients: a TCP exchange, a fragmented datagram, a ping at the least.
    expect(sources.get(WAN.router4)).toBeGreaterThan(3 * 10)
  })

  test('without masquerading and the check of the state this capture shows the addresses inside', async () => {
    await lab.router.execOk(['nft', 'flush', 'chain', 'inet', 'sekisho', 'srcnat'])
    await lab.router.execOk(['nft', 'flush', 'chain', 'inet', 'sekisho', 'drop_invalid'])
    try {
      const sources = await leaving()
      expect([...sources.keys()]).toEqual(expect.arrayContaining([laptop.v4, phone.v4, guest1.v4]))
    } finally {
      await loadTable()
    }
  })

  test("servers see the WAN's address over IPv4 and the host's own over IPv6", async () => {
    for (const { host, own } of clients()) {
      for (const protocol of ['tcp', 'udp'] as const) {
        const [four, six] = await dialAll(host, [
          { to: SERVERS.www.v4, port: 9000, protocol },
          { to: SERVERS.www.v6, port: 9000, protocol },
        ])
        expect(four).toMatch(`you are ${WAN.router4} `)
        expect(six).toMatch(`you are ${own.gua} `)
      }
      expect(await pings(host, SERVERS.www.v6)).toBe(true)
    }
  })

  test('site-local addresses stay on the site, and the host hears so', async () => {
    for (const { host, own } of clients()) {
      let said: string[] = []
      const lines = await watch(lab.isp, 'customer', 'ip6 net fc00::/7 or port 9000', async () => {
        said = await dialAll(host, [
          { to: SERVERS.www.v6, port: 9000, from: own.ula },
          { to: 'fd4b:7a11:9c02:77::1', port: 9000 },
          { to: SERVERS.www.v6, port: 9000, from: own.gua },
        ])
      })
      expect(said).toEqual(['unreachable', 'unreachable', expect.stringContaining(own.gua)])
      expect(lines.filter((line) => /[ >]f[cd]/.test(line.slice(line.indexOf('length'))))).toEqual([])
      expect(lines.some((line) => line.includes(own.gua))).toBe(true)
    }
  })
})

describe('within a network', () => {
  const SETTINGS = ['net.bridge.bridge-nf-call-iptables', 'net.bridge.bridge-nf-call-ip6tables'] as const
  let before: string[] = []
  beforeAll(async () => {
    before = (await lab.router.execOk(['sysctl', '-n', ...SETTINGS])).trim().split('\n')
  })
  afterAll(() => set(before))

  function set(values: readonly string[]): Promise<string> {
    return lab.router.execOk(['sysctl', '-qw', ...SETTINGS.map((key, i) => `${key}=${values[i]}`)])
  }

  test.for(['0', '1'])('laptop and phone reach each other with bridge-nf-call-iptables=%s', async (value) => {
    await set([value, value])
    const pairs = [
      { from: lab.laptop, own: laptop, far: phone },
      { from: lab.phone, own: phone, far: laptop },
    ]
    for (const { from, own, far } of pairs) {
      for (const kind of ['v4', 'ula', 'gua', 'linkLocal'] as const) {
        const to = kind === 'linkLocal' ? `${far[kind]}%eth0` : far[kind]
        const call = { from: kind === 'linkLocal' ? `${own[kind]}%eth0` : own[kind], port: 8080, to }
        const said = await dialAll(from, [call, { ...call, protocol: 'udp' }])
        for (const words of said) expect(words, `${from.name} to ${to}`).toMatch(`you are ${own[kind]} `)
        expect(await pings(from, to), `${from.name} pings ${to}`).toBe(true)
      }
    }
  })
})

describe('between networks', () => {
  /** Everything a host of one network may try on the hosts of another. */
  function attempts(far: readonly Addresses[]): Call[] {
    return far.flatMap((own) =>
      every(own).flatMap((to): Call[] => [
        { to, port: 8080, ms: 1500 },
        { to, port: 8081, ms: 1500 },
        { to, port: 22, ms: 1500 },
        { to, port: 8080, protocol: 'udp', ms: 1500 },
        { to, port: 8081, protocol: 'udp', ms: 1500 },
      ]),
    )
  }

  function describeCall({ to, port, protocol = 'tcp' }: Call): string {
    return `${protocol} ${to} ${port}`
  }

  /** What of all attempts got through, as "tcp ADDRESS PORT" and "ping ADDRESS". */
  async function through(from: Host, far: readonly Addresses[]): Promise<string[]> {
    const calls = attempts(far)
    const said = await dialAll(from, calls)
    const opened = calls.filter((_, i) => said[i]?.startsWith('you are')).map(describeCall)
    const reached = far.flatMap(every).map(async (to) => ((await pings(from, to)) ? [`ping ${to}`] : []))
    return [...opened, ...(await Promise.all(reached)).flat()].sort()
  }

  const GUEST = `net 10.0.1.0/24 or ip6 net fd4b:7a11:9c02:2::/64 or ip6 net 2001:db8:100:2::/64`
  const HOME = `net 10.0.0.0/24 or ip6 net fd4b:7a11:9c02:1::/64 or ip6 net 2001:db8:100:1::/64`
  const notRouter = 'and not src host 10.0.0.1 and not src host 10.0.1.1'

  async function strays(from: Addresses, to: Addresses, mac: string, host: Host): Promise<void> {
    const headers = (four: boolean): Layers[number] =>
      four ? ['IP', { src: from.v4, dst: to.v4 }] : ['IPv6', { src: from.gua, dst: to.gua }]
    await sendPackets(
      host,
      mac,
      [true, false].flatMap((four): Layers[] => [
        ...OUT_OF_THE_BLUE.map(
          (flags): Layers => [headers(four), ['TCP', { sport: 8080, dport: 8080, flags }]],
        ),
        [headers(four), ['UDP', { sport: 53, dport: 8080 }], ['Raw', { load: 'stray' }]],
        four
          ? [headers(four), ['ICMP', { type: 3, code: 4 }], ['IP', { src: to.v4, dst: from.v4 }], ['TCP', {}]]
          : [
              headers(four),
              ['ICMPv6PacketTooBig', {}],
              ['IPv6', { src: to.gua, dst: from.gua }],
              ['TCP', {}],
            ],
        four
          ? [
              ['IP', { src: from.v4, dst: to.v4, options: 'A' }],
              ['UDP', { sport: 53, dport: 8080 }],
            ]
          : [headers(four), ['IPv6ExtHdrDestOpt', {}], ['UDP', { sport: 53, dport: 8080 }]],
        [
          four
            ? ['IP', { src: from.v4, dst: to.v4, flags: 'MF', frag: 0, proto: 17 }]
            : ['IPv6', { src: from.gua, dst: to.gua, nh: 44 }],
          ...(four ? [] : ([['IPv6ExtHdrFragment', { m: 1, nh: 17, id: 7 }]] as const)),
          ['UDP', { sport: 53, dport: 8080 }],
          ['Raw', { load: 'x'.repeat(64) }],
        ],
      ]),
    )
  }

  test('guest reaches nothing of home; neither do packets of no flow', async () => {
    const mac = await routerMac('lan1')
    let got: string[] = []
    const atPhone = await lab.phone.capture('eth0', `(${GUEST}) ${notRouter}`)
    const atLaptop = await watch(lab.laptop, 'eth0', `(${GUEST}) ${notRouter}`, async () => {
      got = await through(lab.guest1, [laptop, phone])
      await strays(guest1, laptop, mac, lab.guest1)
      await strays(guest1, phone, mac, lab.guest1)
    })
    expect(got).toEqual([])
    expect(atLaptop).toEqual([])
    expect(await atPhone.stop()).toEqual([])
  })

  test('home reaches nothing of guest', async () => {
    const mac = await routerMac('br-home')
    let got: string[] = []
    const atGuest = await watch(lab.guest1, 'eth0', `(${HOME}) ${notRouter}`, async () => {
      got = await through(lab.laptop, [guest1])
      await strays(laptop, guest1, mac, lab.laptop)
    })
    expect(got).toEqual([])
    expect(atGuest).toEqual([])
  })

  test('what is refused hears so at once', async () => {
    const ms = 500
    expect(await dial(lab.guest1, laptop.v4, 8080, { ms })).toBe('refused')
    expect(await dial(lab.guest1, laptop.gua, 8080, { ms })).toBe('refused')
    expect(await dial(lab.guest1, laptop.v4, 8080, { ms, protocol: 'udp' })).toBe('unreachable')
    expect(await dial(lab.guest1, laptop.gua, 8080, { ms, protocol: 'udp' })).toBe('unreachable')
  })

  test('without the rules of this table those captures see it all', async () => {
    await lab.router.execOk(['nft', 'insert', 'rule', 'inet', 'sekisho', 'forward', 'accept'])
    try {
      const mac = await routerMac('lan1')
      const atLaptop = await watch(lab.laptop, 'eth0', `(${GUEST}) ${notRouter}`, async () => {
        expect(await through(lab.guest1, [laptop])).toHaveLength(5 * 3)
        await strays(guest1, laptop, mac, lab.guest1)
      })
      expect(atLaptop.filter((line) => line.includes('8080'))).not.toEqual([])
      expect(atLaptop.filter((line) => /Flags \[none\]/.test(line))).not.toEqual([])
    } finally {
      await loadTable()
    }
  }, 60_000)

  test('firewall.allow of one port of one host lets exactly that pass', async () => {
    const allow = `
firewall:
  allow:
    - { from: guest, to: home, protocol: tcp, ports: [8080], destination: ${laptop.v4}, why: test }
    - { from: guest, to: home, protocol: udp, ports: [8081], destination: ${laptop.ula}, why: test }
`
    await applyYaml(lab, await baselineYaml(lab, allow))
    expect(await through(lab.guest1, [laptop, phone])).toEqual(
      [`tcp ${laptop.v4} 8080`, `udp ${laptop.ula} 8081`].sort(),
    )
    // The host sees who it is, and the way back is open; the other direction is not.
    expect(await dial(lab.guest1, laptop.v4, 8080)).toMatch(`you are ${guest1.v4} at ${laptop.v4} port 8080`)
    expect(await through(lab.laptop, [guest1])).toEqual([])
  })

  test('firewall.allow without protocol, port or address opens a network for another, one way', async () => {
    await applyYaml(
      lab,
      await baselineYaml(lab, '\nfirewall:\n  allow:\n    - { from: guest, to: home, why: test }\n'),
    )
    const far = [laptop, phone]
    const open = attempts(far).filter(({ port }) => port !== 22)
    const expected = [...open.map(describeCall), ...far.flatMap(every).map((to) => `ping ${to}`)]
    expect(await through(lab.guest1, far)).toEqual(expected.sort())
    expect(await through(lab.laptop, [guest1])).toEqual([])
    await baseline(lab)
    expect(await through(lab.guest1, far)).toEqual([])
  })
})

describe('packet sizes', () => {
  const MTU = 1454
  const forward = () => `
firewall:
  forwards:
    - { port: 8080, to: ${laptop.v4}, why: test }
  pinholes:
    - { network: home, interface_id: '${interfaceId(laptop.gua)}', ports: [8080], why: test }
`
  beforeAll(async () => {
    const yaml = await baselineYaml(lab, forward())
    await applyYaml(lab, yaml.replace('  interface: wan0', `  interface: wan0\n  mtu_bytes: ${MTU}`))
  })

  function interfaceId(address: string): string {
    return `::${address.split(':').slice(-4).join(':')}`
  }

  function segmentSizes(lines: readonly string[]): number[] {
    const opening = lines.filter((line) => line.includes('Flags [S'))
    return [...new Set(opening.map((line) => Number(/mss (\d+)/.exec(line)?.[1])))]
  }

  test('a host hears how much the WAN carries', async () => {
    for (const { host, router } of clients()) {
      const four = await host.exec([
        'ping',
        '-n',
        '-c',
        '1',
        '-W',
        '2',
        '-M',
        'do',
        '-s',
        '1472',
        SERVERS.www.v4,
      ])
      expect(four.stdout).toMatch(new RegExp(`From ${router} .*Frag needed and DF set \\(mtu = ${MTU}\\)`))
      const six = await host.exec([
        'ping',
        '-n',
        '-c',
        '1',
        '-W',
        '2',
        '-M',
        'do',
        '-s',
        '1452',
        SERVERS.www.v6,
      ])
      expect(six.stdout).toMatch(new RegExp(`Packet too big: mtu=${MTU}`))
      // The kernel remembers it: the next packets fit.
      expect(await host.execOk(['ip', 'route', 'get', SERVERS.www.v6])).toMatch(`mtu ${MTU}`)
      await host.execOk(['ip', 'route', 'flush', 'cache'])
      await host.execOk(['ip', '-6', 'route', 'flush', 'cache'])
    }
  })

  test('segment sizes of both ends fit, whoever calls', async () => {
    const flows = [
      {
        from: lab.laptop,
        to: SERVERS.www.v4,
        port: 9000,
        outside: lab.isp,
        device: 'customer',
        mss: MTU - 40,
      },
      {
        from: lab.laptop,
        to: SERVERS.www.v6,
        port: 9000,
        outside: lab.isp,
        device: 'customer',
        mss: MTU - 60,
      },
      {
        from: lab.attacker,
        to: WAN.router4,
        port: 8080,
        outside: lab.attacker,
        device: 'eth0',
        mss: MTU - 40,
      },
      {
        from: lab.attacker,
        to: laptop.gua,
        port: 8080,
        outside: lab.attacker,
        device: 'eth0',
        mss: MTU - 60,
      },
    ]
    for (const { from, to, port, outside, device, mss } of flows) {
      const inside = await lab.laptop.capture('eth0', `tcp port ${port}`)
      const beyond = await watch(outside, device, `tcp port ${port}`, async () => {
        expect(await dial(from, to, port)).toMatch('you are')
      })
      const full = mss === MTU - 40 ? 1460 : 1440
      const outward = (lines: readonly string[], at: Host) => ({
        sent: segmentSizes(lines.filter((line) => isSyn(line) === (from === at))),
        got: segmentSizes(lines.filter((line) => isSyn(line) !== (from === at))),
      })
      expect(outward(await inside.stop(), lab.laptop), `laptop, ${to}`).toEqual({ sent: [full], got: [mss] })
      expect(outward(beyond, lab.attacker), `outside, ${to}`).toEqual({ sent: [full], got: [mss] })
    }
  })

  function isSyn(line: string): boolean {
    return line.includes('Flags [S]')
  }

  test('large pages come through, over IPv4 and IPv6', async () => {
    for (const server of [SERVERS.www.v4, `[${SERVERS.www.v6}]`]) {
      const url = `http://${server}/big`
      const argv = [
        'curl',
        '-sS',
        '--max-time',
        '20',
        '-r',
        '0-4999999',
        '-o',
        '/dev/null',
        '-w',
        '%{size_download}',
      ]
      expect(await lab.laptop.execOk([...argv, url])).toBe('5000000')
    }
  })

  test('errors from further out reach the host they are about, and only about its flows', async () => {
    const sport = 45_001
    const before = await lab.laptop.capture('eth0', `icmp or (icmp6 and ip6[40] == 2)`)
    await dialAll(lab.laptop, [
      { to: SERVERS.www.v4, port: 9000, protocol: 'udp', sport },
      { to: SERVERS.www.v6, port: 9000, protocol: 'udp', sport, from: laptop.gua },
    ])
    const tooBig4 = (port: number): Layers => [
      ['IP', { src: WAN.gateway4, dst: WAN.router4 }],
      ['ICMP', { type: 3, code: 4, nexthopmtu: 1300 + (port % 100) }],
      ['IP', { src: WAN.router4, dst: SERVERS.www.v4 }],
      ['UDP', { sport: port, dport: 9000 }],
      ['Raw', { load: 'x'.repeat(8) }],
    ]
    const tooBig6 = (port: number): Layers => [
      ['IPv6', { src: WAN.gateway6, dst: laptop.gua }],
      ['ICMPv6PacketTooBig', { mtu: 1300 + (port % 100) }],
      ['IPv6', { src: laptop.gua, dst: SERVERS.www.v6 }],
      ['UDP', { sport: port, dport: 9000 }],
      ['Raw', { load: 'x'.repeat(8) }],
    ]
    const packets = [tooBig4(sport + 1), tooBig6(sport + 1), tooBig4(sport), tooBig6(sport)]
    await sendPackets(lab.isp, WAN_MAC, packets, WAN.bridge)
    const lines = await before.stop()
    expect(lines.filter((line) => line.includes('mtu 1302'))).toEqual([])
    expect(lines.filter((line) => line.includes('mtu 1301'))).toHaveLength(2)
    await lab.laptop.execOk(['ip', 'route', 'flush', 'cache'])
    await lab.laptop.execOk(['ip', '-6', 'route', 'flush', 'cache'])
  })

  test('a closed port out there answers to the host that asked', async () => {
    expect(await dial(lab.laptop, SERVERS.www.v4, 7777, { protocol: 'udp' })).toBe('refused')
    expect(await dial(lab.guest1, SERVERS.www.v6, 7777, { protocol: 'udp' })).toBe('refused')
  })

  test('without mtu_bytes the WAN is as wide as before', async () => {
    await baseline(lab)
    expect(await lab.router.execOk(['cat', '/sys/class/net/wan0/mtu'])).toBe('1500\n')
    for (const to of [SERVERS.www.v4, SERVERS.www.v6])
      expect(await pings(lab.laptop, to, '-M', 'do', '-s', to.includes(':') ? '1452' : '1472'), to).toBe(true)
  })
})
