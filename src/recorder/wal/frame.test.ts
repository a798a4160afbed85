import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeFrame, encodeFrame, type FrameMeta } from './frame.ts'

const meta: FrameMeta = {
  at: 1,
  encoding: 'ndjson',
  kind: 'syslog',
  rows: 1,
  source: 's',
  position: { a: [1] },
}

it('reads what was written, and where it ends', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), fc.nat({ max: 20 }), (body, before) => {
      const bytes = Buffer.concat([
        Buffer.alloc(before),
        ...encodeFrame(meta, Buffer.from(body)),
        Buffer.alloc(3),
      ])
      expect(decodeFrame(bytes, before)).toEqual({ meta, body: Buffer.from(body), end: bytes.length - 3 })
    }),
  )
})

it('takes no frame that is cut off anywhere, nor one with a bit turned', () => {
  const bytes = Buffer.concat(encodeFrame(meta, Buffer.from('{"msg":"hello"}\n')))
  for (let length = 0; length < bytes.length; length++)
    expect(decodeFrame(bytes.subarray(0, length), 0)).toBeUndefined()
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = Buffer.from(bytes)
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(decodeFrame(damaged, 0)).toBeUndefined()
  }
})

it('does not choke on anything', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 300 }), (bytes, offset) => {
      expect(decodeFrame(Buffer.from(bytes), offset)).toBeUndefined()
    }),
  )
})
