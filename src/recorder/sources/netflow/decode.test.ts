import { describe, expect, it } from 'vitest'
import { EXPORT_SECS, fields, ipfix, ipv4, set, template, uints, v5, v9 } from '../../../../tests/netflow.ts'
import { decodeNetflow } from './decode.ts'
import { Exporters } from './exporters.ts'
import type { Header } from './record.ts'

const NOW = EXPORT_SECS * 1000 + 2000
const SENDER = { address: '192.0.2.9', port: 50_000 }

/** A collector with nothing known yet. */
function collector() {
  const exporters = new Exporters<Header>()
  const decode = (bytes: Buffer, sender = SENDER, nowMs = NOW) =>
    decodeNetflow(bytes, sender, exporters, nowMs)
  const records = (bytes: Buffer) => decode(bytes).records.map(({ record }) => record)
  return { exporters, decode, records }
}

/** Counters and addresses of three flows: RFC 3954 section 9 and RFC 7011 appendix A use the same template. */
const FIVE_FIELDS = [
  [8, 4],
  [12, 4],
  [15, 4],
  [2, 4],
  [1, 4],
] as const

function fiveFields(source: string, destination: string, hop: string, packets: number, octets: number) {
  return Buffer.concat([ipv4(source), ipv4(destination), ipv4(hop), uints([packets, 4], [octets, 4])])
}

describe('IPFIX, the examples of RFC 7011 appendix A', () => {
  const templateSet = set(2, template(256, ...FIVE_FIELDS))
  const dataSet = set(
    256,
    fiveFields('192.0.2.12', '192.0.2.254', '192.0.2.1', 5009, 5_344_385),
    fiveFields('192.0.2.27', '192.0.2.23', '192.0.2.2', 748, 388_934),
    fiveFields('192.0.2.56', '192.0.2.65', '192.0.2.3', 5, 6534),
  )

  it('reads a data set by its template (A.2.1, A.3)', () => {
    expect(dataSet.length).toBe(64)
    const records = collector().records(ipfix([templateSet, dataSet], { domain: 77 }))
    expect(records).toHaveLength(3)
    expect(records[0]).toEqual({
      time: new Date(EXPORT_SECS * 1000).toISOString(),
      exporterAddress: '192.0.2.9',
      exportProtocolVersion: 10,
      observationDomainId: 77,
      sourceAddress: '192.0.2.12',
      destinationAddress: '192.0.2.254',
      octetDeltaCount: 5_344_385,
      packetDeltaCount: 5009,
      elements: { ipNextHopIPv4Address: '192.0.2.1' },
    })
    expect(records[2]).toMatchObject({ sourceAddress: '192.0.2.56', octetDeltaCount: 6534 })
  })

  it('keeps enterprise elements by their numbers (A.2.2)', () => {
    const mixed = template(257, [8, 4], [12, 4], [15, 4, 32_473], [2, 4], [1, 4])
    const [record] = collector().records(
      ipfix([
        set(2, mixed),
        set(257, fiveFields('192.0.2.12', '192.0.2.254', '10.11.12.13', 5009, 5_344_385)),
      ]),
    )
    expect(record?.elements).toEqual({ '32473/15': '0a0b0c0d' })
  })

  it('takes options data for no flow (A.4)', () => {
    const options = set(3, uints([258, 2], [3, 2], [1, 2]), fields([141, 4], [41, 2], [42, 2]), uints([0, 2]))
    const data = set(258, uints([1, 4], [345, 2], [10_201, 2], [2, 4], [690, 2], [20_402, 2]))
    const decoded = collector().decode(ipfix([options, data]))
    expect(decoded).toMatchObject({ records: [], options: 2, malformed: 0, unreadable: 0 })
  })

  it('reads fields of variable length, with one and three bytes of length (A.5)', () => {
    const long = 'x'.repeat(1000)
    const { records } = collector()
    const [short, other] = records(
      ipfix([
        set(2, template(259, [460, 65_535], [4, 1])),
        set(
          259,
          Buffer.from('\x05hello\x06', 'latin1'),
          uints([255, 1], [1000, 2]),
          Buffer.from(long),
          uints([17, 1]),
        ),
      ]),
    )
    expect(short).toMatchObject({ elements: { httpRequestHost: 'hello' }, protocolIdentifier: 6 })
    expect(other).toMatchObject({ elements: { httpRequestHost: long }, protocolIdentifier: 17 })
  })
})

describe('NetFlow v9, the examples of RFC 3954 section 9', () => {
  it('reads template, data and options flow sets', () => {
    const optionsTemplate = set(
      1,
      uints([257, 2], [4, 2], [8, 2], [3, 2], [2, 2]),
      fields([41, 2], [42, 2]),
      uints([0, 2]),
    )
    const message = v9(
      [
        set(0, template(256, ...FIVE_FIELDS)),
        set(
          256,
          fiveFields('198.168.1.12', '10.5.12.254', '192.168.1.1', 5009, 5_344_385),
          fiveFields('192.168.1.27', '10.5.12.23', '192.168.1.1', 748, 388_934),
          fiveFields('192.168.1.56', '10.5.12.65', '192.168.1.1', 5, 6534),
        ),
        optionsTemplate,
        set(257, uints([1, 2], [345, 2], [10_201, 2], [2, 2], [690, 2], [20_402, 2])),
      ],
      { domain: 5 },
    )
    const decoded = collector().decode(message)
    expect(decoded).toMatchObject({ options: 2, malformed: 0, unreadable: 0, missing: 0 })
    expect(decoded.records.map(({ record }) => record)).toMatchObject([
      {
        sourceAddress: '198.168.1.12',
        packetDeltaCount: 5009,
        exportProtocolVersion: 9,
        observationDomainId: 5,
      },
      { sourceAddress: '192.168.1.27', packetDeltaCount: 748 },
      { sourceAddress: '192.168.1.56', packetDeltaCount: 5 },
    ])
  })
})

describe('NetFlow v5', () => {
  it('reads every field', () => {
    const [record] = collector().records(
      v5([{ packets: 7, octets: 4242 }], { domain: 0x0102, sampling: (2 << 14) | 100 }),
    )
    expect(record).toEqual({
      time: new Date(EXPORT_SECS * 1000 + 500 - 1000).toISOString(),
      flowStart: new Date(EXPORT_SECS * 1000 + 500 - 10_000).toISOString(),
      flowEnd: new Date(EXPORT_SECS * 1000 + 500 - 1000).toISOString(),
      exporterAddress: '192.0.2.9',
      exportProtocolVersion: 5,
      observationDomainId: 258,
      ingressInterface: '1',
      egressInterface: '2',
      sourceAddress: '192.0.2.1',
      destinationAddress: '198.51.100.1',
      protocolIdentifier: 6,
      sourceTransportPort: 40_000,
      destinationTransportPort: 443,
      octetDeltaCount: 4242,
      packetDeltaCount: 7,
      tcpControlBits: 0x1b,
      ipClassOfService: 0,
      samplingInterval: 100,
      elements: {
        ipNextHopIPv4Address: '203.0.113.1',
        bgpSourceAsNumber: 64_500,
        bgpDestinationAsNumber: 64_501,
        sourceIPv4PrefixLength: 24,
        destinationIPv4PrefixLength: 16,
        samplingAlgorithm: 2,
      },
    })
  })

  it('reckons with an uptime that wrapped between the flow and its export', () => {
    const [record] = collector().records(v5([{ first: 2 ** 32 - 2000, last: 500 }], { uptimeMs: 1000 }))
    expect(record).toMatchObject({
      flowStart: new Date(EXPORT_SECS * 1000 + 500 - 3000).toISOString(),
      flowEnd: new Date(EXPORT_SECS * 1000 + 500 - 500).toISOString(),
    })
  })

  it.each([0, 2, 40])('refuses a header that says %i records where there is one', (count) => {
    const bytes = v5([{}])
    bytes.writeUInt16BE(count, 2)
    expect(collector().decode(bytes)).toMatchObject({ records: [], malformed: 1 })
  })
})

/** The record of one IPFIX field with these bytes. */
function oneField(element: number, value: Buffer, enterprise?: number) {
  const spec = [
    element,
    value.length,
    ...(enterprise === undefined ? [] : [enterprise]),
  ] as unknown as readonly [number, number]
  const decoded = collector().decode(
    ipfix([set(2, template(300, spec, [4, 1])), set(300, value, uints([6, 1]))]),
  )
  expect(decoded).toMatchObject({ malformed: 0 })
  return decoded.records[0]?.record
}

describe('values, as their IPFIX types say', () => {
  const e = Buffer.alloc(8)
  e.writeDoubleBE(Math.E)
  it.each([
    ['a counter of reduced size', 85, uints([70_000, 3]), { octetTotalCount: 70_000 }],
    ['a counter beyond 2^53', 85, Buffer.alloc(8, 0xff), { octetTotalCount: '18446744073709551615' }],
    ['a counter of seven bytes', 85, Buffer.alloc(7, 0xff), { octetTotalCount: '72057594037927935' }],
    ['a signed number', 434, Buffer.from('fffffffe', 'hex'), { mibObjectValueInteger: -2 }],
    ['a double', 320, e, { absoluteError: Math.E }],
    ['an infinite float', 320, Buffer.from('7f800000', 'hex'), { absoluteError: 'Infinity' }],
    ['true', 276, uints([1, 1]), { dataRecordsReliability: true }],
    ['false', 276, uints([2, 1]), { dataRecordsReliability: false }],
    ['neither', 276, uints([3, 1]), undefined],
    ['a MAC address', 56, Buffer.from('02005e10000a', 'hex'), { sourceMacAddress: '02:00:5e:10:00:0a' }],
    ['padded text', 82, Buffer.from('eth0\0\0\0\0'), { interfaceName: 'eth0' }],
    ['bytes', 90, Buffer.from('0000fde800000064', 'hex'), { mplsVpnRouteDistinguisher: '0000fde800000064' }],
    ['an unknown element', 65, uints([1, 2]), { '0/65': '0001' }],
    ['seconds', 322, uints([EXPORT_SECS, 4]), { observationTimeSeconds: '2026-09-21T14:13:20.000Z' }],
    ['the reverse direction (RFC 5103)', 1, uints([1234, 4]), { reverseOctetDeltaCount: 1234 }, 29_305],
    ['a port too large for its column', 7, uints([70_000, 4]), { sourceTransportPort: 70_000 }],
    ['a port in the length of an address', 7, Buffer.alloc(16, 1), { sourceTransportPort: '01'.repeat(16) }],
    ['an address of five bytes', 8, Buffer.alloc(5, 1), { sourceIPv4Address: '0101010101' }],
  ] as const)('%s', (_, element, value, elements, enterprise?: number) => {
    expect(oneField(element, value, enterprise)?.elements).toEqual(elements)
  })

  it('keeps the values of an element that is there twice in their order', () => {
    const [record] = collector().records(
      ipfix([
        set(2, template(300, [1, 2], [1, 2], [1, 2], [1, 2])),
        set(300, uints([1, 2], [2, 2], [3, 2], [4, 2])),
      ]),
    )
    expect(record).toMatchObject({ octetDeltaCount: 1, elements: { octetDeltaCount: [2, 3, 4] } })
  })

  it('takes the address that is not zero where a template has both versions', () => {
    const both = set(2, template(300, [8, 4], [27, 16], [12, 4], [28, 16]))
    const ip6 = Buffer.from('20010db8000000000000000000000001', 'hex')
    const none = Buffer.alloc(16)
    const records = collector().records(
      ipfix([
        both,
        set(
          300,
          ipv4('192.0.2.1'),
          none,
          ipv4('192.0.2.2'),
          none,
          ipv4('0.0.0.0'),
          ip6,
          ipv4('0.0.0.0'),
          ip6,
        ),
      ]),
    )
    expect(records).toMatchObject([
      { sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' },
      { sourceAddress: '2001:db8::1', destinationAddress: '2001:db8::1' },
    ])
  })
})

describe('times', () => {
  const at = (ms: number) => new Date(ms).toISOString()
  const second = EXPORT_SECS * 1000
  /** 1900 to 1970, and a quarter of a second as NTP writes it. */
  const ntp = uints([EXPORT_SECS - 60 + 2_208_988_800, 4], [2 ** 30 + 2 ** 13, 4])

  it.each([
    ['milliseconds', 152, uints([second - 5000, 8]), at(second - 5000)],
    ['seconds', 150, uints([EXPORT_SECS - 5, 4]), at(second - 5000)],
    ['microseconds', 154, ntp, at(second - 59_750).replace('Z', '002Z')],
    ['microseconds before the export', 158, uints([2_500_000, 4]), at(second - 2500)],
  ])('%s', (_, element, value, flowStart) => {
    expect(oneField(element, value)).toMatchObject({ flowStart, time: flowStart })
  })

  it("relative to the exporter's start, which an option tells", () => {
    const { records } = collector()
    const start = set(3, uints([256, 2], [2, 2], [1, 2]), fields([149, 4], [160, 8]))
    const told = set(256, uints([1, 4], [second - 100_000, 8]))
    const flows = [set(2, template(257, [22, 4], [21, 4])), set(257, uints([40_000, 4], [90_000, 4]))]
    expect(records(ipfix(flows))).toMatchObject([
      { elements: { flowStartSysUpTime: 40_000, flowEndSysUpTime: 90_000 }, time: at(second) },
    ])
    expect(records(ipfix([start, told, ...flows]))).toMatchObject([
      { flowStart: at(second - 60_000), flowEnd: at(second - 10_000) },
    ])
  })

  it('of an exporter whose clock is wrong: what it says, but filed when it came', () => {
    const decoded = collector().decode(
      ipfix([set(2, template(300, [150, 4], [151, 4])), set(300, uints([1000, 4], [1060, 4]))]),
    )
    expect(decoded.records).toEqual([
      {
        epochMs: NOW,
        record: expect.objectContaining({
          time: at(NOW),
          flowStart: '1970-01-01T00:16:40.000Z',
          flowEnd: '1970-01-01T00:17:40.000Z',
        }) as unknown,
      },
    ])
  })
})

describe('options', () => {
  const flow = [set(2, template(300, [48, 1], [10, 4], [1, 4])), set(300, uints([7, 1], [3, 4], [1000, 4]))]
  /** Options of IPFIX with one scope. */
  const option = (id: number, specs: readonly (readonly [number, number])[], data: Buffer) => [
    set(3, uints([id, 2], [specs.length, 2], [1, 2]), fields(...specs)),
    set(id, data),
  ]
  const all = option(
    400,
    [
      [149, 4],
      [34, 4],
      [35, 1],
    ],
    uints([1, 4], [50, 4], [1, 1]),
  )
  const sampler = option(
    401,
    [
      [48, 1],
      [49, 1],
      [50, 4],
    ],
    uints([7, 1], [2, 1], [200, 4]),
  )
  const ports = option(
    402,
    [
      [10, 4],
      [82, 8],
    ],
    Buffer.concat([uints([3, 4]), Buffer.from('ge-0/0/3')]),
  )

  it.each([
    ['nothing', [], { samplingInterval: undefined, ingressInterface: '3', elements: { samplerId: 7 } }],
    ['of the whole domain', all, { samplingInterval: 50, elements: { samplerId: 7, samplingAlgorithm: 1 } }],
    ['a sampler', sampler, { samplingInterval: 200, elements: { samplerId: 7, samplingAlgorithm: 2 } }],
    ['both', [...all, ...sampler], { samplingInterval: 200 }],
    ["interfaces' names", ports, { ingressInterface: 'ge-0/0/3' }],
    [
      'one packet in four',
      option(
        403,
        [
          [149, 4],
          [305, 4],
          [306, 4],
        ],
        uints([1, 4], [1, 4], [3, 4]),
      ),
      { samplingInterval: 4 },
    ],
    [
      '3 of 30',
      option(
        404,
        [
          [149, 4],
          [309, 4],
          [310, 4],
        ],
        uints([1, 4], [3, 4], [30, 4]),
      ),
      { samplingInterval: 10 },
    ],
    [
      'of one interface, as softflowd has it in v9',
      option(
        405,
        [
          [10, 4],
          [34, 4],
        ],
        uints([3, 4], [50, 4]),
      ),
      { samplingInterval: 50 },
    ],
    [
      'of another interface',
      option(
        406,
        [
          [10, 4],
          [34, 4],
        ],
        uints([4, 4], [50, 4]),
      ),
      { samplingInterval: undefined },
    ],
    ['of another domain', [], { samplingInterval: undefined }],
  ] as const)('%s', (_, options, expected) => {
    const { decode, records } = collector()
    decode(ipfix(all, { domain: 2 }))
    expect(records(ipfix([...options, ...flow]))).toMatchObject([expected])
  })

  it("NetFlow v9's scope of an interface", () => {
    const { records } = collector()
    const names = [
      set(1, uints([400, 2], [4, 2], [4, 2], [2, 2], [4, 2]), fields([82, 5])),
      set(400, uints([3, 4]), Buffer.from('eth3\0')),
    ]
    expect(records(v9([...names, set(0, template(300, [10, 2])), set(300, uints([3, 2]))]))).toMatchObject([
      { ingressInterface: 'eth3' },
    ])
  })
})

describe('templates', () => {
  const define = (sequence: number, ...list: readonly (readonly [number, number])[]) =>
    ipfix([set(2, template(300, ...list))], { sequence })
  const data = (sequence: number, ...body: readonly Buffer[]) => ipfix([set(300, ...body)], { sequence })

  it('hold back data that come first, and read them by the template that follows', () => {
    const { decode, exporters } = collector()
    expect(decode(data(0, uints([5, 4])))).toMatchObject({ records: [], unreadable: 0, missing: 0 })
    expect(exporters.sizes()).toEqual({ exporters: 1, templates: 0, held: 1 })
    expect(decode(define(1, [1, 4])).records).toMatchObject([{ record: { octetDeltaCount: 5 } }])
    expect(exporters.sizes()).toEqual({ exporters: 1, templates: 1, held: 0 })
  })

  it('that never come: what does not fit any more is counted', () => {
    const { decode, exporters } = collector()
    let unreadable = 0
    for (let i = 0; i < 1000; i++) unreadable += decode(data(0, Buffer.alloc(1000))).unreadable
    expect(unreadable + exporters.sizes().held).toBe(1000)
    expect(exporters.sizes().held).toBeLessThan(300)
    const late = NOW + 31 * 60_000
    expect(decode(define(0, [1, 4]), SENDER, late)).toMatchObject({
      records: [],
      unreadable: exporters.sizes().held || 1000 - unreadable,
    })
  })

  it('belong to an address, a port and a domain', () => {
    const { decode } = collector()
    decode(define(0, [1, 4]))
    expect(decode(data(0, uints([5, 4]))).records).toHaveLength(1)
    expect(decode(data(0, uints([5, 4])), { ...SENDER, port: 1 }).records).toHaveLength(0)
    expect(decode(data(0, uints([5, 4])), { ...SENDER, address: '192.0.2.8' }).records).toHaveLength(0)
    expect(decode(ipfix([set(300, uints([5, 4]))], { domain: 2 })).records).toHaveLength(0)
  })

  it('are replaced, and end by themselves', () => {
    const { decode, records } = collector()
    decode(define(0, [1, 4]))
    decode(define(0, [2, 4]))
    expect(records(data(0, uints([5, 4])))).toMatchObject([{ packetDeltaCount: 5 }])
    expect(decode(data(1, uints([5, 4])), SENDER, NOW + 89 * 60_000).records).toHaveLength(1)
    expect(decode(data(2, uints([5, 4])), SENDER, NOW + 91 * 60_000).records).toHaveLength(0)
  })

  it('are not withdrawn over UDP (RFC 7011 section 8.4)', () => {
    const { decode } = collector()
    decode(define(0, [1, 4]))
    const withdrawal = ipfix([set(2, uints([300, 2], [0, 2])), set(3, uints([3, 2], [0, 2]))])
    expect(decode(withdrawal)).toMatchObject({ withdrawals: 2, malformed: 0 })
    expect(decode(data(0, uints([5, 4]))).records).toHaveLength(1)
  })

  it('may have fields without a length, and sets padding', () => {
    const { records } = collector()
    expect(
      records(
        ipfix([
          set(2, template(300, [460, 0], [1, 4], [210, 1]), uints([0, 3])),
          set(300, uints([5, 4], [0, 1]), uints([0, 3])),
        ]),
      ),
    ).toEqual([expect.objectContaining({ octetDeltaCount: 5, elements: undefined })])
  })
})

describe('numbers', () => {
  const missing = (messages: readonly Buffer[]) => {
    const { decode } = collector()
    return messages.map((message) => decode(message).missing)
  }
  it('of v5 count flows', () => {
    expect(
      missing([v5([{}, {}], { sequence: 10 }), v5([{}], { sequence: 12 }), v5([{}], { sequence: 20 })]),
    ).toEqual([0, 0, 7])
  })
  it('of v9 count datagrams', () => {
    expect(missing([v9([], { sequence: 10 }), v9([], { sequence: 11 }), v9([], { sequence: 14 })])).toEqual([
      0, 0, 2,
    ])
  })
  it('of IPFIX count data records, options included', () => {
    const data = set(300, uints([1, 1], [2, 1], [3, 1]))
    const first = ipfix([set(2, template(300, [4, 1])), data], { sequence: 5 })
    expect(missing([first, ipfix([data], { sequence: 8 }), ipfix([data], { sequence: 12 })])).toEqual([
      0, 0, 1,
    ])
  })
  it('belong to a domain', () => {
    expect(
      missing([
        v9([], { sequence: 10, domain: 1 }),
        v9([], { sequence: 500, domain: 2 }),
        v9([], { sequence: 11, domain: 1 }),
      ]),
    ).toEqual([0, 0, 0])
  })
})
