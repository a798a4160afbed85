import fc from 'fast-check'
import { expect, it } from 'vitest'
import { connection, conntrackPayload, ports } from '../../../tests/conntrack.ts'
import { ipv4Text, ipv6Text } from '../../recorder/records/address.ts'
import { type Conntrack, decodeConntrack, type Tuple } from './conntrack-decode.ts'
import { newScan, scanConntrack } from './conntrack-scan.ts'
import { TCP_STATES } from './ctnetlink.ts'

/** What Linux 6.18 said of a masqueraded connection of TCP that was refused, and of a ping that `conntrack -D` ended. */
const REFUSED = Buffer.from(
  `02000000 34000180 14000180 08000100 0a000002 08000200 cb007109 1c000280 05000100 06000000 06000200 dc220000
   06000300 00500000 34000280 14000180 08000100 cb007109 08000200 cb007101 1c000280 05000100 06000000 06000200
   00500000 06000300 dc220000 08000c00 f681baf0 08000300 00000398 08000700 00000078 1c000980 0c000100 00000000
   00000001 0c000200 00000000 0000003c 1c000a80 0c000100 00000000 00000001 0c000200 00000000 00000028 1c001480
   0c000100 18eba61a d3f3bda3 0c000200 18eba61a d3f3f6e9 10000480 0c000180 05000100 08000000 0c001b00 18eba61a
   d3f3f72f`.replaceAll(/\s/g, ''),
  'hex',
)
const PING = Buffer.from(
  `02000000 3c000180 14000180 08000100 0a000002 08000200 cb007109 24000280 05000100 01000000 06000400 71d00000
   05000500 08000000 05000600 00000000 3c000280 14000180 08000100 cb007109 08000200 cb007101 24000280 05000100
   01000000 06000400 71d00000 05000500 00000000 05000600 00000000 08000c00 a0b113e8 08000300 0000039a 08000700
   0000001c 1c000980 0c000100 00000000 00000001 0c000200 00000000 00000054 1c000a80 0c000100 00000000 00000001
   0c000200 00000000 00000054 1c001480 0c000100 18eba61a d49724f8 0c000200 18eba61b 122fde59 0c001b00 18eba61b
   122fe03a`.replaceAll(/\s/g, ''),
  'hex',
)

const port = fc.nat({ max: 0xffff })
const byte = fc.nat({ max: 0xff })
const uint32 = fc.nat({ max: 0xffffffff })
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const address4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((b) => ipv4Text(Buffer.from(b)))
const address6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((b) => ipv6Text(Buffer.from(b)))

function tupleOf(address: fc.Arbitrary<string>): fc.Arbitrary<Tuple> {
  const none = fc.constant(undefined)
  const ends = { source: address, destination: address, protocol: byte }
  return fc.oneof(
    fc.record({
      ...ends,
      sourcePort: port,
      destinationPort: port,
      icmpId: none,
      icmpType: none,
      icmpCode: none,
    }),
    fc.record({
      ...ends,
      sourcePort: none,
      destinationPort: none,
      icmpId: port,
      icmpType: byte,
      icmpCode: byte,
    }),
    fc.record({
      ...ends,
      sourcePort: none,
      destinationPort: none,
      icmpId: none,
      icmpType: none,
      icmpCode: none,
    }),
  )
}

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined })

const entry: fc.Arbitrary<Conntrack> = fc
  .constantFrom(address4, address6)
  .chain((address) =>
    fc.record({
      id: uint32,
      original: tupleOf(address),
      reply: tupleOf(address),
      status: maybe(uint32),
      mark: maybe(uint32),
      zone: maybe(port),
      timeoutSecs: maybe(uint32),
      tcpState: maybe(fc.constantFrom(...TCP_STATES.filter((name) => name !== undefined))),
      counts: maybe(
        fc.record({ originalPackets: count, originalBytes: count, replyPackets: count, replyBytes: count }),
      ),
      startMicros: maybe(fc.nat({ max: 4e15 })),
      stopMicros: maybe(fc.nat({ max: 4e15 })),
    }),
  )
  // A stop is written beside a start.
  .map((one) => (one.startMicros === undefined ? { ...one, stopMicros: undefined } : one))

it('reads what the kernel writes', () => {
  expect(decodeConntrack(REFUSED)).toEqual({
    id: 0xf681baf0,
    original: ports('10.0.0.2', 56_354, '203.0.113.9', 80),
    reply: ports('203.0.113.9', 80, '203.0.113.1', 56_354),
    status: 0x398,
    mark: undefined,
    zone: undefined,
    timeoutSecs: 120,
    tcpState: 'CLOSE',
    counts: { originalPackets: 1, originalBytes: 60, replyPackets: 1, replyBytes: 40 },
    startMicros: Number(0x18eba61ad3f3bda3n / 1000n),
    stopMicros: Number(0x18eba61ad3f3f6e9n / 1000n),
  })
  expect(decodeConntrack(PING)).toMatchObject({
    original: {
      source: '10.0.0.2',
      protocol: 1,
      sourcePort: undefined,
      icmpId: 0x71d0,
      icmpType: 8,
      icmpCode: 0,
    },
    reply: { destination: '203.0.113.1', icmpId: 0x71d0, icmpType: 0, icmpCode: 0 },
    tcpState: undefined,
  })
})

it('reads back what is written', () => {
  fc.assert(
    fc.property(entry, (one) => {
      expect(decodeConntrack(conntrackPayload(one))).toEqual(one)
    }),
    { numRuns: 1000 },
  )
})

it('takes nothing from beyond a cut, at every length', () => {
  const whole = conntrackPayload(connection({ timeoutSecs: 30, stopMicros: 1_790_000_001_000_000 }))
  const full: Record<string, unknown> = { ...decodeConntrack(whole) }
  let decoded = 0
  for (let length = 0; length < whole.length; length++) {
    const part = decodeConntrack(whole.subarray(0, length))
    if (!part) continue
    decoded += 1
    for (const [key, value] of Object.entries(part)) {
      // Of a nest that is cut nothing is taken.
      if (value !== undefined) expect(value, `${key} of ${length} bytes`).toEqual(full[key])
    }
  }
  expect(decoded).toBeGreaterThan(100)
})

it('never throws, whatever the bytes are and wherever they begin', () => {
  const scan = newScan()
  const changed = fc
    .tuple(entry, fc.array(fc.tuple(fc.nat({ max: 400 }), byte), { maxLength: 6 }))
    .map(([one, changes]) => {
      const bytes = conntrackPayload(one)
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
      return bytes
    })
  const random = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(fc.oneof(changed, random), fc.nat({ max: 310 }), fc.nat({ max: 310 }), (bytes, from, to) => {
      decodeConntrack(bytes)
      const sound = scanConntrack(bytes, from, to, scan)
      if (sound) expect(Number.isSafeInteger(scan.key)).toBe(true)
    }),
    { numRuns: 3000 },
  )
})

it('has a key that each message about a connection shares, and two with one id do not', () => {
  const scan = newScan()
  const keyOf = (one: Conntrack): number => {
    const bytes = conntrackPayload(one)
    expect(scanConntrack(bytes, 0, bytes.length, scan)).toBe(true)
    return scan.key
  }
  const first = connection({ counts: undefined, startMicros: undefined, tcpState: 'SYN_SENT' })
  expect(keyOf(first)).toBe(keyOf(connection({ reply: first.reply, status: 1 })))
  expect(keyOf(first)).not.toBe(keyOf({ ...first, original: { ...first.original, sourcePort: 50_001 } }))
})
