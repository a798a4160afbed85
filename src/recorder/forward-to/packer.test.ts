import { decode } from '@msgpack/msgpack'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Packer } from './packer.ts'

function packed(value: unknown): Buffer {
  const packer = new Packer()
  packer.value(value)
  return packer.take()
}

it('writes what another implementation reads', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      // Which that implementation refuses.
      fc.pre(!JSON.stringify(value).includes('__proto__'))
      expect(decode(packed(value))).toEqual(value)
    }),
  )
})

it.each([0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, -1, -32, -33, -(2 ** 40)])(
  'writes %d as an integer',
  (value) => {
    const bytes = packed(value)
    expect(decode(bytes)).toBe(value)
    expect(bytes[0]).not.toBe(0xcb)
  },
)

it('keeps all digits of an integer of 64 bits', () => {
  for (const value of [2n ** 64n - 1n, -(2n ** 63n)])
    expect(decode(packed(value), { useBigInt64: true })).toBe(value)
})

it.each([31, 32, 255, 256, 65_535, 65_536, 200_000])('writes a text and bytes of %d bytes', (length) => {
  const text = 'x'.repeat(length)
  const packer = new Packer()
  packer.array(2)
  packer.text(text)
  packer.binary(Buffer.from(text))
  const [first, second] = decode(packer.take()) as [string, Uint8Array]
  expect([first, Buffer.from(second).toString()]).toEqual([text, text])
})

it('begins anew when what it has is taken', () => {
  const packer = new Packer()
  packer.text('first')
  const first = packer.take()
  packer.text('second')
  expect([decode(first), decode(packer.take()), packer.length]).toEqual(['first', 'second', 0])
})
