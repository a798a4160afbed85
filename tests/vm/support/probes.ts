import type { Lab } from '../../../src/lab/lab.ts'
import { ROUTER_CABLES, WAN } from '../../../src/lab/topology.ts'
import { type Addresses, addressesOf } from '../../lab/support/addresses.ts'
import { type Frame, sendFrames } from './frames.ts'

/*
 * What must not pass while a router boots, tried all the time: from the Internet to every host behind it and to its own
 * ports, from guests to home, and from home to the Internet with an address of home. Frames go straight to the router's
 * ports, so that neither a route nor an answer to ARP is needed for them.
 */

/** Somewhere in the Internet; nobody has these addresses. */
const STRANGER = { v4: '203.0.113.66', v6: '2001:db8:80::66' } as const
/** Where the laptop's own packets go. */
const SERVER = { v4: '203.0.113.81', v6: '2001:db8:80::81' } as const
/** A client that only ever asks for an address and takes none. */
const ASKER = '02:00:5e:77:00:01'

export interface BootReport {
  /** Packets that passed and should not have, and answers that the router gave to strangers, as tcpdump's lines. */
  readonly leaks: readonly string[]
  /** How often each probe was sent; less than one for each second would prove nothing. */
  readonly rounds: number
  /** Packets of the laptop that reached the Internet translated: the way is open when it should be. */
  readonly translated: number
  /** When the laptop first heard an answer after a moment, in milliseconds since the epoch; undefined when never. */
  first(what: 'ping' | 'dhcp' | 'dns', after: number): number | undefined
}

/** Begins all probes, which go on whatever happens to the router; what came of them is known at the end. */
export async function startProbes(lab: Lab): Promise<() => Promise<BootReport>> {
  const { isp, laptop, guest1, router } = lab
  // Another each time: a connection that an earlier probe got through is known, and may go on.
  const sourcePort = 40_000 + Math.floor(Math.random() * 9000)
  const wanMac = ROUTER_CABLES[0].near.mac
  const homeMac = (await addressesOf(router, 'br-home')).mac
  const guestMac = (await addressesOf(router, 'lan1')).mac
  const home = await addressesOf(router, 'br-home')
  const [a, b] = [await addressesOf(laptop, 'eth0', home), await addressesOf(guest1, 'eth0')]

  const inbound = (dst: string): Frame[] => {
    const ip: Frame[number] = dst.includes(':')
      ? ['IPv6', { src: STRANGER.v6, dst }]
      : ['IP', { src: STRANGER.v4, dst }]
    const ether: Frame[number] = ['Ether', { src: WAN_GATEWAY_MAC, dst: wanMac }]
    return [
      [ether, ip, ['UDP', { sport: sourcePort, dport: sourcePort }], ['Raw', { load: 'probe' }]],
      [ether, ip, ['UDP', { sport: sourcePort, dport: 53 }], ['DNS', { name: 'gate.home.arpa' }]],
      [ether, ip, ['TCP', { sport: sourcePort, dport: 22, flags: 'S' }]],
      [ether, ip, ['TCP', { sport: sourcePort, dport: 80, flags: 'S' }]],
    ]
  }
  const out = (from: Addresses, src: string, dst: string, to: string): Frame => [
    ['Ether', { src: from.mac, dst: to }],
    src.includes(':') ? ['IPv6', { src, dst }] : ['IP', { src, dst }],
    ['UDP', { sport: sourcePort, dport: sourcePort }],
    ['Raw', { load: 'probe' }],
  ]
  const fromIsp = [a.v4, a.gua, a.ula, b.v4, b.gua, home.v4, home.gua, WAN.router4].flatMap(inbound)
  const fromLaptop: Frame[] = [
    out(a, a.v4, SERVER.v4, homeMac),
    out(a, a.ula, SERVER.v6, homeMac),
    [
      ['Ether', { src: a.mac, dst: homeMac }],
      ['IP', { src: a.v4, dst: home.v4 }],
      ['ICMP', { id: 7 }],
    ],
    [
      ['Ether', { src: a.mac, dst: homeMac }],
      ['IP', { src: a.v4, dst: home.v4 }],
      ['UDP', { sport: sourcePort, dport: 53 }],
      ['DNS', { name: 'gate.home.arpa' }],
    ],
    [
      ['Ether', { src: ASKER, dst: 'ff:ff:ff:ff:ff:ff' }],
      ['IP', { src: '0.0.0.0', dst: '255.255.255.255' }],
      ['UDP', { sport: 68, dport: 67 }],
      ['BOOTP', { chaddr: ASKER, flags: 0x8000, xid: 7 }],
      ['DHCP', { options: [['message-type', 'discover'], 'end'] }],
    ],
  ]
  const fromGuest = [out(b, b.v4, a.v4, guestMac), out(b, b.gua, a.gua, guestMac)]

  const stranger = `(host ${STRANGER.v4} or ip6 host ${STRANGER.v6})`
  const cable = ROUTER_CABLES[0].far.port
  const captures = {
    inside: await laptop.capture(
      'eth0',
      `${stranger} or (udp dst port ${sourcePort} and dst host ${a.v4} and src host ${b.v4}) or (ip6 dst host ${a.gua} and ip6 src host ${b.gua})`,
    ),
    guest: await guest1.capture('eth0', stranger),
    answers: await isp.capture(cable, `ether src ${wanMac} and ${stranger}`),
    untranslated: await isp.capture(
      cable,
      'ether src ' +
        wanMac +
        ' and ((ip src net 10.0.0.0/8) or (ip src net 172.16.0.0/12) or (ip6 src net fc00::/7))',
    ),
    translated: await isp.capture(
      cable,
      `ether src ${wanMac} and src host ${WAN.router4} and dst host ${SERVER.v4} and udp dst port ${sourcePort}`,
    ),
  }
  const answersHere = `ether src ${homeMac} and (icmp[icmptype] = icmp-echoreply or udp src port 53 or udp src port 67)`
  const heard = laptop.spawn(['tcpdump', '-nn', '-tt', '-l', '--immediate-mode', '-i', 'eth0', answersHere])
  await heard.waitFor(/listening on/)
  const senders = [
    await sendFrames(isp, cable, fromIsp),
    await sendFrames(laptop, 'eth0', fromLaptop),
    await sendFrames(guest1, 'eth0', fromGuest),
  ]
  return async () => {
    const rounds = await Promise.all(senders.map((sender) => sender.stop()))
    const [inside, guest, answers, untranslated, translated] = await Promise.all([
      captures.inside.stop(),
      captures.guest.stop(),
      captures.answers.stop(),
      captures.untranslated.stop(),
      captures.translated.stop(),
    ])
    const lines = (await heard.stop()).split('\n')
    const patterns = { ping: /echo reply/, dns: /\.53 > /, dhcp: /\.67 > / }
    const named = (what: string, lines: readonly string[]) => lines.map((line) => `${what}: ${line}`)
    return {
      leaks: [
        ...named('to the laptop', inside),
        ...named('to a guest', guest),
        ...named('an answer to a stranger', answers),
        ...named('not translated', untranslated),
      ],
      rounds: Math.min(...rounds),
      translated: translated.length,
      first: (what, after) =>
        lines
          .filter((line) => patterns[what].test(line))
          .map((line) => Number.parseFloat(line) * 1000)
          .find((at) => at > after),
    }
  }
}

const WAN_GATEWAY_MAC = '02:00:5e:20:00:ff'
