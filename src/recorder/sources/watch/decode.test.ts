import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeFrame, FrameReader, MAX_FRAME_BYTES, type WatchFrame } from './decode.ts'

const SESSION = '0123456789abcdef'
const META = { session: SESSION, id: 7, kind: 'dns', rows: 2, times: [1000, 2000] }
const BODY = '{"a":1}\n{"b":2}\n'

function frame(meta: unknown = META, body = BODY): Buffer {
  const text = Buffer.from(typeof meta === 'string' ? meta : JSON.stringify(meta))
  const head = Buffer.alloc(8)
  head.writeUInt32LE(4 + text.length + Buffer.byteLength(body), 0)
  head.writeUInt32LE(text.length, 4)
  return Buffer.concat([head, text, Buffer.from(body)])
}

function all(reader: FrameReader): WatchFrame[] {
  const frames: WatchFrame[] = []
  for (let next = reader.next(); next; next = reader.next()) frames.push(next)
  return frames
}

it('reads frames however they are cut into pieces', () => {
  const bytes = Buffer.concat([frame(), frame({ ...META, id: 8, kind: 'flows', rows: 1 }, '{}\n'), frame()])
  fc.assert(
    fc.property(fc.array(fc.nat({ max: bytes.length }), { maxLength: 20 }), (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
      const reader = new FrameReader()
      const frames = places.slice(1).flatMap((end, i) => {
        reader.push(bytes.subarray(places[i], end))
        return all(reader)
      })
      expect(reader.broken).toBeUndefined()
      expect(frames.map(({ id, kind, rows }) => [id, kind, rows])).toEqual([
        [7, 'dns', 2],
        [8, 'flows', 1],
        [7, 'dns', 2],
      ])
      expect(frames[0]).toEqual({ ...META, body: Buffer.from(BODY) })
    }),
  )
})

describe('refuses', () => {
  it.each([
    ['a kind that is not watched', { ...META, kind: 'syslog' }],
    ['a kind from the prototype', { ...META, kind: 'constructor' }],
    ['no session', { ...META, session: 'x' }],
    ['an id that does not fit', { ...META, id: 2 ** 32 }],
    ['an id of 0', { ...META, id: 0 }],
    ['another number of rows', { ...META, rows: 3 }],
    ['times the wrong way round', { ...META, times: [2, 1] }],
    ['times that are none', { ...META, times: [null, 1] }],
    ['a time too many', { ...META, times: [1, 2, 3] }],
    ['no JSON', '{'],
    ['null', 'null'],
    ['meta without end', `"${'x'.repeat(2000)}"`],
  ])('%s', (_, meta) => {
    const reader = new FrameReader()
    reader.push(frame(meta))
    reader.push(frame())
    expect(all(reader)).toEqual([])
    expect(reader.broken).toBeDefined()
  })

  it.each([
    ['no line', ''],
    ['a line that does not end', '{"a":1}\n{"b":2}'],
    ['an empty line', '{"a":1}\n\n'],
    ['what is no object', '{"a":1}\n[2]\n'],
    ['half an object', '{\n{"b":2}\n'],
  ])('%s', (_, body) => {
    expect(decodeFrame(frame(META, body).subarray(4))).toEqual(expect.any(String))
  })

  it.each([0, 3, MAX_FRAME_BYTES + 1, 2 ** 32 - 1])('a length of %d before it comes', (length) => {
    const reader = new FrameReader()
    const head = Buffer.alloc(4)
    head.writeUInt32LE(length)
    reader.push(head)
    expect(reader.next()).toBeUndefined()
    expect(reader.broken).toContain(String(length))
  })
})

it('takes any bytes for what they are: a frame of ours, or nothing', () => {
  fc.assert(
    fc.property(fc.nat({ max: frame().length - 1 }), fc.integer({ min: 0, max: 255 }), (at, byte) => {
      const bytes = frame()
      bytes[at] = byte
      const decoded = decodeFrame(bytes.subarray(4))
      if (typeof decoded === 'string') return
      expect(decoded.body.toString().split('\n')).toHaveLength(decoded.rows + 1)
      expect(decoded.session).toMatch(/^[0-9a-f]{16}$/)
    }),
  )
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 }), (pieces) => {
      const reader = new FrameReader()
      for (const piece of pieces) {
        reader.push(Buffer.from(piece))
        all(reader)
      }
    }),
  )
})
