import { TCP } from '../../../src/prove/packet.ts'
import { type Probe, SERVER, WAN } from './bed.ts'

/*
 * Packets from everywhere to everywhere. Each has a number of its own as its source port, by which it is known again.
 */

const PORTS = [
  22, 25, 53, 67, 80, 123, 443, 2055, 2222, 3306, 5000, 5514, 6005, 8080, 8443, 24_224, 33_000, 51_820,
]

/** Who sends, as which address, and to whom. */
const WAYS: readonly {
  readonly name: string
  readonly from: Probe['from']
  readonly source: string
  readonly to: string
}[] = [
  { name: 'laptop to the router', from: 'laptop', source: '10.0.0.20', to: '10.0.0.1' },
  { name: 'host 66 to the router', from: 'laptop', source: '10.0.0.66', to: '10.0.0.1' },
  { name: 'laptop to the Internet', from: 'laptop', source: '10.0.0.20', to: SERVER },
  { name: 'laptop to the guest', from: 'laptop', source: '10.0.0.20', to: '10.0.2.5' },
  { name: 'guest to the router', from: 'guest', source: '10.0.2.5', to: '10.0.2.1' },
  { name: 'guest to the laptop', from: 'guest', source: '10.0.2.5', to: '10.0.0.20' },
  { name: 'guest to the Internet', from: 'guest', source: '10.0.2.5', to: SERVER },
  { name: 'Internet to the router', from: 'isp', source: SERVER, to: WAN },
  { name: 'friend to the router', from: 'isp', source: '198.51.100.7', to: WAN },
  { name: 'Internet to the laptop', from: 'isp', source: SERVER, to: '10.0.0.20' },
  { name: 'Internet to a container', from: 'isp', source: SERVER, to: '172.17.0.2' },
  { name: 'Internet as the laptop to the router', from: 'isp', source: '10.0.0.20', to: WAN },
  { name: 'laptop as a stranger to the Internet', from: 'laptop', source: '192.0.2.9', to: SERVER },
]

// Conntrack remembers: another case has other numbers.
let number = 20_000
const next = () => ++number

/** The probes; `forwards` are ports of the WAN address and where they should lead. */
export function probes(
  forwards: readonly {
    readonly from: string
    readonly protocol: 'tcp' | 'udp'
    readonly port: number
    readonly host: string
    readonly toPort: number
  }[],
): Probe[] {
  const crossing = WAYS.flatMap(({ name, from, source, to }): Probe[] => [
    ...PORTS.flatMap((port): Probe[] => [
      {
        name: `${name}, tcp ${port}`,
        from,
        packet: { from: source, to, payload: { kind: 'tcp', sport: next(), dport: port, flags: TCP.SYN } },
      },
      {
        name: `${name}, udp ${port}`,
        from,
        packet: { from: source, to, payload: { kind: 'udp', sport: next(), dport: port, text: 'x' } },
      },
    ]),
    { name: `${name}, ping`, from, packet: { from: source, to, payload: { kind: 'icmp', id: next() } } },
  ])
  const forwarded = forwards.map(({ from, protocol, port, host, toPort }): Probe => {
    const sport = next()
    const payload =
      protocol === 'tcp'
        ? ({ kind: 'tcp', sport, dport: port, flags: TCP.SYN } as const)
        : ({ kind: 'udp', sport, dport: port, text: 'x' } as const)
    return {
      name: `forward ${protocol} ${port} for ${from} to ${host}:${toPort}`,
      from: 'isp',
      packet: { from, to: WAN, payload },
      at: { host, port: toPort },
    }
  })
  return [...crossing, ...forwarded, ...answers()]
}

/** Answers to what was begun inside, and packets that look like one and are none. */
function answers(): Probe[] {
  const made: Probe[] = []
  for (const kind of ['tcp', 'udp'] as const)
    for (const isAnswer of [true, false]) {
      const [mine, far] = [next(), next()]
      const payload = (sport: number, dport: number, flags: number) =>
        kind === 'tcp'
          ? ({ kind, sport, dport, flags } as const)
          : ({ kind, sport, dport, text: 'x' } as const)
      const answer = { from: SERVER, to: WAN, payload: payload(far, mine, TCP.SYN | TCP.ACK) }
      const begins = {
        from: 'laptop',
        packet: { from: '10.0.0.20', to: SERVER, payload: payload(mine, far, TCP.SYN) },
      } as const
      made.push({
        name: `${isAnswer ? 'an answer' : 'no answer'} to the laptop, ${kind}`,
        from: 'isp',
        packet: answer,
        ...(isAnswer && { begins }),
      })
    }
  const [mine, far] = [next(), next()]
  made.push({
    name: 'an answer to the router, udp',
    from: 'isp',
    packet: { from: SERVER, to: WAN, payload: { kind: 'udp', sport: far, dport: mine, text: 'x' } },
    begins: {
      from: 'router',
      packet: { from: WAN, to: SERVER, payload: { kind: 'udp', sport: mine, dport: far, text: 'x' } },
    },
  })
  return made
}
