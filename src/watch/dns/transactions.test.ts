import { describe, expect, it } from 'vitest'
import { back, CLIENT, DnsReader, START } from '../../../tests/dns-reader.ts'
import {
  FIRST_NAME,
  ipv4,
  ipv6,
  message,
  name,
  opt,
  RESPONSE,
  u8,
  u16,
  udp,
  type WireMessage,
} from '../../../tests/dns-wire.ts'

const A = 1
const CNAME = 5
const AAAA = 28
const HTTPS = 65
const QUESTION = { name: 'www.example.org', type: A }
const SERVER = back(CLIENT)

const query = (parts: WireMessage = {}): Buffer => message({ questions: [QUESTION], ...parts })
const response = (parts: WireMessage = {}): Buffer =>
  message({
    flags: RESPONSE,
    questions: [QUESTION],
    answers: [{ name: FIRST_NAME, type: A, ttl: 60, data: ipv4('198.51.100.7') }],
    ...parts,
  })

const ASKED = {
  time: '2026-11-23T00:00:00.000000Z',
  clientAddress: '192.0.2.10',
  clientPort: 40_000,
  serverAddress: '192.0.2.53',
  transport: 'udp',
  messageId: 1,
  queryName: 'www.example.org',
  queryType: 'A',
  queryClass: 'IN',
}
const ANSWERS = [{ name: 'www.example.org', type: 'A', ttl: 60, data: '198.51.100.7' }]

describe('a query and its response', () => {
  it('are one record', () => {
    const reader = new DnsReader()
    reader.send(CLIENT, query())
    reader.send(SERVER, response(), 1234)
    expect(reader.records).toEqual([
      {
        ...ASKED,
        flags: 'qr rd ra',
        responseCode: 'NOERROR',
        status: 'answered',
        answers: ANSWERS,
        queryBytes: 33,
        responseBytes: 49,
        responseTimeMicroseconds: 1234,
      },
    ])
    expect(reader.counts).toMatchObject({ packets: 2, messages: 2, answered: 1, malformed: 0 })
    expect(reader.transactions.open).toBe(0)
  })

  it('have the interface, and whether the server is this router', () => {
    const reader = new DnsReader({ isLocal: (address) => address === '192.0.2.53' })
    const packet = (bytes: Buffer): void => reader.transactions.packet(bytes, 101, START, 'br-"home"')
    packet(udp(CLIENT, query()))
    reader.send(SERVER, response(), 10)
    reader.send({ ...CLIENT, to: '192.0.2.54' }, query(), 20)
    reader.transactions.end()
    expect(reader.records).toMatchObject([
      { localResolver: true, interface: 'br-"home"' },
      { localResolver: false, status: 'timeout' },
    ])
    expect(reader.views).toEqual([
      {
        timeMs: START / 1000,
        client: '192.0.2.10',
        server: '192.0.2.53',
        local: true,
        name: 'www.example.org',
        status: 'answered',
        addresses: [{ address: '198.51.100.7', ttl: 60 }],
      },
      expect.objectContaining({ server: '192.0.2.54', local: false, status: 'timeout', addresses: [] }),
    ])
  })

  it('belong together whatever the case of the name is', () => {
    const reader = new DnsReader()
    reader.send(CLIENT, query({ questions: [{ name: 'wWw.eXaMple.ORG', type: A }] }))
    reader.send(SERVER, response({ questions: [{ name: 'WwW.ExAmPLE.org', type: A }] }))
    expect(reader.records).toMatchObject([
      { status: 'answered', queryName: 'www.example.org', answers: ANSWERS },
    ])
  })

  it('belong together when the response has no question', () => {
    const reader = new DnsReader()
    reader.send(CLIENT, query())
    reader.send(SERVER, message({ flags: 0x8001 }))
    expect(reader.records).toMatchObject([
      { status: 'answered', queryName: 'www.example.org', responseCode: 'FORMERR', flags: 'qr', answers: [] },
    ])
  })

  it('need not have a question at all', () => {
    const reader = new DnsReader()
    reader.send(CLIENT, message({}))
    reader.send(SERVER, message({ flags: 0x8001 }))
    expect(reader.records).toHaveLength(1)
    expect(reader.records[0]).not.toHaveProperty('queryName')
  })

  it.each([
    ['client', { ...SERVER, to: '192.0.2.11' }, {}],
    ['port', { ...SERVER, toPort: 40_001 }, {}],
    ['server', { ...SERVER, from: '192.0.2.54' }, {}],
    ['id', SERVER, { id: 2 }],
    ['name', SERVER, { questions: [{ name: 'www.example.com', type: A }] }],
    ['type', SERVER, { questions: [{ name: 'www.example.org', type: AAAA }] }],
    ['class', SERVER, { questions: [{ ...QUESTION, class: 3 }] }],
  ])('do not belong together with another %s', (_, ends, parts) => {
    const reader = new DnsReader()
    reader.send(CLIENT, query())
    reader.send(ends, response(parts))
    expect(reader.records).toMatchObject([{ status: 'unasked' }])
    expect(reader.records[0]).not.toHaveProperty('queryBytes')
    reader.send(SERVER, response())
    expect(reader.records).toMatchObject([{ status: 'unasked' }, { status: 'answered' }])
  })
})

describe('without the other', () => {
  it('a query is a timeout when its time is over', () => {
    const reader = new DnsReader()
    reader.send(CLIENT, query())
    reader.transactions.tick(START + 4_999_999)
    expect(reader.records).toEqual([])
    reader.transactions.tick(START + 5_000_000)
    expect(reader.records).toEqual([{ ...ASKED, flags: 'rd', status: 'timeout', queryBytes: 33 }])
    reader.send(SERVER, response(), 5_000_001)
    expect(reader.records[1]).toMatchObject({ status: 'unasked', time: '2026-11-23T00:00:05.000001Z' })
  })

  it('a query is a timeout when no more packets come', () => {
    const reader = new DnsReader({ timeoutMs: 1000 })
    reader.send(CLIENT, query())
    reader.send(CLIENT, query({ id: 2 }), 1_000_000)
    expect(reader.records).toMatchObject([{ messageId: 1, status: 'timeout' }])
    reader.transactions.end()
    expect(reader.records).toMatchObject([{ messageId: 1 }, { messageId: 2, status: 'timeout' }])
    expect(reader.counts.timeouts).toBe(2)
  })

  it('a response is unasked', () => {
    const reader = new DnsReader()
    reader.send(SERVER, response())
    expect(reader.records).toEqual([
      {
        ...ASKED,
        flags: 'qr rd ra',
        responseCode: 'NOERROR',
        status: 'unasked',
        answers: ANSWERS,
        responseBytes: 49,
      },
    ])
  })
})

describe('several of them', () => {
  it('a query that is sent again is the same, and the first time counts', () => {
    const reader = new DnsReader()
    reader.send(CLIENT, query())
    reader.send(CLIENT, query(), 1_000_000)
    reader.send(SERVER, response(), 1_500_000)
    expect(reader.records).toMatchObject([{ time: ASKED.time, responseTimeMicroseconds: 1_500_000 }])
    expect(reader.counts.retransmissions).toBe(1)
  })

  it('the second response is unasked', () => {
    const reader = new DnsReader()
    reader.send(CLIENT, query())
    reader.send(SERVER, response())
    reader.send(SERVER, response())
    expect(reader.records).toMatchObject([{ status: 'answered' }, { status: 'unasked' }])
  })

  it('an id that is used again is another transaction', () => {
    const reader = new DnsReader()
    for (const after of [0, 1000, 2000]) {
      reader.send(CLIENT, query(), after)
      reader.send(SERVER, response(), after + 10)
    }
    expect(reader.records.map(({ responseTimeMicroseconds }) => responseTimeMicroseconds)).toEqual([
      10, 10, 10,
    ])
  })

  it('queries with one id and port but other questions wait side by side', () => {
    const reader = new DnsReader()
    const types = [A, AAAA, HTTPS]
    for (const type of types) reader.send(CLIENT, query({ questions: [{ ...QUESTION, type }] }))
    for (const type of types.toReversed())
      reader.send(SERVER, response({ questions: [{ ...QUESTION, type }], answers: [] }), type)
    expect(reader.records).toMatchObject([
      { queryType: 'HTTPS', responseTimeMicroseconds: 65 },
      { queryType: 'AAAA', responseTimeMicroseconds: 28 },
      { queryType: 'A', responseTimeMicroseconds: 1 },
    ])
  })

  it('of more than there is room for, the oldest is a timeout', () => {
    const reader = new DnsReader({ maxOpen: 3000 })
    for (let i = 0; i < 10_000; i++) reader.send({ ...CLIENT, fromPort: 1 + i }, query({ id: i }), i)
    expect(reader.transactions.open).toBe(3000)
    expect(reader.counts).toMatchObject({ crowdedOut: 7000, timeouts: 7000 })
    expect(reader.records.map(({ messageId }) => messageId)).toEqual(
      Array.from({ length: 7000 }, (_, i) => i),
    )
    reader.send({ ...SERVER, toPort: 1 + 9999 }, response({ id: 9999 }))
    expect(reader.records.at(-1)).toMatchObject({ status: 'answered', messageId: 9999 })
  })

  it('queries that differ in the question only do not pile up', () => {
    const reader = new DnsReader()
    for (let i = 0; i < 10_000; i++)
      reader.send(CLIENT, query({ questions: [{ name: `n${i}.example`, type: A }] }), i)
    expect(reader.transactions.open).toBeLessThanOrEqual(32)
    reader.send(SERVER, response({ questions: [{ name: 'n9999.example', type: A }] }), 10_000)
    expect(reader.records.at(-1)).toMatchObject({ status: 'answered', queryName: 'n9999.example' })
  })

  it('a clock that is set back ends nothing', () => {
    const reader = new DnsReader()
    reader.send(CLIENT, query(), 10_000_000)
    reader.send(SERVER, response(), 9_000_000)
    expect(reader.records).toMatchObject([{ status: 'answered', responseTimeMicroseconds: 0 }])
  })
})

describe('what a header says', () => {
  it.each([
    [0x8580, 'qr aa rd ra'],
    [0x8782, 'qr aa tc rd ra'],
    [0x81b0, 'qr rd ra ad cd'],
    [0x8000, 'qr'],
  ])('flags %i are "%s"', (flags, text) => {
    const reader = new DnsReader()
    reader.send(SERVER, response({ flags }))
    expect(reader.records[0]?.flags).toBe(text)
  })

  it.each([
    [0xa000, 'NOTIFY'],
    [0xa800, 'UPDATE'],
    [0x9000, 'STATUS'],
    [0xf800, 'OPCODE15'],
  ])('the opcode of %i is %s', (flags, opcode) => {
    const reader = new DnsReader()
    reader.send(CLIENT, query({ flags: flags & 0x7800 }))
    reader.send(SERVER, response({ flags, answers: [] }))
    expect(reader.records).toMatchObject([{ opcode, status: 'answered' }])
  })

  it.each([
    [0, 3, 'NXDOMAIN'],
    [0, 15, 'RCODE15'],
    [1, 0, 'BADVERS'],
    [1, 7, 'BADCOOKIE'],
    [255, 15, 'RCODE4095'],
  ])('EDNS and header give the rcode: %i, %i is %s', (high, low, responseCode) => {
    const reader = new DnsReader()
    reader.send(SERVER, response({ flags: RESPONSE | low, additionals: [opt([], high * 2 ** 24)] }))
    expect(reader.records).toMatchObject([{ responseCode, answers: ANSWERS }])
  })

  it('names of types and classes, or their numbers', () => {
    const reader = new DnsReader()
    for (const [type, inClass] of [
      [255, 255],
      [252, 3],
      [65_280, 7],
    ] as const)
      reader.send(CLIENT, query({ questions: [{ name: '.', type, class: inClass }] }))
    reader.transactions.end()
    expect(reader.records).toMatchObject([
      { queryName: '.', queryType: 'ANY', queryClass: 'ANY' },
      { queryType: 'AXFR', queryClass: 'CH' },
      { queryType: 'TYPE65280', queryClass: 'CLASS7' },
    ])
  })

  it('the first of several questions', () => {
    const reader = new DnsReader()
    const questions = [QUESTION, { name: 'www.example.com', type: AAAA }]
    reader.send(CLIENT, query({ questions }))
    reader.send(SERVER, response({ questions }))
    expect(reader.records).toMatchObject([
      { queryName: 'www.example.org', status: 'answered', answers: ANSWERS },
    ])
  })
})

describe('EDNS options', () => {
  const subnet = (family: number, length: number, address: Buffer): [number, Buffer] => [
    8,
    Buffer.concat([u16(family), u8(length, 0), address]),
  ]

  it.each([
    [subnet(1, 24, u8(192, 0, 2)), '192.0.2.0/24'],
    [subnet(1, 0, Buffer.alloc(0)), '0.0.0.0/0'],
    [subnet(2, 56, ipv6('2001:db8:1:200::').subarray(0, 7)), '2001:db8:1:200::/56'],
    [subnet(1, 33, u8(192, 0, 2, 1)), undefined],
    [subnet(3, 8, u8(1)), undefined],
    [[8, u8(0, 1)] as [number, Buffer], undefined],
  ])('client subnet %j', (option, text) => {
    const reader = new DnsReader()
    reader.send(CLIENT, query({ additionals: [opt([[10, Buffer.alloc(8)], option])] }))
    reader.send(SERVER, response())
    expect(reader.records).toMatchObject([{ ednsCookie: true }])
    expect(reader.records[0]?.ednsClientSubnet).toBe(text)
  })

  it('a cookie that only the server has is not the query’s', () => {
    const reader = new DnsReader()
    reader.send(CLIENT, query())
    reader.send(SERVER, response({ additionals: [opt([[10, Buffer.alloc(16)]])] }))
    expect(reader.records[0]).not.toHaveProperty('ednsCookie')
  })
})

describe('the addresses that a client was told', () => {
  const addresses = (answers: WireMessage['answers'], flags = RESPONSE) => {
    const reader = new DnsReader()
    reader.send(SERVER, response({ ...(answers && { answers }), flags }))
    return reader.views[0]?.addresses
  }
  const alias = (from: string, to: string, ttl: number) => ({ name: from, type: CNAME, ttl, data: name(to) })

  it('have the least TTL on the way', () => {
    expect(
      addresses([
        alias('WWW.example.org', 'a.example.net', 300),
        alias('a.example.net', 'b.example.net', 20),
        { name: 'b.example.net', type: A, ttl: 60, data: ipv4('198.51.100.1') },
        { name: 'b.example.net', type: AAAA, ttl: 10, data: ipv6('2001:db8::1') },
      ]),
    ).toEqual([
      { address: '198.51.100.1', ttl: 20 },
      { address: '2001:db8::1', ttl: 10 },
    ])
  })

  it('are of the name asked, also with hints, and not of others', () => {
    const hints = Buffer.concat([
      u16(1),
      name('.'),
      u16(4, 8),
      ipv4('198.51.100.1'),
      ipv4('198.51.100.2'),
      u16(6, 16),
      ipv6('2001:db8::2'),
    ])
    expect(
      addresses([
        { name: 'other.example', type: A, data: ipv4('203.0.113.1') },
        { name: FIRST_NAME, type: HTTPS, ttl: 30, data: hints },
      ]),
    ).toEqual([
      { address: '198.51.100.1', ttl: 30 },
      { address: '198.51.100.2', ttl: 30 },
      { address: '2001:db8::2', ttl: 30 },
    ])
  })

  it('are none when aliases go in a circle, or the answer is an error', () => {
    const circle = [alias('www.example.org', 'a.example', 1), alias('a.example', 'www.example.org', 1)]
    expect(addresses(circle)).toEqual([])
    expect(addresses([{ name: FIRST_NAME, type: A, data: ipv4('203.0.113.1') }], RESPONSE | 2)).toEqual([])
  })

  it('have TTL zero when the highest bit is set (RFC 2181 section 8)', () => {
    expect(addresses([{ name: FIRST_NAME, type: A, ttl: 2 ** 31 + 5, data: ipv4('203.0.113.1') }])).toEqual([
      { address: '203.0.113.1', ttl: 0 },
    ])
  })
})

describe('names', () => {
  const named = (labels: Buffer): DnsReader => {
    const reader = new DnsReader()
    reader.send(CLIENT, query({ questions: [{ name: labels, type: A }] }))
    reader.transactions.end()
    return reader
  }

  it('have escapes for bytes that are no part of a name', () => {
    const label = Buffer.from('a.b c"d\\e;\0\xe9_-*/', 'latin1')
    const reader = named(Buffer.concat([u8(label.length), label, u8(0)]))
    expect(reader.records[0]?.queryName).toBe('a\\.b\\032c\\"d\\\\e\\;\\000\\233_-*/')
    expect(reader.views[0]?.name).toBe(reader.records[0]?.queryName)
  })

  it('have 255 bytes at most', () => {
    const label = Buffer.concat([u8(63), Buffer.alloc(63, 0x61)])
    const longest = Buffer.concat([label, label, label, u8(61), Buffer.alloc(61, 0x62), u8(0)])
    expect(longest).toHaveLength(255)
    const reader = named(longest)
    expect(reader.records[0]?.queryName).toBe(`${`${'a'.repeat(63)}.`.repeat(3)}${'b'.repeat(61)}`)
    expect(reader.counts.malformed).toBe(0)

    const long = named(Buffer.concat([label, label, label, u8(62), Buffer.alloc(62, 0x62), u8(0)]))
    expect(long.records[0]).not.toHaveProperty('queryName')
    expect(long.counts.malformed).toBe(1)
  })

  it.each([
    ['itself', Buffer.from([0xc0, 12])],
    ['what comes later', Buffer.from([0xc0, 40])],
    ['its own beginning', Buffer.from([1, 0x61, 0xc0, 12])],
    ['a label of unknown type', Buffer.from([0x41, 0x61, 0])],
  ])('that point to %s are refused, and the rest is kept', (_, labels) => {
    const reader = named(labels)
    expect(reader.records).toMatchObject([{ messageId: 1, status: 'timeout', flags: 'rd' }])
    expect(reader.records[0]).not.toHaveProperty('queryName')
    expect(reader.counts.malformed).toBe(1)
  })

  it('that go round in answers leave the other answers', () => {
    const reader = new DnsReader()
    const good = { name: FIRST_NAME, type: A, ttl: 60, data: ipv4('198.51.100.7') }
    const circle = { ...good, name: Buffer.from([0xc0, 33]) }
    reader.send(
      SERVER,
      response({ answers: [circle, good, { ...circle, name: Buffer.from([0xc0, 81]) }, good] }),
    )
    expect(reader.records).toMatchObject([{ answers: [...ANSWERS, ...ANSWERS] }])
    expect(reader.counts.malformed).toBe(1)
  })
})

it('keeps what comes before the place where a message is cut off', () => {
  const whole = response({ questions: [QUESTION], additionals: [opt()] })
  for (let length = 0; length < whole.length; length++) {
    const reader = new DnsReader()
    reader.send(SERVER, whole.subarray(0, length))
    expect(reader.counts.malformed).toBe(1)
    expect(reader.records).toHaveLength(length < 12 ? 0 : 1)
    expect(reader.records[0]?.queryName).toBe(length < 33 ? undefined : 'www.example.org')
    if (length >= 12) expect(reader.records[0]?.answers).toEqual(length < 49 ? [] : ANSWERS)
  }
})

it('writes an answer section that points to the same long name again and again up to a limit', () => {
  const label = Buffer.concat([u8(63), Buffer.alloc(63, 1)])
  const long = Buffer.concat([label, label, label, u8(61), Buffer.alloc(61, 2), u8(0)])
  const answers = Array.from({ length: 4000 }, () => ({ name: FIRST_NAME, type: CNAME, data: FIRST_NAME }))
  const reader = new DnsReader()
  reader.ip(udp(SERVER, response({ questions: [{ name: long, type: A }], answers })))
  const kept = reader.records[0]?.answers ?? []
  expect(kept.length).toBeGreaterThan(300)
  expect(JSON.stringify(reader.records[0]).length).toBeLessThan(1.1 * 1024 * 1024)
  expect(reader.counts.malformed).toBe(1)
  reader.send(SERVER, response())
  expect(reader.records).toMatchObject([{}, { answers: ANSWERS }])
})

it('takes a query with a response’s port and the other way round by the QR bit', () => {
  const reader = new DnsReader()
  const ends = { ...CLIENT, fromPort: 53 }
  reader.send(ends, query())
  reader.send(back(ends), response())
  expect(reader.records).toMatchObject([{ clientAddress: '192.0.2.10', clientPort: 53, status: 'answered' }])
})
