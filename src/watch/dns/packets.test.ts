import { describe, expect, it } from 'vitest'
import { back, CLIENT, DnsReader, ETHERNET, START } from '../../../tests/dns-reader.ts'
import {
  type Ends,
  ethernet,
  FIRST_NAME,
  ip,
  ipv4,
  message,
  RESPONSE,
  tcp,
  u8,
  u16,
  u32,
  udp,
} from '../../../tests/dns-wire.ts'

const QUESTIONS = [{ name: 'www.example.org', type: 1 }]
const QUERY = message({ questions: QUESTIONS })
const CLIENT6: Ends = { from: '2001:db8::10', to: '2001:db8::53', fromPort: 40_000, toPort: 53 }
const V4 = udp(CLIENT, QUERY)
const V6 = udp(CLIENT6, QUERY)
const UDP = 17
const MAC = Buffer.from('020000000001020000000002', 'hex')

function read(linkType: number, frame: Buffer): DnsReader {
  const reader = new DnsReader()
  reader.transactions.packet(frame, linkType, START)
  reader.transactions.end()
  return reader
}

const IN_V4 = { clientAddress: '192.0.2.10', queryName: 'www.example.org', queryBytes: 33 }
const IN_V6 = { clientAddress: '2001:db8::10', queryName: 'www.example.org', queryBytes: 33 }
const join = (...parts: Buffer[]): Buffer => Buffer.concat(parts)
const sll = (type: number, packet: Buffer): Buffer =>
  join(u16(0, 1, 6), MAC.subarray(0, 8), u16(type), packet)
const sll2 = (type: number, packet: Buffer): Buffer =>
  join(u16(type, 0), u32(3), u16(1), u8(0, 6), MAC.subarray(0, 8), packet)
const pppoe = (...rest: Buffer[]): Buffer => join(u8(0x11, 0), u16(7, 0), ...rest)

describe('link layers', () => {
  it.each([
    ['Ethernet', 1, ethernet(V4), IN_V4],
    ['Ethernet', 1, ethernet(V6), IN_V6],
    ['Ethernet with padding', 1, join(ethernet(V4), Buffer.alloc(20, 0xee)), IN_V4],
    ['Ethernet with padding', 1, join(ethernet(V6), Buffer.alloc(20, 0xee)), IN_V6],
    ['802.1Q', 1, ethernet(V4, 100), IN_V4],
    ['802.1ad', 1, ethernet(V6, 7, 100), IN_V6],
    ['802.2 with SNAP', 1, join(MAC, u16(8 + V4.length), u16(0xaaaa, 0x0300, 0, 0x0800), V4), IN_V4],
    ['PPPoE', 1, join(MAC, u16(0x8864), pppoe(u16(0x0021), V4)), IN_V4],
    ['PPPoE', 1, join(MAC, u16(0x8864), pppoe(u16(0x0057), V6)), IN_V6],
    ['PPPoE with a short protocol', 1, join(MAC, u16(0x8864), pppoe(u8(0x21), V4)), IN_V4],
    ['PPPoE in a VLAN', 1, join(MAC, u16(0x8100, 2, 0x8864), pppoe(u16(0x0021), V4)), IN_V4],
    ['Linux cooked v1', 113, sll(0x0800, V4), IN_V4],
    ['Linux cooked v1', 113, sll(0x86dd, V6), IN_V6],
    ['Linux cooked v1 with a tag', 113, sll(0x8100, join(u16(5, 0x0800), V4)), IN_V4],
    ['Linux cooked v2', 276, sll2(0x0800, V4), IN_V4],
    ['Linux cooked v2', 276, sll2(0x86dd, V6), IN_V6],
    ['raw IP', 101, V4, IN_V4],
    ['raw IP', 101, V6, IN_V6],
    ['raw IP, as BSD numbers it', 12, V4, IN_V4],
    ['raw IPv4', 228, V4, IN_V4],
    ['raw IPv6', 229, V6, IN_V6],
    ['BSD loopback', 0, join(u8(2, 0, 0, 0), V4), IN_V4],
    ['BSD loopback', 0, join(u8(30, 0, 0, 0), V6), IN_V6],
    ['OpenBSD loopback', 108, join(u32(24), V6), IN_V6],
    ['PPP', 9, join(u16(0xff03, 0x0021), V4), IN_V4],
    ['PPP without address and control', 9, join(u16(0x0057), V6), IN_V6],
    ['PPPoE by itself', 51, pppoe(u16(0x0021), V4), IN_V4],
  ] as const)('%s (%i)', (_, linkType, frame, record) => {
    const { records, counts } = read(linkType, frame)
    expect(records).toMatchObject([record])
    expect(counts).toMatchObject({ packets: 1, messages: 1, otherPackets: 0, malformed: 0, cutOff: 0 })
  })

  it.each([
    ['ARP', 1, join(MAC, u16(0x0806), Buffer.alloc(28))],
    ['PPPoE discovery', 1, join(MAC, u16(0x8863), pppoe(u16(0x0021), V4))],
    ['LCP', 1, join(MAC, u16(0x8864), pppoe(u16(0xc021), V4))],
    ['STP', 1, join(MAC, u16(38), u16(0x4242, 0x0300), Buffer.alloc(40))],
    ['tags without end', 1, join(MAC, Buffer.alloc(400, u16(0x8100)))],
    ['a link layer that is not known', 999, ethernet(V4)],
    ['nothing', 1, Buffer.alloc(0)],
    ['IP version 5', 101, join(u8(0x55), V4.subarray(1))],
  ] as const)('%s is something else', (_, linkType, frame) => {
    const { records, counts } = read(linkType, frame)
    expect(records).toEqual([])
    expect(counts).toMatchObject({ packets: 1, otherPackets: 1, messages: 0 })
  })
})

describe('IP', () => {
  it('version 4 may have options', () => {
    const packet = join(u8(0x46), V4.subarray(1, 20), u32(0x01010100), V4.subarray(20))
    packet.writeUInt16BE(packet.length, 2)
    expect(read(101, packet).records).toMatchObject([IN_V4])
  })

  it('version 4 may have length zero, where the network card cuts it', () => {
    const packet = Buffer.from(V4)
    packet.writeUInt16BE(0, 2)
    expect(read(101, packet).records).toMatchObject([IN_V4])
  })

  it.each([
    ['hop-by-hop options', 0, u8(17, 0, 1, 4, 0, 0, 0, 0)],
    ['a routing header', 43, u8(17, 1, 0, 0, ...Buffer.alloc(12))],
    ['destination options', 60, u8(17, 0, 1, 4, 0, 0, 0, 0)],
    ['an authentication header', 51, u8(17, 4, ...Buffer.alloc(22))],
    ['an atomic fragment', 44, u8(17, 0, 0, 0, 1, 2, 3, 4)],
  ])('version 6 may have %s', (_, number, header) => {
    expect(read(101, ip(CLIENT6, number, join(header, V6.subarray(40)))).records).toMatchObject([IN_V6])
  })

  it('has other protocols and ports', () => {
    for (const packet of [
      ip(CLIENT, 1, Buffer.alloc(20)),
      udp({ ...CLIENT, toPort: 5353 }, QUERY),
      udp({ ...CLIENT, toPort: 853 }, QUERY),
      tcp({ ...CLIENT, toPort: 443 }, { sequence: 1, payload: Buffer.from([0, 33, ...QUERY]) }),
    ])
      expect(read(101, packet)).toMatchObject({ records: [], counts: { otherPackets: 1 } })
  })
})

describe('UDP', () => {
  it.each([
    ['nothing in it', udp(CLIENT, Buffer.alloc(0))],
    ['less than a header in it', udp(CLIENT, QUERY.subarray(0, 11))],
    ['a length below its own header', ip(CLIENT, UDP, join(u16(40_000, 53, 7, 0), QUERY))],
  ])('with %s is malformed', (_, packet) => {
    expect(read(101, packet)).toMatchObject({ records: [], counts: { malformed: 1, messages: 0 } })
  })

  it('longer than its packet is malformed, and kept', () => {
    const packet = ip(CLIENT, UDP, join(u16(40_000, 53, 400, 0), QUERY))
    expect(read(101, packet)).toMatchObject({ records: [{ queryName: 'www.example.org' }] })
  })

  it('shorter than its packet ends where it says', () => {
    const packet = ip(CLIENT, UDP, join(u16(40_000, 53, 8 + QUERY.length, 0), QUERY, Buffer.alloc(9, 1)))
    expect(read(101, packet)).toMatchObject({ records: [IN_V4], counts: { malformed: 0 } })
  })

  it('of which the capture has the beginning only is kept as far as it is there', () => {
    const frame = ethernet(udp(back(CLIENT), message({ flags: RESPONSE | 3, questions: QUESTIONS })))
    for (let length = 14; length < frame.length; length++) {
      const { records, counts } = read(ETHERNET, frame.subarray(0, length))
      const payload = length - 14 - 20 - 8
      expect(records).toHaveLength(payload < 12 ? 0 : 1)
      if (payload >= 12) expect(records[0]).toMatchObject({ responseCode: 'NXDOMAIN', responseBytes: 33 })
      expect(counts.malformed).toBe(0)
      expect(counts.cutOff + counts.otherPackets).toBe(1)
    }
  })
})

describe('fragments', () => {
  const answers = Array.from({ length: 200 }, (_, i) => ({
    name: FIRST_NAME,
    type: 1,
    data: ipv4(`198.51.100.${i}`),
  }))
  const response = message({ flags: RESPONSE, questions: QUESTIONS, answers })
  const payload = join(u16(53, 40_000, 8 + response.length, 0), response)
  const SIZE = 1024

  function fragments(ends: Ends, identification = 77): Buffer[] {
    const parts: Buffer[] = []
    for (let offset = 0; offset < payload.length; offset += SIZE) {
      const more = offset + SIZE < payload.length
      parts.push(ip(ends, UDP, payload.subarray(offset, offset + SIZE), { identification, offset, more }))
    }
    return parts
  }

  it.each([
    ['IPv4', back(CLIENT)],
    ['IPv6', back(CLIENT6)],
  ])('of %s are put together in any order, also when one comes twice', (_, ends) => {
    const [a, b, c, d] = fragments(ends) as [Buffer, Buffer, Buffer, Buffer]
    for (const order of [
      [a, b, c, d],
      [d, c, b, a],
      [c, a, a, d, b],
    ]) {
      const reader = new DnsReader()
      for (const part of order) reader.ip(part)
      expect(reader.records).toHaveLength(1)
      expect(reader.records[0]?.answers).toHaveLength(200)
      expect(reader.records[0]?.clientAddress).toBe(ends.to)
      expect(reader.counts.fragmentsDropped).toBe(0)
    }
  })

  it('of other datagrams are not mixed', () => {
    const reader = new DnsReader()
    const [one, two] = [fragments(back(CLIENT), 1), fragments(back(CLIENT), 2)]
    for (const part of one.slice(0, 3)) reader.ip(part)
    for (const part of two.slice(1)) reader.ip(part)
    expect(reader.records).toEqual([])
    reader.ip(two[0] as Buffer)
    reader.ip(one[3] as Buffer)
    expect(reader.records).toHaveLength(2)
  })

  it.each([
    ['that overlap', [8, 1000, false]],
    ['longer than any datagram', [65_528, 1024, false]],
    ['not of eight bytes', [1024, 1001, true]],
  ] as const)('%s make the datagram worthless', (_, [offset, length, more]) => {
    const reader = new DnsReader()
    const [a, b, c, d] = fragments(back(CLIENT)) as [Buffer, Buffer, Buffer, Buffer]
    const wrong = ip(back(CLIENT), UDP, Buffer.alloc(length, 1), { identification: 77, offset, more })
    for (const part of [a, wrong, b, c, d]) reader.ip(part)
    expect(reader.records).toEqual([])
    expect(reader.counts.fragmentsDropped + reader.counts.malformed).toBeGreaterThan(0)
  })

  it('that do not come in 30 s are given up', () => {
    const reader = new DnsReader()
    const [a, b, c, d] = fragments(back(CLIENT)) as [Buffer, Buffer, Buffer, Buffer]
    for (const part of [a, b, c]) reader.ip(part)
    reader.ip(d, 30_000_000)
    expect(reader.records).toEqual([])
    expect(reader.counts.fragmentsDropped).toBe(1)
  })

  it('of thousands of datagrams push out the oldest, and good ones are still read', () => {
    const reader = new DnsReader()
    for (let i = 0; i < 20_000; i++)
      reader.ip(
        ip({ from: `203.0.113.${i & 255}`, to: '192.0.2.1' }, UDP, Buffer.alloc(1400), {
          identification: i & 0xffff,
          offset: 0,
          more: true,
        }),
        i,
      )
    expect(reader.counts.fragmentsDropped).toBeGreaterThan(19_000)
    for (const part of fragments(back(CLIENT))) reader.ip(part, 20_000)
    expect(reader.records).toHaveLength(1)
  })
})
