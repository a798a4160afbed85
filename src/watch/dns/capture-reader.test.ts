import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pcap } from '../../../tests/dns-wire.ts'
import { CaptureProblem } from './capture.ts'
import { CaptureReader } from './capture-reader.ts'

interface Packet {
  readonly text: string
  readonly linkType: number
  readonly micros: number
  readonly interfaceName?: string | undefined
}

/** What a reader finds in chunks, and the problem in the end. */
function read(chunks: readonly Buffer[]): { packets: Packet[]; problem: string } {
  const reader = new CaptureReader()
  const packets: Packet[] = []
  try {
    for (const chunk of chunks) {
      reader.push(chunk)
      while (reader.next()) {
        const { bytes, start, end, linkType, timeMicros, interfaceName } = reader.packet
        const text = bytes.toString('latin1', start, end)
        packets.push({ text, linkType, micros: timeMicros, ...(interfaceName && { interfaceName }) })
      }
    }
    reader.end()
  } catch (error) {
    if (!(error instanceof CaptureProblem)) throw error
    return { packets, problem: error.message }
  }
  return { packets, problem: '' }
}

/** A writer of numbers in one byte order. */
class Order {
  readonly #little: boolean
  constructor(little: boolean) {
    this.#little = little
  }
  u16 = (...values: number[]): Buffer => this.#put(2, values)
  u32 = (...values: number[]): Buffer => this.#put(4, values)
  u64 = (value: bigint): Buffer => {
    const [high, low] = [Number(value >> 32n), Number(value & 0xffff_ffffn)]
    return this.#little ? this.u32(low, high) : this.u32(high, low)
  }
  #put(size: number, values: readonly number[]): Buffer {
    const bytes = Buffer.alloc(size * values.length)
    for (const [i, value] of values.entries())
      if (this.#little) bytes.writeUIntLE(value, i * size, size)
      else bytes.writeUIntBE(value, i * size, size)
    return bytes
  }
  padded(bytes: Buffer): Buffer {
    return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
  }
  block(type: number, ...body: Buffer[]): Buffer {
    const bytes = Buffer.concat(body)
    return Buffer.concat([this.u32(type, 12 + bytes.length), bytes, this.u32(12 + bytes.length)])
  }
  section(): Buffer {
    return this.block(0x0a0d0d0a, this.u32(0x1a2b3c4d), this.u16(1, 0), this.u32(0xffff_ffff, 0xffff_ffff))
  }
  interface(linkType: number, options: readonly (readonly [number, Buffer])[] = [], snapLength = 0): Buffer {
    const list = options.flatMap(([code, value]) => [this.u16(code, value.length), this.padded(value)])
    return this.block(1, this.u16(linkType, 0), this.u32(snapLength), ...list, this.u16(0, 0))
  }
  packet(number: number, units: bigint, text: string): Buffer {
    const times = this.u32(Number(units >> 32n), Number(units & 0xffff_ffffn))
    const bytes = Buffer.from(text)
    const lengths = this.u32(bytes.length, bytes.length)
    return this.block(6, this.u32(number), times, lengths, this.padded(bytes))
  }
}

const MICROS = 1_795_392_000_123_456n
const orders = [
  ['little-endian', new Order(true)],
  ['big-endian', new Order(false)],
] as const

describe('pcap', () => {
  it.each(orders)('%s, with microseconds and nanoseconds', (_, order) => {
    for (const [magic, fraction] of [
      [0xa1b2c3d4, 123_456],
      [0xa1b23c4d, 123_456_789],
    ] as const) {
      const header = [order.u32(magic), order.u16(2, 4), order.u32(0, 0, 65_535, 0x1400_0071)]
      const packet = [order.u32(1_795_392_000, fraction, 5, 9), Buffer.from('hello')]
      expect(read([Buffer.concat([...header, ...packet, ...packet])])).toEqual({
        packets: Array.from({ length: 2 }, () => ({ text: 'hello', linkType: 113, micros: Number(MICROS) })),
        problem: '',
      })
    }
  })
})

describe('pcapng', () => {
  it.each(orders)('%s, with interfaces that count time in other ways', (_, order) => {
    const capture = Buffer.concat([
      order.section(),
      order.interface(1, [[2, Buffer.from('eth0')]]),
      order.interface(101, [[9, Buffer.from([9])]]),
      order.interface(113, [[9, Buffer.from([0x80 | 20])]]),
      order.interface(113, [
        [9, Buffer.from([3])],
        [14, order.u64(1_795_000_000n)],
      ]),
      order.packet(0, MICROS, 'a'),
      order.packet(1, MICROS * 1000n + 999n, 'bb'),
      order.packet(2, (1_795_392_000n << 20n) + (1n << 19n), 'ccc'),
      order.packet(3, 392_000_123n, 'dddd'),
    ])
    expect(read([capture])).toEqual({
      packets: [
        { text: 'a', linkType: 1, micros: Number(MICROS), interfaceName: 'eth0' },
        { text: 'bb', linkType: 101, micros: Number(MICROS) },
        { text: 'ccc', linkType: 113, micros: 1_795_392_000_500_000 },
        { text: 'dddd', linkType: 113, micros: 1_795_392_000_123_000 },
      ],
      problem: '',
    })
  })

  it('of several sections, in both byte orders, each with its own interfaces', () => {
    const [[, little], [, big]] = orders
    const capture = [
      little.section(),
      little.interface(1),
      little.packet(0, MICROS, 'a'),
      big.section(),
      big.interface(101),
      big.packet(0, MICROS, 'b'),
    ]
    expect(read([Buffer.concat(capture)]).packets).toMatchObject([
      { text: 'a', linkType: 1 },
      { text: 'b', linkType: 101 },
    ])
    expect(read([Buffer.concat([...capture, little.section(), little.packet(0, MICROS, 'c')])])).toEqual({
      packets: [expect.anything(), expect.anything()],
      problem: expect.stringMatching(/interface 0, which there is not/) as string,
    })
  })

  it('with simple and obsolete packets, and blocks that mean nothing here', () => {
    const [[, order]] = orders
    const capture = Buffer.concat([
      order.section(),
      order.block(4, Buffer.alloc(100_000)),
      order.interface(101, [], 4),
      order.block(3, order.u32(9), Buffer.from('abcd')),
      order.block(0x0bad, Buffer.alloc(40)),
      order.block(
        2,
        order.u16(0, 0),
        order.u32(Number(MICROS >> 32n), Number(MICROS & 0xffff_ffffn), 2, 2),
        Buffer.from('xy..'),
      ),
    ])
    const packets = [
      { text: 'abcd', linkType: 101, micros: 0 },
      { text: 'xy', linkType: 101, micros: Number(MICROS) },
    ]
    expect(read([capture])).toEqual({ packets, problem: '' })
    const bits = Array.from({ length: Math.ceil(capture.length / 7) }, (_, i) =>
      capture.subarray(i * 7, i * 7 + 7),
    )
    expect(read(bits)).toEqual({ packets, problem: '' })
  })
})

const GOOD = {
  pcap: pcap([
    { bytes: Buffer.from('one'), micros: 1 },
    { bytes: Buffer.alloc(0), micros: 2 },
    { bytes: Buffer.alloc(300, 0x61), micros: 3 },
  ]),
  pcapng: Buffer.concat([
    orders[0][1].section(),
    orders[0][1].interface(1),
    orders[0][1].packet(0, 1n, 'one'),
    orders[0][1].packet(0, 2n, ''),
    orders[0][1].packet(0, 3n, 'a'.repeat(300)),
  ]),
}

describe.each(Object.entries(GOOD))('%s', (_, good) => {
  const whole = read([good])

  it('is the same however it comes in pieces', () => {
    expect(whole).toMatchObject({ packets: [{ text: 'one' }, { text: '' }, { micros: 3 }], problem: '' })
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: good.length }), { maxLength: 20 }), (sizes) => {
        const chunks: Buffer[] = []
        let at = 0
        for (const size of [...sizes, good.length]) {
          chunks.push(good.subarray(at, at + size))
          at += size
        }
        expect(read(chunks)).toEqual(whole)
      }),
    )
  })

  it('that is cut off anywhere gives what is whole, and says so unless a packet ends there', () => {
    let withoutProblem = 0
    for (let length = 0; length < good.length; length++) {
      const { packets, problem } = read([good.subarray(0, length)])
      expect(packets).toEqual(whole.packets.slice(0, packets.length))
      if (problem === '') withoutProblem += 1
      else expect(problem).toMatch(/Fix: /)
    }
    expect(withoutProblem).toBeLessThanOrEqual(4)
    expect(withoutProblem).toBeGreaterThanOrEqual(3)
  })

  it('with some bytes changed never throws but a problem with its fix', () => {
    const change = fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const bytes = Buffer.from(good)
        for (const [at, value] of changes) bytes.writeUInt8(value, at)
        const { problem } = read([bytes])
        if (problem !== '') expect(problem).toMatch(/Fix: /)
      }),
      { numRuns: 1000 },
    )
  })
})
