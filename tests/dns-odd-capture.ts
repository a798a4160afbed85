import {
  type Captured,
  type Ends,
  ethernet,
  FIRST_NAME,
  framed,
  ip,
  ipv4,
  ipv6,
  message,
  name,
  opt,
  pcap,
  RESPONSE,
  tcp,
  u8,
  u16,
  u32,
  udp,
} from './dns-wire.ts'

const CLIENT: Ends = { from: '192.0.2.10', to: '192.0.2.53', fromPort: 40_000, toPort: 53 }
const SERVER: Ends = { from: '192.0.2.53', to: '192.0.2.10', fromPort: 53, toPort: 40_000 }
const CLIENT6: Ends = { from: '2001:db8::10', to: '2001:db8::53', fromPort: 40_000, toPort: 53 }
const SERVER6: Ends = { from: '2001:db8::53', to: '2001:db8::10', fromPort: 53, toPort: 40_000 }
/** 2026-11-23T00:00:00Z. */
const START = Date.UTC(2026, 10, 23) * 1000
const UDP = 17

/** A capture (pcap, Ethernet) of messages that are seldom, a millisecond apart. */
export function oddCapture(): Buffer {
  const packets: Captured[] = []
  const add = (frame: Buffer): number => packets.push({ bytes: frame, micros: START + packets.length * 1000 })
  const send = (ends: Ends, bytes: Buffer): number => add(ethernet(udp(ends, bytes)))
  const ask = (id: number, parts: Parameters<typeof message>[0]): number =>
    send(CLIENT, message({ id, ...parts }))
  const tell = (id: number, parts: Parameters<typeof message>[0]): number =>
    send(SERVER, message({ id, flags: RESPONSE, ...parts }))
  const www = [{ name: 'www.Example.org', type: 1 }]
  const a = { name: FIRST_NAME, type: 1, data: ipv4('198.51.100.7') }

  ask(1, { questions: www })
  tell(1, { questions: www, answers: [a] })
  // The root; a name with underscores; the longest label.
  for (const [i, odd] of ['.', '_sip._tcp.example.org', `${'x'.repeat(63)}.example`].entries()) {
    const questions = [{ name: odd, type: 33 }]
    const target = {
      name: FIRST_NAME,
      type: 33,
      data: Buffer.concat([u16(0, 5, 5060), name('sip.example.org')]),
    }
    ask(10 + i, { questions })
    tell(10 + i, { questions, answers: [target] })
  }
  // Every rcode of the header's, then one of EDNS.
  for (let rcode = 1; rcode <= 5; rcode++) {
    ask(20 + rcode, { questions: www })
    tell(20 + rcode, { flags: RESPONSE | rcode, questions: www })
  }
  ask(30, { questions: www, additionals: [opt([[10, Buffer.alloc(8, 1)]])] })
  tell(30, { questions: www, additionals: [opt([], 2 ** 24)] })
  // Truncated, then over TCP: the messages of both directions, one of them over two segments, two in one.
  ask(31, { questions: www })
  tell(31, { flags: RESPONSE | 0x0200, questions: www })
  const many = Array.from({ length: 120 }, (_, i) => ({ ...a, data: ipv4(`198.51.100.${i}`) }))
  const answer = framed(message({ id: 32, flags: RESPONSE, questions: www, answers: many }))
  const [client, server] = [1000, 2000]
  add(ethernet(tcp(CLIENT, { sequence: client, flags: 2 })))
  add(ethernet(tcp(SERVER, { sequence: server, acknowledged: client + 1, flags: 0x12 })))
  add(
    ethernet(
      tcp(CLIENT, {
        sequence: client + 1,
        acknowledged: server + 1,
        payload: framed(message({ id: 32, questions: www })),
      }),
    ),
  )
  add(
    ethernet(
      tcp(SERVER, { sequence: server + 1, acknowledged: client + 1, payload: answer.subarray(0, 1000) }),
    ),
  )
  add(
    ethernet(
      tcp(SERVER, { sequence: server + 1001, acknowledged: client + 1, payload: answer.subarray(1000) }),
    ),
  )
  // IPv6, VLAN tags, fragments.
  add(ethernet(udp(CLIENT6, message({ id: 40, questions: [{ name: 'www.example.org', type: 28 }] })), 100))
  const aaaa = { name: FIRST_NAME, type: 28, data: ipv6('2001:db8::7') }
  add(
    ethernet(
      udp(
        SERVER6,
        message({
          id: 40,
          flags: RESPONSE,
          questions: [{ name: 'www.example.org', type: 28 }],
          answers: [aaaa],
        }),
      ),
      7,
      100,
    ),
  )
  const large = message({ id: 41, flags: RESPONSE, questions: www, answers: many })
  const datagram = Buffer.concat([u16(53, 40_000, 8 + large.length, 0), large])
  ask(41, { questions: www })
  add(ethernet(ip(SERVER, UDP, datagram.subarray(0, 1024), { identification: 9, offset: 0, more: true })))
  add(ethernet(ip(SERVER, UDP, datagram.subarray(1024), { identification: 9, offset: 1024 })))
  // Without a question; with other types; without an answer in time; not asked for.
  ask(50, {})
  tell(50, { flags: 0x8001 })
  for (const [i, type] of [255, 65_280, 2, 6, 65].entries())
    ask(60 + i, { questions: [{ name: 'example.org', type }] })
  tell(70, {
    questions: [{ name: 'unasked.example', type: 1 }],
    answers: [{ ...a, name: 'unasked.example' }],
  })
  // Aliases, mail, text, and data of no known type.
  tell(71, {
    questions: www,
    answers: [
      { name: FIRST_NAME, type: 5, data: name('a.example.net') },
      { name: 'a.example.net', type: 5, data: Buffer.concat([u8(1), Buffer.from('b'), FIRST_NAME]) },
      { name: 'b.www.example.org', type: 1, data: ipv4('203.0.113.9') },
    ],
    authorities: [{ name: 'example.org', type: 2, data: name('ns.example.org') }],
    additionals: [{ name: 'ns.example.org', type: 1, data: ipv4('203.0.113.53') }, opt()],
  })
  tell(72, {
    questions: [{ name: 'example.org', type: 15 }],
    answers: [
      { name: FIRST_NAME, type: 15, data: Buffer.concat([u16(10), name('mail.example.org')]) },
      { name: FIRST_NAME, type: 65_280, data: u32(1) },
      { name: FIRST_NAME, type: 16, data: Buffer.concat([u8(12), Buffer.from('hello, world')]) },
    ],
  })
  // Other opcodes: NOTIFY and UPDATE.
  ask(80, { flags: 0x2400, questions: [{ name: 'example.org', type: 6 }] })
  tell(80, { flags: 0xa400, questions: [{ name: 'example.org', type: 6 }] })
  ask(81, { flags: 0x2800, questions: www })
  return pcap(packets)
}
