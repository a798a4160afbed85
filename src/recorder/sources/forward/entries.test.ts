import { gzipSync, zstdCompressSync } from 'node:zlib'
import { ExtData } from '@msgpack/msgpack'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ForwardChunk } from '../../wal/frame.ts'
import { forwardLines } from './entries.ts'
import { type Entry, eventTime, pack, packEntries } from './fixtures.ts'

const AT = Date.UTC(2026, 10, 23, 1, 2, 3, 456)
const chunk: ForwardChunk = { tag: 'app.web', mode: 'packed', senderAddress: '192.0.2.7' }

interface Read {
  readonly kind: string
  readonly record: Readonly<Record<string, unknown>>
}

function read(body: Buffer, mode: ForwardChunk['mode'] = 'packed'): { records: Read[]; malformed: number } {
  const tally = { malformed: 0 }
  const records = [...forwardLines({ ...chunk, mode }, body, AT, tally)].flatMap(({ kind, rows, lines }) => {
    const texts = lines.toString().split('\n')
    expect(texts.pop()).toBe('')
    expect(texts).toHaveLength(rows)
    return texts.map((text) => ({ kind, record: JSON.parse(text) as Read['record'] }))
  })
  return { records, malformed: tally.malformed }
}

/** What a record becomes. */
function value(record: unknown): unknown {
  const { records, malformed } = read(packEntries([[1, { value: record }]]))
  expect([records.length, malformed]).toEqual([1, 0])
  return (records[0]?.record.record as { value: unknown } | undefined)?.value
}

function times(...given: readonly unknown[]): unknown[] {
  return read(packEntries(given.map((time) => [time, {}]))).records.map(({ record }) => record.time)
}

const entries: readonly Entry[] = [
  [eventTime(1_700_000_000, 5), { host: 'a', n: 1 }],
  [1_700_000_001, { host: 'b', list: [1, 'two', null, true] }],
]
const expected = [
  {
    kind: 'events',
    record: {
      time: '2023-11-14T22:13:20.000000005Z',
      tag: 'app.web',
      senderAddress: '192.0.2.7',
      record: { host: 'a', n: 1 },
    },
  },
  {
    kind: 'events',
    record: {
      time: '2023-11-14T22:13:21Z',
      tag: 'app.web',
      senderAddress: '192.0.2.7',
      record: { host: 'b', list: [1, 'two', null, true] },
    },
  },
]

describe('modes', () => {
  it('reads entries one after the other, in an array, and compressed', () => {
    const packed = packEntries(entries)
    expect(read(packed)).toEqual({ records: expected, malformed: 0 })
    expect(read(pack(entries), 'forward')).toEqual({ records: expected, malformed: 0 })
    expect(read(gzipSync(packed), 'compressed')).toEqual({ records: expected, malformed: 0 })
    expect(read(zstdCompressSync(packed), 'compressed')).toEqual({ records: expected, malformed: 0 })
    const members = Buffer.concat(entries.map((entry) => gzipSync(pack(entry))))
    expect(read(members, 'compressed')).toEqual({ records: expected, malformed: 0 })
    expect(read(Buffer.alloc(0))).toEqual({ records: [], malformed: 0 })
  })

  it('gives out many records in order, in blocks', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => [i + 1, { i, pad: 'x'.repeat(i % 100) }] as const)
    const { records } = read(packEntries(many))
    expect(records.map(({ record }) => (record.record as { i: number }).i)).toEqual(many.map((_, i) => i))
  })
})

describe('times', () => {
  it('reads seconds, EventTime, fractions, MessagePack timestamps and a time with metadata', () => {
    expect(times(1, 70_000, 2 ** 32 + 1, 1.5, -1_000_000_000)).toEqual([
      '1970-01-01T00:00:01Z',
      '1970-01-01T19:26:40Z',
      '2106-02-07T06:28:17Z',
      '1970-01-01T00:00:01.500000000Z',
      '1938-04-24T22:13:20Z',
    ])
    expect(
      times(eventTime(0xffffffff, 999_999_999), new ExtData(-1, Buffer.from('00000001', 'hex'))),
    ).toEqual(['2106-02-07T06:28:15.999999999Z', '1970-01-01T00:00:01Z'])
    expect(
      times(new ExtData(-1, Buffer.from('0000000400000001', 'hex')), new Date(1500), [
        eventTime(1, 0),
        { a: 1 },
      ]),
    ).toEqual(['1970-01-01T00:00:01.000000001Z', '1970-01-01T00:00:01.500000000Z', '1970-01-01T00:00:01Z'])
  })

  it('gives an event without a possible time that of its arrival', () => {
    const taken = '2026-11-23T01:02:03.456000000Z'
    const none = [
      0,
      null,
      'yesterday',
      NaN,
      Infinity,
      1e300,
      -1e300,
      eventTime(1, 1e9),
      new ExtData(9, Buffer.alloc(8)),
      [],
      [[[1]]],
    ]
    expect(times(...none)).toEqual(none.map(() => taken))
  })
})

describe('values', () => {
  it('keeps what JSON can say', () => {
    for (const same of [
      0,
      -1,
      127,
      128,
      -32,
      -33,
      65_535,
      65_536,
      -32_769,
      2 ** 32,
      -(2 ** 40),
      0.1,
      -1.5e300,
      'text',
      '',
      true,
      null,
      [],
      {},
      [[{ a: [1] }]],
    ])
      expect(value(same)).toEqual(same)
    for (const text of [
      '"\\/\b\f\n\r\t\u0001\u007f',
      '日本語 🎏',
      '\u2028\u2029',
      'é'.repeat(500),
      'a"'.repeat(5000),
      '\0',
    ])
      expect(value(text)).toBe(text)
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        expect(value(json)).toEqual(JSON.parse(JSON.stringify(json)))
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(value(text)).toBe(text.toWellFormed())
      }),
    )
  })

  it('has a form for what it cannot', () => {
    expect(value(NaN)).toBe('NaN')
    expect(value(-Infinity)).toBe('-Infinity')
    expect(value(Buffer.from('text'))).toBe('text')
    expect(value(Buffer.from([0xff, 0]))).toEqual({ base64: '/wA=' })
    expect(value(new ExtData(5, Buffer.from([1, 2])))).toEqual({ ext: 5, base64: 'AQI=' })
    expect(value(eventTime(1, 0))).toBe('1970-01-01T00:00:01Z')
    const lines = [...forwardLines(chunk, packEntries([[1, { a: 2n ** 64n - 1n, b: -(2n ** 63n) }]]), AT)]
    expect(lines[0]?.lines.toString()).toContain('{"a":18446744073709551615,"b":-9223372036854775808}')
  })

  it('mends text that is no UTF-8', () => {
    const text = Buffer.from('81a576616c7565a4ff61e382', 'hex')
    expect(read(Buffer.concat([Buffer.from([0x92, 1]), text])).records[0]?.record.record).toEqual({
      value: '\ufffda\ufffd',
    })
  })

  it('takes any key, and changes no prototype', () => {
    const map = new Map<unknown, unknown>([
      ['__proto__', { polluted: true }],
      ['constructor', 1],
      ['a', 1],
    ])
    const pairs = [...map].map(([key, value]) => Buffer.concat([pack(key), pack(value)]))
    const odd = [
      [pack(5), pack(1)],
      [pack(-7), pack(2)],
      [pack(null), pack(3)],
      [pack([1]), pack(4)],
      [pack(Buffer.from('b')), pack(5)],
      [pack(1.5), pack(6)],
      [pack(300), pack(7)],
    ].map((parts) => Buffer.concat(parts))
    const all = [...pairs, ...odd, Buffer.concat([pack('a'), pack(2)])]
    const body = Buffer.concat([Buffer.from([0x92, 1, 0x80 | all.length]), ...all])
    const record = read(body).records[0]?.record.record as object
    expect(Object.hasOwn(record, '__proto__')).toBe(true)
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    // JSON.parse takes the last of two that are the same.
    expect(record).toMatchObject({ a: 2, '5': 1, '-7': 2, 'wA==': 3, b: 5, '300': 7 })
    expect(Object.keys(record)).toHaveLength(10)
  })

  it('keeps what is nested too deep for readers of JSON as its bytes', () => {
    let deep: unknown = 'bottom'
    for (let i = 0; i < 90; i++) deep = [deep]
    expect(JSON.stringify(value(deep))).toContain('{"base64":"kZGRkZGRkZ')
    const nest = Buffer.concat([Buffer.alloc(300_000, Buffer.from([0xdc, 0, 1])), Buffer.from([0xc0])])
    const body = Buffer.concat([Buffer.from([0x92, 1, 0x81, 0xa1, 0x61]), nest])
    expect(read(body).records).toHaveLength(1)
  })

  it('cuts a record that is too long, and goes on with the next', () => {
    const { records, malformed } = read(packEntries([[1, { text: '"'.repeat(5_000_000) }], ...entries]))
    expect(malformed).toBe(0)
    expect(records.slice(1)).toEqual(expected)
    const cut = records[0]?.record.record as { truncated: string }
    expect(cut.truncated).toContain('"record":{"text":"\\"\\"')
    expect(cut.truncated.length).toBeLessThanOrEqual(65_536)
  })
})

describe('what is no event', () => {
  it('passes over entries of another form and counts them', () => {
    const wrong = [5, null, 'text', [], [1], [1, 'text'], [1, {}, {}], { a: 1 }, [1, [1]]]
    const body = Buffer.concat([...wrong.map(pack), packEntries(entries)])
    expect(read(body)).toEqual({ records: expected, malformed: wrong.length })
  })

  it('stops at bytes that are no MessagePack', () => {
    expect(
      read(Buffer.concat([packEntries(entries), Buffer.from([0x92, 1, 0xc1]), packEntries(entries)])),
    ).toEqual({
      records: expected,
      malformed: 1,
    })
  })

  it('keeps what is whole wherever a chunk is cut', () => {
    const packed = packEntries(entries)
    const first = pack(entries[0]).length
    for (let length = 1; length < packed.length; length++) {
      const { records, malformed } = read(packed.subarray(0, length))
      expect([records.length, malformed]).toEqual([length < first ? 0 : 1, length === first ? 0 : 1])
    }
    const members = Buffer.concat(entries.map((entry) => gzipSync(pack(entry))))
    for (let length = 1; length < members.length; length++)
      expect(read(members.subarray(0, length), 'compressed').malformed).toBeGreaterThanOrEqual(
        length === gzipSync(pack(entries[0])).length ? 0 : 1,
      )
  })

  it('does not choke on anything', () => {
    const whole = packEntries(entries)
    const gzipped = gzipSync(whole)
    const mode = fc.constantFrom('packed' as const, 'forward' as const, 'compressed' as const)
    fc.assert(
      fc.property(
        mode,
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(),
        fc.nat({ max: 255 }),
        (mode, bytes, at, byte) => {
          read(Buffer.from(bytes), mode)
          for (const good of [whole, gzipped]) {
            const changed = Buffer.from(good)
            changed[at % changed.length] = byte
            read(changed, good === gzipped ? 'compressed' : mode)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('does not inflate a bomb', () => {
    const { length } = packEntries(entries)
    const many = Buffer.concat(
      Array<Buffer>(Math.ceil((20 * 1024 * 1024) / length)).fill(packEntries(entries)),
    )
    // More than is inflated whatever the ratio is: 20 MiB in one member, and in each of many.
    expect(read(gzipSync(many), 'compressed')).toEqual({ records: [], malformed: 1 })
    expect(read(zstdCompressSync(many), 'compressed')).toEqual({ records: [], malformed: 1 })
    const zeros = gzipSync(Buffer.alloc(16 * 1024 * 1024))
    expect(read(Buffer.concat(Array<Buffer>(1000).fill(zeros)), 'compressed').malformed).toBeGreaterThan(1000)
  })
})

describe("Docker's fluentd driver", () => {
  const id = 'ab12'.repeat(16)
  const line = { container_id: id, container_name: '/web-1', source: 'stdout', log: 'GET / "200"' }

  it('gives containers their kind', () => {
    const { records } = read(
      packEntries([
        [eventTime(1, 2), line],
        [1, { other: 1 }],
        [3, line],
      ]),
    )
    expect(records).toHaveLength(3)
    expect(records.filter(({ kind }) => kind === 'container').map(({ record }) => record)).toEqual([
      {
        time: '1970-01-01T00:00:01.000000002Z',
        containerId: 'ab12ab12ab12',
        containerName: 'web-1',
        stream: 'stdout',
        log: 'GET / "200"',
      },
      {
        time: '1970-01-01T00:00:03Z',
        containerId: 'ab12ab12ab12',
        containerName: 'web-1',
        stream: 'stdout',
        log: 'GET / "200"',
      },
    ])
  })

  it('knows pieces, compose labels and other attributes', () => {
    const partial = { partial_message: 'true', partial_id: 'x', partial_ordinal: '1', partial_last: 'false' }
    const labels = {
      'com.docker.compose.service': 'web',
      'com.docker.compose.project': 'shop',
      LEVEL: 'debug',
      n: 5,
    }
    const { records } = read(
      packEntries([
        [1, { ...line, ...partial, ...labels }],
        [1, { ...line, ...partial, partial_last: 'true' }],
      ]),
    )
    expect(records[0]?.record).toMatchObject({
      service: 'web',
      project: 'shop',
      partial: true,
      attributes: { LEVEL: 'debug', n: 5 },
    })
    expect(records[1]?.record).not.toHaveProperty('partial')
    expect(records[1]?.record).not.toHaveProperty('attributes')
  })

  it('takes an event that only looks like it for what it is', () => {
    const { records } = read(
      packEntries([
        [1, { ...line, log: 5 }],
        [1, { container_id: id }],
        [1, { ...line, ' ': { container_id: 1 } }],
      ]),
    )
    expect(records.map(({ kind }) => kind).toSorted()).toEqual(['container', 'events', 'events'])
  })
})
