import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FrameReader, MAX_MESSAGE } from './framing.ts'

function read(
  stream: Buffer | string,
  cuts: readonly number[] = [],
): { frames: string[]; torn: boolean; cut: boolean } {
  const bytes = Buffer.from(stream)
  const reader = new FrameReader()
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  const frames = at.slice(1).flatMap((end, i) => reader.push(bytes.subarray(at[i], end)))
  const { frame, torn } = reader.end()
  if (frame) frames.push(frame)
  return {
    frames: frames.map(({ message }) => message.toString('latin1')),
    torn,
    cut: frames.some(({ truncated }) => truncated),
  }
}

it('reads counted messages, with line feeds in them', () => {
  expect(read('5 a\nb\nc11 <13>hello x')).toEqual({
    frames: ['a\nb\nc', '<13>hello x'],
    torn: false,
    cut: false,
  })
})

it('reads lines, ended by a line feed or NUL or the end', () => {
  expect(read('<1>a\n<2>b\0<3>c')).toEqual({ frames: ['<1>a', '<2>b', '<3>c'], torn: false, cut: false })
})

it('changes between the two at any message', () => {
  expect(read('3 <1>\n<2>b\n4 <3>c\n\n').frames).toEqual(['<1>', '<2>b', '<3>c'])
})

it('takes a line that begins with digits for a line', () => {
  expect(read('12:00 started\n123456789 bottles\n').frames).toEqual(['12:00 started', '123456789 bottles'])
})

it('says when the end came within a counted message', () => {
  expect(read('10 abc')).toEqual({ frames: [], torn: true, cut: false })
  expect(read('10')).toEqual({ frames: [], torn: true, cut: false })
})

it('keeps the beginning of a message that is too long, and finds the next', () => {
  const long = 'x'.repeat(MAX_MESSAGE + 10)
  for (const stream of [`${long.length} ${long}3 abc`, `${long}\n3 abc`]) {
    const { frames, cut } = read(stream)
    expect(frames.map((f) => f.length)).toEqual([MAX_MESSAGE, 3])
    expect(cut).toBe(true)
  }
})

it('gives up a stream with a count that no message has', () => {
  const reader = new FrameReader()
  expect(reader.push(Buffer.from('99999999 abc'))).toEqual([])
  expect(reader.broken).toBe(true)
  expect(reader.end().torn).toBe(true)
})

it('finds what was sent, however TCP cuts it', () => {
  // A line cannot hold its own ends, nor begin like a count.
  const line = fc.string({ minLength: 1, maxLength: 50 }).map((s) => `<${s.replaceAll(/[\n\0]/g, '_')}`)
  const counted = fc.uint8Array({ minLength: 1, maxLength: 50 }).map((b) => Buffer.from(b).toString('latin1'))
  const message = fc.oneof(
    line.map((text) => ({ text, wire: `${Buffer.from(text).toString('latin1')}\n` })),
    counted.map((text) => ({ text, wire: `${text.length} ${text}` })),
  )
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 10 }),
      fc.array(fc.nat(), { maxLength: 20 }),
      (messages, cuts) => {
        const { frames, torn } = read(Buffer.from(messages.map(({ wire }) => wire).join(''), 'latin1'), cuts)
        expect(frames).toEqual(messages.map(({ text }) => text))
        expect(torn).toBe(false)
      },
    ),
  )
})

it('stays within its bounds on any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), fc.array(fc.nat(), { maxLength: 5 }), (bytes, cuts) => {
      const { frames } = read(Buffer.from(bytes), cuts)
      expect(frames.reduce((sum, frame) => sum + frame.length, 0)).toBeLessThanOrEqual(bytes.length)
    }),
  )
})
