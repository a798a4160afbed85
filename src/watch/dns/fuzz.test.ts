import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { back, CLIENT, DnsReader, ETHERNET, START } from '../../../tests/dns-reader.ts'
import { SAMPLES } from '../../../tests/dns-samples.ts'
import {
  ethernet,
  FIRST_NAME,
  framed,
  message,
  opt,
  RESPONSE,
  tcp,
  u8,
  u16,
  udp,
} from '../../../tests/dns-wire.ts'

/*
 * Packets from those who mean harm: whatever comes, nothing throws, every record is JSON of the schema's shape, and the
 * good message that follows is read.
 */

const SERVER = back(CLIENT)
const questions = [{ name: 'www.example.org', type: 1 }]
const GOOD = message({ id: 4242, questions: [{ name: 'good.example', type: 28 }] })

/** Takes packets, then a good one, which must become a record. */
function survives(frames: readonly Buffer[], linkType = ETHERNET): DnsReader {
  const reader = new DnsReader()
  for (const [i, frame] of frames.entries()) reader.transactions.packet(frame, linkType, START + i)
  reader.send({ ...CLIENT, fromPort: 50_001 }, GOOD, frames.length)
  reader.transactions.end()
  for (const record of reader.records) {
    expect(record.time).toMatch(/^2026-11-23T00:00:00\.\d{6}Z$/)
    expect(record.messageId).toBeLessThan(65_536)
  }
  expect(reader.records).toContainEqual(
    expect.objectContaining({ queryName: 'good.example', queryType: 'AAAA' }),
  )
  const { messages, answered, timeouts, unasked, retransmissions } = reader.counts
  expect(answered * 2 + timeouts + unasked + retransmissions).toBe(messages)
  return reader
}

/** One response with every type of record. */
const everything = message({
  flags: RESPONSE,
  questions,
  answers: SAMPLES.map(({ number, data }) => ({ name: FIRST_NAME, type: number, data })),
  additionals: [opt([[8, Buffer.from([0, 1, 24, 0, 192, 0, 2])]])],
})
const FRAMES = {
  UDP: ethernet(udp(SERVER, everything)),
  TCP: ethernet(tcp(SERVER, { sequence: 1, payload: framed(everything) }), 7),
  IPv6: ethernet(udp({ from: '2001:db8::53', to: '2001:db8::1', fromPort: 53, toPort: 9 }, everything)),
}

describe.each(Object.entries(FRAMES))('a packet of %s', (_, frame) => {
  it('is read', () => {
    expect(survives([frame]).records[0]?.answers).toHaveLength(SAMPLES.length)
  })

  it('may be cut off anywhere', () => {
    for (let length = 0; length < frame.length; length += 3) survives([frame.subarray(0, length)])
  })

  it('may have any bytes changed', () => {
    const change = fc.tuple(
      fc.nat({ max: frame.length - 1 }),
      fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 0xc0, 255)),
    )
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 10 }), (changes) => {
        const bytes = Buffer.from(frame)
        for (const [at, value] of changes) bytes.writeUInt8(value, at)
        survives([bytes])
      }),
      { numRuns: 500 },
    )
  })
})

it('a message may be any bytes behind any header', () => {
  const header = fc.tuple(
    fc.nat({ max: 65_535 }),
    fc.array(fc.nat({ max: 4 }), { minLength: 4, maxLength: 4 }),
  )
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 400, size: 'max' }), ([flags, counts], body) => {
      const bytes = Buffer.concat([u16(7, flags, ...counts), body])
      survives([ethernet(udp(SERVER, bytes)), ethernet(udp(CLIENT, bytes))])
    }),
    { numRuns: 500 },
  )
})

it('a frame may be any bytes on any link layer', () => {
  const linkType = fc.constantFrom(0, 1, 9, 12, 51, 101, 108, 113, 228, 276, 7777)
  fc.assert(
    fc.property(linkType, fc.uint8Array({ maxLength: 200, size: 'max' }), (type, bytes) => {
      const reader = new DnsReader()
      reader.transactions.packet(Buffer.from(bytes), type, START)
      reader.transactions.end()
      expect(reader.counts.packets).toBe(1)
    }),
    { numRuns: 1000 },
  )
})

describe('what was written is read again', () => {
  /** Labels of any bytes, within a name's 255. */
  const label = fc.uint8Array({ minLength: 1, maxLength: 20, size: 'max' })
  const labels = fc.array(label, { maxLength: 10 })
  const wire = (parts: readonly Uint8Array[]): Buffer =>
    Buffer.concat([...parts.flatMap((part) => [u8(part.length), Buffer.from(part)]), u8(0)])

  /** Reads RFC 1035 section 5.1's escapes, "." and "\." included. */
  function parseName(text: string): Buffer {
    if (text === '.') return u8(0)
    const parts: number[][] = [[]]
    for (const [token] of text.matchAll(/\\\d{3}|\\.|./gs)) {
      if (token === '.') parts.push([])
      else if (/^\\\d/.test(token)) parts.at(-1)?.push(Number(token.slice(1)))
      else parts.at(-1)?.push(token.charCodeAt(token.length - 1))
    }
    return wire(parts.map((part) => Uint8Array.from(part)))
  }

  it('names, in lower case', () => {
    fc.assert(
      fc.property(labels, (parts) => {
        const reader = new DnsReader()
        reader.send(CLIENT, message({ questions: [{ name: wire(parts), type: 1 }] }))
        reader.transactions.end()
        const lower = parts.map((part) =>
          part.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte)),
        )
        expect(parseName(reader.records[0]?.queryName ?? '')).toEqual(wire(lower))
      }),
      { numRuns: 500 },
    )
  })

  it('text and TTL', () => {
    const strings = fc.array(fc.uint8Array({ maxLength: 255, size: 'max' }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(strings, fc.nat({ max: 0xffff_ffff }), (texts, ttl) => {
        const data = Buffer.concat(texts.flatMap((text) => [u8(text.length), Buffer.from(text)]))
        const reader = new DnsReader()
        reader.send(
          SERVER,
          message({ flags: RESPONSE, questions, answers: [{ name: FIRST_NAME, type: 16, ttl, data }] }),
        )
        const answer = reader.records[0]?.answers?.[0]
        expect(answer?.ttl).toBe(ttl)
        const found = [...(answer?.data ?? '').matchAll(/"((?:\\\d{3}|\\.|[^"\\])*)"(?: |$)/g)].map(
          ([, text = '']) =>
            Buffer.from(
              text.replace(/\\(\d{3})|\\(.)/g, (_, code: string | undefined, other: string) =>
                code === undefined ? other : String.fromCharCode(Number(code)),
              ),
              'latin1',
            ),
        )
        expect(found).toEqual(texts.map((text) => Buffer.from(text)))
      }),
      { numRuns: 300 },
    )
  })

  it('data of unknown types', () => {
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 32_000 }), fc.uint8Array({ maxLength: 100 }), (type, bytes) => {
        const reader = new DnsReader()
        const answers = [{ name: FIRST_NAME, type, data: Buffer.from(bytes) }]
        reader.send(SERVER, message({ flags: RESPONSE, questions, answers }))
        const [, length, hex = ''] =
          /^\\# (\d+)(?: ([0-9a-f]+))?$/.exec(reader.records[0]?.answers?.[0]?.data ?? '') ?? []
        expect([reader.records[0]?.answers?.[0]?.type, Number(length), hex]).toEqual([
          `TYPE${type}`,
          bytes.length,
          Buffer.from(bytes).toString('hex'),
        ])
      }),
    )
  })
})
