import fc from 'fast-check'
import { expect, it } from 'vitest'
import { buildAttribute, type NetlinkMessage } from '../../netlink/message.ts'
import { decodeDrop } from './decode.ts'
import { SequenceGaps } from './sequence.ts'

const now = Date.UTC(2026, 10, 23, 12)
const name = (index: number): string => `eth${index}`

function message(...attributes: readonly (readonly [number, Buffer | string])[]): NetlinkMessage {
  const body = attributes.map(([type, value]) =>
    buildAttribute(type, typeof value === 'string' ? Buffer.from(value, 'hex') : value),
  )
  return {
    type: 0x400,
    flags: 0,
    sequence: 0,
    payload: Buffer.concat([Buffer.from('02000007', 'hex'), ...body]),
  }
}

const header = [1, '08000100'] as const
const udp = '4500001c0001000040110000c6336407cb00710100351234000800 00'.replaceAll(' ', '')

it('reads a packet with all that the kernel says about it', () => {
  const decoded = decodeDrop(
    message(
      header,
      [3, '000000006922d000000000000001e240'],
      [4, '00000003'],
      [5, '00000002'],
      [8, '0006000002005e1000010000'],
      [9, udp],
      [10, Buffer.from('wan to router \0')],
      [12, '0000002a'],
      [
        20,
        Buffer.concat([
          buildAttribute(1, Buffer.from('8100', 'hex')),
          buildAttribute(2, Buffer.from('2014', 'hex')),
        ]),
      ],
    ),
    now,
    name,
  )
  expect(decoded).toEqual({
    epochMs: 0x6922d000 * 1000 + 123,
    sequence: 42,
    record: {
      time: '2025-11-23T09:12:32.123456Z',
      logPrefix: 'wan to router',
      ingressInterface: 'eth3',
      egressInterface: 'eth2',
      sourceMacAddress: '02:00:5e:10:00:01',
      dot1qVlanId: 20,
      ipVersion: 4,
      sourceAddress: '198.51.100.7',
      destinationAddress: '203.0.113.1',
      protocolIdentifier: 17,
      sourceTransportPort: 53,
      destinationTransportPort: 0x1234,
      ipTotalLength: 28,
      ipTTL: 64,
    },
  })
})

it('names the port of a bridge rather than the bridge', () => {
  expect(
    decodeDrop(message(header, [4, '00000003'], [6, '00000005']), now, name)?.record.ingressInterface,
  ).toBe('eth5')
})

it('keeps what is not IP with its EtherType, and the time of arrival where the kernel gives none', () => {
  expect(decodeDrop(message([1, '08060000'], [9, '0001']), now, name)?.record).toEqual({
    time: '2026-11-23T12:00:00.000Z',
    logPrefix: '',
    ethernetType: 0x806,
  })
})

it('has no record for other messages', () => {
  expect(decodeDrop({ ...message(header), type: 3 }, now, name)).toBeUndefined()
  expect(decodeDrop(message([9, udp]), now, name)).toBeUndefined()
  expect(decodeDrop({ ...message(), payload: Buffer.alloc(2) }, now, name)).toBeUndefined()
})

it('never throws on any attributes', () => {
  const attribute = fc.tuple(
    fc.nat({ max: 21 }),
    fc.uint8Array({ maxLength: 60 }).map((b) => Buffer.from(b)),
  )
  fc.assert(
    fc.property(fc.array(attribute, { maxLength: 12 }), (attributes) => {
      const decoded = decodeDrop(message(header, ...attributes), now, name)
      if (decoded) JSON.stringify(decoded.record)
    }),
    { numRuns: 2000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeDrop({ type: 0x400, flags: 0, sequence: 0, payload: Buffer.from(bytes) }, now, name)
    }),
  )
})

it('counts what is missing between numbers, also when they wrap', () => {
  const gaps = new SequenceGaps()
  expect([0, 1, 5, 6].map((n) => gaps.before(n))).toEqual([0, 0, 3, 0])
  expect(new SequenceGaps().before(4)).toBe(4)
  const wrapping = new SequenceGaps()
  wrapping.before(2 ** 31 - 1)
  wrapping.before(2 ** 32 - 2)
  expect(wrapping.before(1)).toBe(2)
  expect(wrapping.before(0)).toBe(0)
})
