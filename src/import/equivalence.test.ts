import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { importedYaml } from '../../tests/imported.ts'
import { contains, parseIp, parseIpOrCidr } from '../lib/ip.ts'

/*
 * Rules made at random from what people write: an interpreter of iptables and one of router.yaml judge the same
 * connections. What was refused is never let through by what was imported, unless the report says that a refusal is lost;
 * what was let through is, unless the report says that a rule is. tests/parts/import shows that the kernel agrees.
 */

const CONFIG = {
  file: 'config.json',
  text: '{"network": {"internal_gateway": "10.0.0.1", "subnet": "10.0.0.0/24"}, "dhcp": {"interfaces": ["lan0"], "pools": []}}',
}
const GUEST = { file: 'interfaces', text: 'iface lan1 inet static\n  address 10.0.2.1/24\n' }
const DEVICES = { home: 'lan0', guest: 'lan1', wan: 'wan0' } as const
type Zone = keyof typeof DEVICES
const ZONES = Object.keys(DEVICES) as Zone[]
const NAMES: Readonly<Record<Zone, string>> = { home: 'home', guest: 'lan1', wan: 'wan' }
const HOSTS: Readonly<Record<Zone, readonly string[]>> = {
  home: ['10.0.0.7', '10.0.0.200'],
  guest: ['10.0.2.7'],
  wan: ['198.51.100.7', '203.0.113.9'],
}

interface Connection {
  readonly from: Zone
  readonly to: Zone | 'router'
  readonly source: string
  readonly destination: string
  readonly protocol: 'tcp' | 'udp' | 'icmp'
  readonly port: number
}

const PORTS = [22, 53, 80, 443, 8080]
const CONNECTIONS: readonly Connection[] = ZONES.flatMap((from) =>
  [...ZONES.filter((zone) => zone !== from), 'router' as const].flatMap((to) =>
    HOSTS[from].flatMap((source) => {
      const destinations =
        to === 'router' ? [{ home: '10.0.0.1', guest: '10.0.2.1', wan: '203.0.113.5' }[from]] : HOSTS[to]
      return destinations.flatMap((destination) => [
        ...(['tcp', 'udp'] as const).flatMap((protocol) =>
          PORTS.map((port) => ({ from, to, source, destination, protocol, port })),
        ),
        { from, to, source, destination, protocol: 'icmp' as const, port: 0 },
      ])
    }),
  ),
)

/** Words of a rule, and whether they match a connection. */
interface Part {
  readonly text: string
  readonly matches: (connection: Connection) => boolean
}

const within = (prefix: string, address: string) => {
  const [outer, inner] = [parseIpOrCidr(prefix)?.prefix, parseIp(address)]
  return outer !== undefined && inner !== undefined && contains(outer, inner)
}
const not = (part: Part): Part => ({ text: `! ${part.text}`, matches: (one) => !part.matches(one) })
const negatable = (part: fc.Arbitrary<Part>) =>
  fc.oneof({ weight: 12, arbitrary: part }, { weight: 1, arbitrary: part.map(not) })
const none: Part = { text: '', matches: () => true }
const maybe = (part: fc.Arbitrary<Part>) =>
  fc.oneof({ weight: 2, arbitrary: fc.constant(none) }, { weight: 1, arbitrary: part })

const inPart = negatable(
  fc
    .constantFrom(...ZONES)
    .map((zone): Part => ({ text: `-i ${DEVICES[zone]}`, matches: ({ from }) => from === zone })),
)
const outPart = negatable(
  fc
    .constantFrom(...ZONES)
    .map((zone): Part => ({ text: `-o ${DEVICES[zone]}`, matches: ({ to }) => to === zone })),
)
const sourcePart = negatable(
  fc
    .constantFrom(
      '10.0.0.0/24',
      '10.0.0.7',
      '10.0.0.128/25',
      '10.0.2.0/24',
      '10.0.0.0/8',
      '198.51.100.0/24',
      '0.0.0.0/0',
    )
    .map((prefix): Part => ({ text: `-s ${prefix}`, matches: ({ source }) => within(prefix, source) })),
)
const destinationPart = negatable(
  fc
    .constantFrom('10.0.0.0/24', '10.0.0.1', '10.0.2.7', '203.0.113.9', '10.0.2.0/24')
    .map(
      (prefix): Part => ({ text: `-d ${prefix}`, matches: ({ destination }) => within(prefix, destination) }),
    ),
)
const protocolPart = fc.oneof(
  fc.constantFrom<Part>(
    { text: '-p icmp', matches: ({ protocol }) => protocol === 'icmp' },
    { text: '-p tcp', matches: ({ protocol }) => protocol === 'tcp' },
    { text: '! -p udp', matches: ({ protocol }) => protocol !== 'udp' },
  ),
  fc
    .tuple(
      fc.constantFrom('tcp', 'udp'),
      fc.constantFrom('22', '80,443', '53', '1:1024', '81:9000'),
      fc.boolean(),
    )
    .map(
      ([protocol, ports, isNot]): Part => ({
        text: `-p ${protocol} -m multiport ${isNot ? '! ' : ''}--dports ${ports}`,
        matches: (one) => {
          const isIn = ports.split(',').some((span) => {
            const [from = 0, to = from] = span.split(':').map(Number)
            return from <= one.port && one.port <= to
          })
          return one.protocol === protocol && isIn !== isNot
        },
      }),
    ),
)

interface Rule {
  readonly parts: readonly Part[]
  readonly target: string
}

const rule = (parts: readonly fc.Arbitrary<Part>[], targets: readonly string[]): fc.Arbitrary<Rule> =>
  fc.record({ parts: fc.tuple(...parts.map(maybe)), target: fc.constantFrom(...targets) })
const rules = (parts: readonly fc.Arbitrary<Part>[], targets: readonly string[]) =>
  fc.array(rule(parts, targets), { maxLength: 4 })

const VERDICTS = ['ACCEPT', 'DROP', 'REJECT']
const file = fc.record({
  input: rules([inPart, sourcePart, destinationPart, protocolPart], [...VERDICTS, 'OWN', 'RETURN']),
  forward: rules(
    [inPart, outPart, sourcePart, destinationPart, protocolPart],
    [...VERDICTS, 'OWN', 'RETURN'],
  ),
  own: rules([inPart, sourcePart, protocolPart], [...VERDICTS, 'RETURN']),
  policy: fc.constantFrom('ACCEPT', 'DROP'),
  inputPolicy: fc.constantFrom('DROP', 'DROP', 'ACCEPT'),
})
type File = typeof file extends fc.Arbitrary<infer T> ? T : never

const HEAD = ['*filter', ':OWN - [0:0]']

function textOf({ input, forward, own, policy, inputPolicy }: File): string {
  const lines = (chain: string, list: readonly Rule[]) =>
    list.map(({ parts, target }) => `-A ${chain} ${parts.map(({ text }) => text).join(' ')} -j ${target}`)
  return [
    ...HEAD,
    `:INPUT ${inputPolicy} [0:0]`,
    `:FORWARD ${policy} [0:0]`,
    ...lines('INPUT', input),
    ...lines('FORWARD', forward),
    ...lines('OWN', own),
    'COMMIT',
    '',
  ].join('\n')
}

/** As the kernel goes through the rules. */
function passedBefore({ input, forward, own, policy, inputPolicy }: File, connection: Connection): boolean {
  const walk = (list: readonly Rule[]): string | undefined => {
    for (const { parts, target } of list) {
      if (!parts.every(({ matches }) => matches(connection))) continue
      if (target === 'RETURN') return undefined
      if (target !== 'OWN') return target
      const verdict = walk(own)
      if (verdict !== undefined) return verdict
    }
    return undefined
  }
  return (
    (walk(connection.to === 'router' ? input : forward) ??
      (connection.to === 'router' ? inputPolicy : policy)) === 'ACCEPT'
  )
}

interface Entry {
  readonly from: string
  readonly to?: string
  readonly protocol?: string
  readonly ports?: readonly (number | string)[]
  readonly source?: string
  readonly destination?: string
}
interface Yaml {
  readonly networks: Readonly<Record<string, { readonly router_access?: readonly string[] }>>
  readonly firewall?: { readonly allow?: readonly Entry[]; readonly deny?: readonly Entry[] }
}

/** As docs/router-yaml.md says. */
function passesNow({ networks, firewall }: Yaml, one: Connection): boolean {
  const [from, to] = [NAMES[one.from], one.to === 'router' ? 'router' : NAMES[one.to]]
  const covers = (entry: Entry) =>
    entry.from === from &&
    (entry.to === undefined || entry.to === to) &&
    (entry.protocol === undefined || entry.protocol === one.protocol) &&
    (entry.ports === undefined ||
      entry.ports.some((span) => {
        const [first = 0, last = first] = String(span).split('-').map(Number)
        return first <= one.port && one.port <= last
      })) &&
    (entry.source === undefined || within(entry.source, one.source)) &&
    (entry.destination === undefined || within(entry.destination, one.destination))
  if (firewall?.deny?.some(covers)) return false
  if (to === 'wan') return true
  const access = networks[from]?.router_access ?? []
  if (to === 'router' && access.includes('ping') && one.protocol === 'icmp') return true
  if (to === 'router' && access.includes('ssh') && one.protocol === 'tcp' && one.port === 22) return true
  // IPv4 of the Internet reaches no private address, whatever is allowed.
  return (from !== 'wan' || to === 'router') && (firewall?.allow?.some(covers) ?? false)
}

it('lets through what was let through, and nothing else, or says so', async () => {
  let same = 0
  await fc.assert(
    fc.asyncProperty(file, async (old) => {
      const { imported, settled } = await importedYaml(
        { config: CONFIG, interfaces: [GUEST], iptables: { file: 'iptables', text: textOf(old) } },
        { wan: 'wan0' },
      )
      if (!settled?.ok || imported.kind !== 'router') throw new Error(JSON.stringify({ settled, imported }))
      const yaml: Yaml = parse(settled.text)
      // Of a rule that matches nothing nothing is lost.
      const told = imported.book.report.left.filter(
        ({ from, why }) =>
          from.startsWith('iptables') && why !== 'it matches nothing between the zones that are known',
      )
      const general = told.some(({ what, why }) => /may not send|were dropped/.test(`${what} ${why}`))
      const lines = told.flatMap(({ from }) => Number(/^iptables:(\d+)$/.exec(from)?.[1] ?? 0))
      const all = [...old.input, ...old.forward, ...old.own]
      const lost = all.filter((_, i) => lines.includes(HEAD.length + 3 + i))
      for (const connection of CONNECTIONS) {
        const [before, now] = [passedBefore(old, connection), passesNow(yaml, connection)]
        if (before === now) continue
        const what = `${JSON.stringify(connection)}\n${textOf(old)}\n${settled.text}\n${JSON.stringify(told, null, 1)}`
        // What a neighbour on the WAN's link can send straight to hosts is told once and for all.
        if (before && connection.from === 'wan' && connection.to !== 'router') continue
        // Of what an open INPUT chain let pass, the networks keep ssh and ping; that the rest is lost is told.
        const { from, to, protocol, port } = connection
        const isService = from !== 'wan' && (protocol === 'icmp' || (protocol === 'tcp' && port === 22))
        if (before && to === 'router' && old.inputPolicy === 'ACCEPT' && !isService) continue
        const excuses = lost.filter(
          ({ parts, target }) =>
            parts.every(({ matches }) => matches(connection)) && (before || target !== 'ACCEPT'),
        )
        expect(
          excuses.length > 0 || (now && general),
          `${before ? 'passed' : 'did not pass'} before: ${what}`,
        ).toBe(true)
      }
      if (lost.length === 0) same++
    }),
    { numRuns: process.env.SEKISHO_FULL ? 5000 : 200 },
  )
  // Files that can be said wholly are among them.
  expect(same).toBeGreaterThan(40)
})
