import { ExtData } from '@msgpack/msgpack'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { pack } from './fixtures.ts'
import { countValues, Skimmer, valueEnd } from './skim.ts'

const value = fc.letrec((tie) => ({
  node: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false),
    fc.double(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.string({ maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }),
    fc
      .tuple(fc.nat({ max: 127 }), fc.uint8Array({ maxLength: 300 }))
      .map(([type, data]) => new ExtData(type, data)),
    fc.array(tie('node'), { maxLength: 20 }),
    fc.dictionary(fc.string(), tie('node'), { maxKeys: 20 }),
  ),
})).node

it('finds the end of every value, and of none that is cut off', () => {
  fc.assert(
    fc.property(value, (value) => {
      const bytes = pack(value)
      expect(valueEnd(Buffer.concat([Buffer.alloc(3), bytes, bytes]), 3, bytes.length * 2 + 3)).toBe(
        bytes.length + 3,
      )
      const step = Math.max(1, Math.floor(bytes.length / 200))
      for (let length = 0; length < bytes.length; length += step)
        expect(valueEnd(bytes, 0, length)).toBeUndefined()
    }),
  )
})

it('goes on where it was, whatever the pieces', () => {
  fc.assert(
    fc.property(value, fc.array(fc.nat({ max: 50 })), (value, pieces) => {
      const bytes = pack(value)
      const skimmer = new Skimmer()
      let end = 0
      for (const piece of pieces) {
        end = Math.min(bytes.length - 1, end + piece)
        expect(skimmer.run(bytes, 0, end)).toBe(false)
      }
      expect(skimmer.run(bytes, 0, bytes.length)).toBe(true)
      expect(skimmer.at).toBe(bytes.length)
    }),
  )
})

it('knows the long forms of every type', () => {
  const values: (readonly [head: number[], length: number])[] = [
    [[0xd9, 0], 0],
    [[0xda, 1, 0], 256],
    [[0xdb, 0, 1, 0, 0], 65_536],
    [[0xc4, 255], 255],
    [[0xc5, 1, 2], 258],
    [[0xc6, 0, 0, 0, 3], 3],
    [[0xc7, 0, 5], 0],
    [[0xc8, 0, 2, 5], 2],
    [[0xc9, 0, 0, 1, 0, 5], 256],
    [[0xd4, 1], 1],
    [[0xd8, 1], 16],
    [[0xdc, 0, 2], 2],
    [[0xdd, 0, 0, 0, 2], 2],
    [[0xde, 0, 1], 2],
    [[0xdf, 0, 0, 0, 1], 2],
  ]
  for (const [head, length] of values) {
    const bytes = Buffer.concat([Buffer.from(head), Buffer.alloc(length)])
    expect(valueEnd(bytes, 0, bytes.length), head.join()).toBe(bytes.length)
    expect(valueEnd(bytes, 0, bytes.length - 1), head.join()).toBeUndefined()
  }
})

it('holds nothing for a nest of any depth, and reads any bytes to some end', () => {
  const nest = Buffer.concat([Buffer.alloc(3_000_000, Buffer.from([0xdc, 0, 1])), Buffer.from([0xc0])])
  expect(valueEnd(nest, 0, nest.length)).toBe(nest.length)
  const bomb = new Skimmer()
  expect(bomb.run(Buffer.from('dfffffffff', 'hex'), 0, 5)).toBe(false)
  expect(bomb.owed).toBe(2 * 0xffffffff)
  fc.assert(fc.property(fc.uint8Array(), (bytes) => countValues(bytes) <= bytes.length))
  expect(valueEnd(Buffer.from([0xc1]), 0, 1)).toBeUndefined()
  expect(countValues(Buffer.from([0x91, 0xc0, 0x01, 0xc1, 0x01]))).toBe(2)
})
