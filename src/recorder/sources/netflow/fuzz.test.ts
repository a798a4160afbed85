import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EXPORT_SECS, fields, ipfix, set, template, uints, v5, v9 } from '../../../../tests/netflow.ts'
import { type Decoded, decodeNetflow } from './decode.ts'
import { Exporters } from './exporters.ts'
import type { Header } from './record.ts'

/*
 * Senders that lie. Whatever comes, nothing throws, nothing grows beyond its limit, a datagram takes less than a second,
 * and the good record that follows is read.
 */

const NOW = EXPORT_SECS * 1000
const MAX_DATAGRAM = 65_507

const SPECS = [
  [8, 4],
  [12, 4],
  [1, 8],
  [460, 65_535],
  [152, 8],
  [21, 4],
] as const
const DATA = Buffer.concat([
  uints([0xc0000201, 4], [0xc6336401, 4], [1234, 8]),
  Buffer.from('\x05hello', 'latin1'),
  uints([NOW - 1000, 8], [3_599_000, 4]),
])
const optionsTemplate = set(3, uints([301, 2], [3, 2], [1, 2]), fields([10, 4], [82, 8], [34, 4]))
const optionsData = set(301, uints([3, 4]), Buffer.from('ge-0/0/3'), uints([100, 4]))

/** Elements that make columns, times and options: in any length, they are what a liar would send. */
const MEANINGFUL = [
  1, 2, 4, 5, 6, 7, 8, 10, 11, 12, 14, 21, 22, 27, 28, 32, 34, 35, 48, 49, 50, 82, 136, 139, 150, 151, 152,
  153, 154, 155, 156, 157, 158, 159, 160, 302, 304, 305, 306, 309, 310, 322, 323, 324, 325,
]

const GOOD = {
  v5: v5([{}, {}, {}]),
  v9: v9([set(0, template(300, [8, 4], [1, 4])), set(300, uints([1, 4], [2, 4], [3, 4], [4, 4]))]),
  ipfix: ipfix([set(2, template(300, ...SPECS)), optionsTemplate, optionsData, set(300, DATA, DATA)]),
}
const SENDER = { address: '192.0.2.9', port: 50_000 }

function collector() {
  const exporters = new Exporters<Header>()
  return {
    exporters,
    decode: (bytes: Buffer, port = SENDER.port): Decoded =>
      decodeNetflow(bytes, { ...SENDER, port }, exporters, NOW),
  }
}

/** Takes less than a second of the processor, which a busy machine does not stretch. */
function quick<T>(work: () => T): T {
  const before = process.cpuUsage()
  const result = work()
  const { user, system } = process.cpuUsage(before)
  expect(user + system).toBeLessThan(1_000_000)
  return result
}

/** Takes the datagrams one by one, then a good one from another sender, which must be read. */
function survives(datagrams: readonly Buffer[]): Decoded[] {
  const { decode, exporters } = collector()
  const results = datagrams.map((datagram) => {
    const decoded = quick(() => decode(datagram))
    // What goes to the disk is JSON of bounded size, and each record has its time.
    for (const { record } of decoded.records) expect(record.time).toMatch(/^\d{4}-.*Z$/)
    return decoded
  })
  expect(decode(GOOD.ipfix, 1).records).toHaveLength(2)
  const { exporters: known, templates } = exporters.sizes()
  expect(known).toBeLessThanOrEqual(96)
  expect(templates).toBeLessThanOrEqual(2048 * known)
  return results
}

describe('a good datagram', () => {
  it.each(Object.entries(GOOD))('of %s, cut anywhere, is refused or ends there', (version, good) => {
    const whole = collector().decode(good)
    expect(whole).toMatchObject({ malformed: 0 })
    for (let length = 0; length < good.length; length++) {
      const [cut] = survives([good.subarray(0, length)])
      // Only NetFlow v9 does not say how long it is.
      if (version !== 'v9' || length < 20) expect(cut).toMatchObject({ malformed: 1, records: [] })
      else expect(cut?.records).toEqual(whole.records.slice(0, cut?.records.length))
    }
  })

  it.each(Object.entries(GOOD))('of %s, with some bytes changed, harms nothing', (_, good) => {
    const change = fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const bytes = Buffer.from(good)
        for (const [at, value] of changes) bytes.writeUInt8(value, at)
        survives([bytes, good])
      }),
      { numRuns: 500 },
    )
  })
})

it('takes any bytes behind any header', () => {
  const header = fc.constantFrom(v5([{}]).subarray(0, 24), v9([]), ipfix([]), Buffer.alloc(0))
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 300, size: 'max' }), (head, body) => {
      const bytes = Buffer.concat([head, body])
      if (head.length === 16) bytes.writeUInt16BE(bytes.length, 2)
      survives([bytes, bytes])
    }),
    { numRuns: 500 },
  )
})

it('takes any template, with data that may fit it', () => {
  const field = fc.tuple(
    fc.oneof(fc.constantFrom(...MEANINGFUL), fc.nat({ max: 600 })),
    fc.oneof(fc.nat({ max: 20 }), fc.constantFrom(4, 8, 65_535)),
    fc.option(fc.constantFrom(0, 29_305, 32_473), { nil: undefined }),
  )
  fc.assert(
    fc.property(
      fc.array(field, { maxLength: 15, size: 'max' }),
      fc.uint8Array({ maxLength: 400, size: 'max' }),
      fc.boolean(),
      (specs, data, options) => {
        const list = specs.map(([number, length, enterprise]) =>
          enterprise === undefined ? ([number, length] as const) : ([number, length, enterprise] as const),
        )
        const definition = options
          ? set(3, uints([300, 2], [list.length, 2], [Math.min(1, list.length), 2]), fields(...list))
          : set(2, template(300, ...list))
        survives([ipfix([definition, set(300, Buffer.from(data))])])
      },
    ),
    { numRuns: 3000 },
  )
})

describe('hostile templates', () => {
  const full = (head: Buffer, id: number): Buffer => set(id, head, Buffer.alloc(65_000 - head.length, 1))

  it.each([
    [
      '65,535 fields, of which few are there',
      [set(2, uints([300, 2], [65_535, 2]), fields([1, 4], [2, 4]))],
      1,
    ],
    ['65,535 fields in options', [set(3, uints([300, 2], [65_535, 2], [1, 2]), fields([1, 4]))], 1],
    ['more scopes than fields', [set(3, uints([300, 2], [1, 2], [5, 2]), fields([1, 4]))], 1],
    ['a number below 256', [set(2, template(255, [1, 4])), set(255, uints([1, 4]))], 2],
    ['fields without a length only', [set(2, template(300, [1, 0], [2, 0])), set(300, Buffer.alloc(100))], 1],
    ['a set of no length', [uints([300, 2], [0, 2])], 1],
    ['a set of three bytes', [uints([300, 2], [3, 2])], 1],
    ['a set longer than the message', [uints([300, 2], [500, 2], [1, 4])], 1],
    ['a reserved set', [set(100, uints([1, 4]))], 1],
    [
      'a length beyond the record',
      [set(2, template(300, [460, 65_535])), set(300, uints([255, 1], [60_000, 2]))],
      1,
    ],
  ] as const)('%s', (_, sets, malformed) => {
    const [decoded] = survives([ipfix(sets)])
    expect(decoded).toMatchObject({ malformed, records: [] })
  })

  it('of NetFlow v9 with a field of no fixed length', () => {
    expect(survives([v9([set(0, template(300, [460, 65_535]))])])[0]).toMatchObject({ malformed: 1 })
  })

  it('with records of one byte: 65,000 records in time, and all are told', () => {
    const [decoded] = survives([ipfix([set(2, template(300, [4, 1])), full(Buffer.alloc(0), 300)])])
    expect(decoded?.records).toHaveLength(65_000)
  })

  it('with thousands of fields without a length before one of a byte', () => {
    const many = Array.from({ length: 2000 }, () => [1, 0] as const)
    survives([ipfix([set(2, template(300, ...many, [4, 1]))]), ipfix([full(Buffer.alloc(0), 300)])])
  })

  it('with two thousand fields of variable length, all empty', () => {
    const many = Array.from({ length: 2000 }, () => [460, 65_535] as const)
    survives([ipfix([set(2, template(300, ...many))]), ipfix([set(300, Buffer.alloc(60_000))])])
  })

  it('by the thousand: the oldest go', () => {
    const { decode, exporters } = collector()
    for (let id = 256; id < 60_000; id += 500) {
      const definitions = Array.from({ length: 500 }, (_, i) =>
        template(Math.min(65_535, id + i), [1, 4], [2, 4]),
      )
      decode(ipfix([set(2, ...definitions)]))
    }
    expect(exporters.sizes()).toEqual({ exporters: 1, templates: 1024, held: 0 })
    expect(decode(GOOD.ipfix).records).toHaveLength(2)
  })

  it('for every domain: only some are remembered', () => {
    const { decode } = collector()
    for (let domain = 0; domain < 5000; domain++) decode(ipfix([set(2, template(300, [1, 4]))], { domain }))
    expect(decode(GOOD.ipfix).records).toHaveLength(2)
  })
})

it('cannot have one sender forgotten for another who only pretends to be thousands', () => {
  const { decode, exporters } = collector()
  decode(GOOD.ipfix)
  for (let port = 1; port < 20_000; port++) decode(ipfix([set(400, Buffer.alloc(40))]), port)
  expect(exporters.sizes().exporters).toBe(33)
  expect(decode(ipfix([set(300, DATA)], { sequence: 3 })).records).toHaveLength(1)
})

it('counts every set of unknown template, from whomever it came', () => {
  const { decode, exporters } = collector()
  let unreadable = 0
  for (let i = 0; i < 10_000; i++)
    unreadable += decode(ipfix([set(400, Buffer.alloc(40))]), 1 + (i % 500)).unreadable
  expect(unreadable + exporters.sizes().held).toBe(10_000)
})

it('holds few bytes of sets whose template does not come', () => {
  const { decode, exporters } = collector()
  const tiny = Array.from({ length: 13_000 }, () => set(400, Buffer.alloc(1)))
  const { unreadable } = quick(() => decode(ipfix(tiny)))
  expect(unreadable + exporters.sizes().held).toBe(13_000)
  expect(exporters.sizes().held).toBeLessThanOrEqual(1024)
})

it('refuses what is longer or shorter than it says', () => {
  const long = ipfix([])
  long.writeUInt16BE(MAX_DATAGRAM, 2)
  const short = ipfix([])
  short.writeUInt16BE(15, 2)
  expect(survives([long, short, Buffer.alloc(0), Buffer.from([0]), Buffer.from([0, 7])])).toEqual(
    Array.from({ length: 5 }, () => expect.objectContaining({ malformed: 1, records: [] }) as unknown),
  )
})
