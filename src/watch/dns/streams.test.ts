import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { back, CLIENT, DnsReader, START } from '../../../tests/dns-reader.ts'
import { FIRST_NAME, framed, message, RESPONSE, tcp, u8, u16 } from '../../../tests/dns-wire.ts'
import { noCounts } from './counts.ts'
import { Streams } from './streams.ts'

const SERVER = back(CLIENT)
const FIN = 0x11
const SYN = 0x02
const RST = 0x04
const ACK = 0x10

const question = (id: number) => [{ name: `n${id}.example`, type: 16 }]
const query = (id: number): Buffer => framed(message({ id, questions: question(id) }))
/** Of `size` bytes at least. */
function response(id: number, size = 100): Buffer {
  const text = Buffer.concat([u8(200), Buffer.alloc(200, 0x61 + (id % 26))])
  const answers = Array.from({ length: Math.ceil(size / 213) }, () => ({
    name: FIRST_NAME,
    type: 16,
    data: text,
  }))
  return framed(message({ id, flags: RESPONSE, questions: question(id), answers }))
}

class Side {
  readonly reader: DnsReader
  readonly ends: typeof CLIENT
  sequence: number
  constructor(reader: DnsReader, ends: typeof CLIENT, sequence: number) {
    this.reader = reader
    this.ends = ends
    this.sequence = sequence
  }
  /** Puts bytes into a segment of the stream, `offset` bytes after where it stands. */
  at(offset: number, payload: Buffer, flags = 0x18, acknowledged = 0): void {
    const sequence = (this.sequence + offset) >>> 0
    this.reader.ip(tcp(this.ends, { sequence, acknowledged, flags, payload }), 0)
  }
  send(payload: Buffer, flags?: number, acknowledged?: number): void {
    this.at(0, payload, flags, acknowledged)
    this.sequence = (this.sequence + payload.length + (flags === SYN ? 1 : 0)) >>> 0
  }
}

function connection(sequence = 1000) {
  const reader = new DnsReader()
  const client = new Side(reader, CLIENT, sequence)
  const server = new Side(reader, SERVER, (sequence * 7) >>> 0)
  client.send(Buffer.alloc(0), SYN)
  server.send(Buffer.alloc(0), SYN)
  return { reader, client, server }
}

const ids = (reader: DnsReader) => reader.records.map(({ messageId, status }) => [messageId, status])

describe('messages in a TCP stream', () => {
  it('one a segment', () => {
    const { reader, client, server } = connection()
    client.send(query(1))
    server.send(response(1))
    expect(reader.records).toMatchObject([
      { transport: 'tcp', status: 'answered', queryName: 'n1.example', queryBytes: 28, responseBytes: 241 },
    ])
  })

  it('several a segment, answered in another order', () => {
    const { reader, client, server } = connection()
    client.send(Buffer.concat([query(1), query(2), query(3)]))
    server.send(Buffer.concat([response(3), response(1), response(2)]))
    expect(ids(reader)).toEqual([
      [3, 'answered'],
      [1, 'answered'],
      [2, 'answered'],
    ])
  })

  it('of 64 KB over many segments', () => {
    const { reader, client, server } = connection()
    const large = response(1, 65_000)
    expect(large.length).toBeGreaterThan(65_000)
    client.send(query(1))
    for (let at = 0; at < large.length; at += 1448) server.send(large.subarray(at, at + 1448))
    expect(reader.records[0]?.answers).toHaveLength(306)
    expect(reader.records[0]?.responseBytes).toBe(large.length - 2)
  })

  it('of 65,535 bytes, a byte a segment, as numbers begin again at zero', () => {
    const { reader, server } = connection(2 ** 32 - 20)
    server.sequence = 2 ** 32 - 30_000
    server.send(Buffer.alloc(0), SYN)
    const base = message({ id: 9, flags: RESPONSE, questions: question(9) })
    const padding = { name: '.', type: 10, data: Buffer.alloc(65_535 - base.length - 11, 1) }
    const largest = framed(message({ id: 9, flags: RESPONSE, questions: question(9), answers: [padding] }))
    expect(largest).toHaveLength(2 + 65_535)
    for (const byte of largest) server.send(Buffer.from([byte]))
    expect(reader.records).toMatchObject([
      { status: 'unasked', responseBytes: 65_535, answers: [{ type: 'NULL' }] },
    ])
  })

  it('seen from the middle on: from where one may begin', () => {
    const reader = new DnsReader()
    const server = new Side(reader, SERVER, 5000)
    const large = response(1, 5000)
    server.send(large.subarray(1000, 3000))
    server.send(large.subarray(3000))
    server.send(response(2))
    expect(ids(reader)).toEqual([[2, 'unasked']])
  })

  it('go on after a piece that the capture lost and the other side acknowledged', () => {
    const { reader, client, server } = connection()
    client.send(Buffer.concat([query(1), query(2), query(3)]))
    const first = response(1, 3000)
    server.send(first.subarray(0, 1000))
    server.sequence += first.length - 1000
    server.send(response(2))
    expect(ids(reader)).toEqual([])
    client.send(Buffer.alloc(0), ACK, server.sequence)
    expect(ids(reader)).toEqual([[2, 'answered']])
    server.send(response(3))
    expect(ids(reader)).toEqual([
      [2, 'answered'],
      [3, 'answered'],
    ])
    expect(reader.counts.streamGaps).toBe(1)
  })

  it('are not lost to an acknowledgement of what was never sent', () => {
    const { reader, client, server } = connection()
    client.send(query(1))
    client.send(Buffer.alloc(0), ACK, server.sequence + 100_000)
    server.send(response(1))
    expect(ids(reader)).toEqual([[1, 'answered']])
  })

  it('end with the connection; the next one of the same ports begins anew', () => {
    const { reader, client, server } = connection()
    client.send(query(1))
    server.send(response(1).subarray(0, 50))
    client.send(Buffer.alloc(0), RST)
    client.sequence = 77
    server.sequence = 99
    client.send(Buffer.alloc(0), SYN)
    server.send(Buffer.alloc(0), SYN)
    client.send(query(2), FIN)
    server.send(response(2), FIN)
    expect(ids(reader)).toEqual([[2, 'answered']])
  })

  it('of a zone transfer are all answers to the one query', () => {
    const { reader, client, server } = connection()
    const zone = [{ name: 'example', type: 252 }]
    client.send(framed(message({ id: 5, questions: zone })))
    const answers = [{ name: 'example', type: 16, data: u8(1, 0x61) }]
    server.send(framed(message({ id: 5, flags: RESPONSE, questions: zone, answers })))
    server.send(framed(message({ id: 5, flags: RESPONSE, questions: zone, answers })))
    reader.transactions.end()
    expect(ids(reader)).toEqual([
      [5, 'answered'],
      [5, 'answered'],
    ])
  })

  it('that are none are counted', () => {
    const { reader, client } = connection()
    client.send(Buffer.concat([u16(5), Buffer.alloc(5), query(1), u16(0)]))
    reader.transactions.end()
    expect(ids(reader)).toEqual([[1, 'timeout']])
    expect(reader.counts.malformed).toBe(2)
  })
})

it('are found however the stream is cut, repeated and put in disorder', () => {
  const cuts = fc.array(fc.nat({ max: 2000 }), { maxLength: 12 })
  fc.assert(
    fc.property(cuts, fc.array(fc.nat(), { maxLength: 30 }), (places, order) => {
      const { reader, server } = connection()
      const stream = Buffer.concat([response(1, 700), response(2, 50), response(3, 900)])
      const ends = [...new Set([0, stream.length, ...places.map((place) => place % stream.length)])].sort(
        (a, b) => a - b,
      )
      const pieces = ends.slice(1).map((end, i) => ({ from: ends[i] ?? 0, end }))
      // In disorder, with some that come again and reach into what is before and after them.
      for (const draw of order) {
        const piece = pieces[draw % pieces.length]
        if (!piece) continue
        const from = Math.max(0, piece.from - (draw % 50))
        server.at(from, stream.subarray(from, piece.end + (draw % 30)))
      }
      for (const { from, end } of pieces) server.at(from, stream.subarray(from, end))
      expect(ids(reader)).toEqual([
        [1, 'unasked'],
        [2, 'unasked'],
        [3, 'unasked'],
      ])
      expect(reader.records.map(({ answers }) => answers?.length)).toEqual([4, 1, 5])
    }),
    { numRuns: 300 },
  )
})

it('cannot be made to remember without bound', () => {
  const taken: number[] = []
  const counts = noCounts()
  const streams = new Streams(counts, (_, start, end) => taken.push(end - start))
  const segment = { direction: 0, acknowledged: 0, flags: 0x18, timeMicros: START } as const
  let most = 0
  for (let i = 0; i < 20_000; i++) {
    // The beginning of a message of 64 KB, and more after a gap.
    const begin = Buffer.concat([u16(65_535), Buffer.alloc(1400, 1)])
    streams.segment({ ...segment, key: `${i}`, sequence: 0, flags: SYN }, begin, 0, 0)
    streams.segment({ ...segment, key: `${i}`, sequence: 1 }, begin, 0, begin.length)
    for (const sequence of [5000, 7000, 9000])
      streams.segment({ ...segment, key: `${i}`, sequence }, begin, 0, begin.length)
    most = Math.max(most, streams.sizes().bytes)
  }
  expect(most).toBeLessThan(17 * 1024 * 1024)
  expect(streams.sizes().connections).toBeLessThanOrEqual(4096)
  expect(counts.streamGaps).toBeGreaterThan(15_000)
  const good = query(1)
  streams.segment({ ...segment, key: 'good', sequence: 0, flags: SYN }, good, 0, 0)
  streams.segment({ ...segment, key: 'good', sequence: 1 }, good, 0, good.length)
  expect(taken).toEqual([good.length - 2])
})

it('gives back all that it counts', () => {
  const streams = new Streams(noCounts(), () => undefined)
  const bytes = fc.uint8Array({ maxLength: 600, size: 'max' })
  const part = fc.record({
    direction: fc.constantFrom(0 as const, 1 as const),
    sequence: fc.nat({ max: 3000 }),
    acknowledged: fc.nat({ max: 3000 }),
    flags: fc.constantFrom(0x10, 0x18, FIN, SYN),
  })
  fc.assert(
    fc.property(fc.array(fc.tuple(part, bytes), { maxLength: 60, size: 'max' }), (parts) => {
      for (const [segment, payload] of parts)
        streams.segment({ key: 'a', timeMicros: START, ...segment }, Buffer.from(payload), 0, payload.length)
      streams.segment(
        { key: 'a', timeMicros: START, direction: 0, sequence: 0, acknowledged: 0, flags: RST },
        Buffer.alloc(0),
        0,
        0,
      )
      expect(streams.sizes()).toEqual({ connections: 0, bytes: 0 })
    }),
    { numRuns: 500 },
  )
})
