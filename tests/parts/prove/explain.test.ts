import { isIPv6 } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatIp, parseIp } from '../../../src/lib/ip.ts'
import { explain, type Question } from '../../../src/prove/explain.ts'
import { type Live, observeLive } from '../../../src/prove/live.ts'
import { TCP } from '../../../src/prove/packet.ts'
import { renderNft } from '../../../src/router/render/nft.ts'
import { count } from '../../lab/support/counts.ts'
import {
  type Bed,
  GUEST6,
  LAPTOP6,
  MAC,
  PHONE6,
  SERVER,
  SERVER6,
  startBed,
  TABLES,
  type Table,
  WAN,
  WAN6,
} from '../nft/bed.ts'
import type { Host } from '../nft/host.ts'

/*
 * What `explain` says of a connection, beside what becomes of a real packet in the bed of the firewall's tests.
 */

let bed: Bed
beforeAll(async () => {
  bed = await startBed()
  // Behind every filter: what is here has reached the router.
  await bed.load(`table inet landed {
  set seen {
    type inet_service
    flags dynamic
    size 65535
  }
  chain input {
    type filter hook input priority 200; policy accept;
    meta l4proto { tcp, udp } add @seen { th sport }
  }
}
`)
}, 60_000)
afterAll(() => bed?.stop())

interface End {
  readonly host: Exclude<keyof Bed, 'load' | 'stop' | 'router'>
  readonly zone: string
  readonly gateway: string
  readonly addresses: readonly string[]
}

const SOURCES: readonly End[] = [
  { host: 'laptop', zone: 'home', gateway: MAC.home, addresses: ['10.0.0.20', LAPTOP6] },
  { host: 'phone', zone: 'home', gateway: MAC.home, addresses: ['10.0.0.21', PHONE6] },
  { host: 'guest', zone: 'guest', gateway: MAC.guest, addresses: ['10.0.2.5', GUEST6] },
  { host: 'box', zone: 'containers', gateway: MAC.containers, addresses: ['172.30.0.2'] },
  {
    host: 'isp',
    zone: 'wan',
    gateway: MAC.wan,
    addresses: [SERVER, '198.51.100.7', '203.0.113.9', '192.0.2.9', SERVER6],
  },
]
const DESTINATIONS: readonly (readonly [zone: string, address: string])[] = [
  ...SOURCES.filter(({ host }) => host !== 'isp').flatMap(({ zone, addresses }) =>
    addresses.map((address) => [zone, address] as const),
  ),
  ['wan', SERVER],
  ['wan', SERVER6],
  ['containers', '172.30.0.3'],
  ['router', WAN],
  ['router', WAN6],
  ['router', '10.0.0.1'],
  ['router', '10.0.2.1'],
  ['router', '2001:db8:10:1::1'],
  ['router', '172.30.0.1'],
]
const PORTS = [
  22, 25, 53, 67, 80, 123, 443, 631, 1883, 2222, 6005, 8000, 8053, 8080, 8443, 9100, 9443, 51_820, 61_000,
]

interface Case extends Question {
  readonly from: End
  readonly sport: number
  readonly text: string
}

let sport = 40_000

/** So many of all that can be asked, the same ones each time, spread over the whole. */
function casesOf(wanted: number): Case[] {
  const all = SOURCES.flatMap((from) =>
    from.addresses.flatMap((source) =>
      DESTINATIONS.filter(([zone, to]) => zone !== from.zone && isIPv6(to) === isIPv6(source)).flatMap(
        ([, to]) =>
          (['tcp', 'udp'] as const).flatMap((protocol) =>
            PORTS.map((port) => ({ from, source, to, protocol, port })),
          ),
      ),
    ),
  )
  // A step that shares no factor with the number goes round through all.
  const step = 739
  return Array.from({ length: Math.min(wanted, all.length) }, (_, i) => all[(i * step) % all.length]).flatMap(
    (one) => {
      const [source, destination] = [parseIp(one?.source ?? ''), parseIp(one?.to ?? '')]
      if (!one || !source || !destination) return []
      sport++
      const { from, protocol, port } = one
      const text = `${protocol} ${one.source} → ${one.to} port ${port}`
      return [{ from, source, destination, protocol, port, sport, text }]
    },
  )
}

/** So many at once: a host of the bed remembers its latest packets only. */
const BATCH = 250

/** Which of them arrive: at a host beside the router, or behind its filters. */
async function arrivals(cases: readonly Case[], table: Table): Promise<Set<number>> {
  await bed.load(renderNft(TABLES[table]))
  const arrived = new Set<number>()
  for (let i = 0; i < cases.length; i += BATCH) {
    for (const one of cases.slice(i, i + BATCH)) await send(one)
    // What is under way has come when nothing more comes.
    for (let before = -1; before < arrived.size; ) {
      before = arrived.size
      await new Promise((resolve) => setTimeout(resolve, 500))
      for (const port of await seenPorts()) arrived.add(port)
    }
  }
  return new Set(cases.map((one) => one.sport).filter((port) => arrived.has(port)))
}

async function send({ from, protocol, port = 0, sport: own, source, destination }: Case): Promise<void> {
  const payload =
    protocol === 'tcp'
      ? ({ kind: 'tcp', sport: own, dport: port, flags: TCP.SYN } as const)
      : ({ kind: 'udp', sport: own, dport: port, text: 'x' } as const)
  const spec = { from: formatIp(source), to: formatIp(destination), payload }
  await bed[from.host].frame('eth0', from.gateway, spec)
}

async function seenPorts(): Promise<number[]> {
  const hosts: Host[] = [bed.laptop, bed.phone, bed.guest, bed.box, bed.box2, bed.isp]
  const seen = (await Promise.all(hosts.map((host) => host.seen()))).flat()
  const landed = await bed.router.run(['nft', '--numeric', 'list', 'set', 'inet', 'landed', 'seen'])
  const ports = [...(landed.split('elements =')[1] ?? '').matchAll(/\d+/g)].map(([text]) => Number(text))
  return [...seen.map((packet) => packet.sport), ...ports]
}

async function liveOfBed(): Promise<Live> {
  const { router } = bed
  const read = async (path: string) => (await router.try(['cat', path])).stdout || undefined
  return observeLive((argv) => router.try(argv), read)
}

test.each(['main', 'deny', 'many', 'block private', 'static'] as const)(
  'it agrees with real packets under the rules "%s"',
  async (table) => {
    const cases = casesOf(count(100, 800))
    const arrived = await arrivals(cases, table)
    const { answers, notes } = await explain(await liveOfBed(), cases)
    expect(notes).toEqual([])
    const wrong = cases.flatMap(({ sport: own, text }, i) => {
      const answer = answers[i]
      const passes = answer?.verdict === 'passes'
      if (passes === arrived.has(own)) return []
      return [
        `${text}: ${passes ? 'said to pass' : 'said to be blocked'}, by ${JSON.stringify(answer?.decidedBy ?? answer?.because)}`,
      ]
    })
    expect(wrong).toEqual([])
    // Both kinds were among them.
    expect(arrived.size).toBeGreaterThan(cases.length / 20)
    expect(answers.filter(({ verdict }) => verdict === 'blocked').length).toBeGreaterThan(cases.length / 20)
    // Every blocked one names who blocked it.
    expect(
      answers.filter(({ verdict, decidedBy }) => verdict === 'blocked' && decidedBy === undefined),
    ).toEqual([])
  },
  600_000,
)

test('it names the rule, its module and its reason, and what was translated', async () => {
  await bed.load(renderNft(TABLES.main))
  const ask = (
    source: string,
    destination: string,
    protocol: 'tcp' | 'udp' | 'icmp',
    port?: number,
  ): Question => {
    const [one, two] = [parseIp(source), parseIp(destination)]
    if (!one || !two) throw new Error('no address')
    return { source: one, destination: two, protocol, ...(port !== undefined && { port }) }
  }
  const { answers } = await explain(await liveOfBed(), [
    ask('10.0.2.5', '10.0.0.20', 'tcp', 80),
    ask('198.51.100.10', WAN, 'tcp', 8080),
    ask('10.0.0.20', SERVER, 'tcp', 80),
    ask('10.0.0.20', WAN, 'tcp', 9443),
    ask('10.0.0.20', '10.0.0.21', 'tcp', 80),
    ask('10.0.0.1', SERVER, 'icmp'),
  ])
  expect(answers).toMatchObject([
    {
      verdict: 'blocked',
      answered: true,
      in: 'lan2',
      out: 'br-home',
      decidedBy: {
        table: 'sekisho',
        chain: 'forward_guest',
        module: 'core',
        rule: 'goto refuse_forward_guest',
      },
    },
    {
      verdict: 'passes',
      out: 'br-home',
      arrivesAt: { address: '10.0.0.20', port: 80 },
      decidedBy: { chain: 'port_forwards', module: 'firewall.forwards', reason: 'web server' },
      translatedBy: [{ chain: 'port_forwards_dnat', module: 'firewall.forwards' }],
    },
    { verdict: 'passes', seenFrom: WAN, translatedBy: [{ chain: 'srcnat', module: 'core' }] },
    // Docker would publish it; it is ours to refuse.
    { verdict: 'blocked', decidedBy: { table: 'sekisho', chain: 'forward_home' } },
    { verdict: 'passes', in: 'br-home', out: 'br-home' },
    { verdict: 'passes', in: 'router', out: 'wan0' },
  ])
})

test('it says so when the table of somebody else decides', async () => {
  await bed.load(renderNft(TABLES.main))
  await bed.load(`table ip elsewhere {
  chain forward {
    type filter hook forward priority 5; policy accept;
    ip saddr 10.0.0.20 tcp dport 80 drop comment "not today"
  }
}
`)
  try {
    const [source, destination] = [parseIp('10.0.0.20'), parseIp(SERVER)]
    if (!source || !destination) throw new Error('no address')
    const { answers } = await explain(await liveOfBed(), [{ source, destination, protocol: 'tcp', port: 80 }])
    expect(answers).toMatchObject([
      {
        verdict: 'blocked',
        decidedBy: { family: 'ip', table: 'elsewhere', chain: 'forward', reason: 'not today' },
      },
    ])
  } finally {
    await bed.load('delete table ip elsewhere\n')
  }
})
