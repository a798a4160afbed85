import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compressedMode, forwardMode, messageMode, packedMode } from './fixtures.ts'
import { MessageReader } from './message-reader.ts'

const MAX = 1024 * 1024

function readAll(reader: MessageReader, pieces: readonly Buffer[]): Buffer[] {
  const messages: Buffer[] = []
  for (const piece of pieces) {
    reader.push(piece)
    for (let message = reader.next(); message; message = reader.next()) messages.push(Buffer.from(message))
  }
  return messages
}

/** Whether the messages are these; comparing buffers as objects takes too long. */
function same(read: readonly Buffer[], sent: readonly Buffer[]): boolean {
  return read.length === sent.length && read.every((message, i) => message.equals(sent[i] ?? Buffer.alloc(0)))
}

function split(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  let at = 0
  for (const length of lengths) {
    pieces.push(bytes.subarray(at, at + length))
    at += length
  }
  return [...pieces, bytes.subarray(at)]
}

const entries = Array.from(
  { length: 40 },
  (_, i) => [1_700_000_000 + i, { i, text: 'x'.repeat(i * 10) }] as const,
)
const messages = [
  Buffer.from([0xc0]),
  messageMode('a', [1, { log: 'hello' }], { chunk: 'c1' }),
  forwardMode('b', entries),
  packedMode('c', entries, { chunk: 'c2' }),
  compressedMode('d', entries),
  packedMode('e', [[1, { text: 'y'.repeat(200_000) }]]),
]

it('cuts the same messages out of any pieces', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...messages), { maxLength: 8 }),
      fc.array(fc.oneof(fc.nat({ max: 9 }), fc.nat({ max: 70_000 })), { maxLength: 40 }),
      (sent, lengths) => {
        const reader = new MessageReader(() => MAX)
        expect(same(readAll(reader, split(Buffer.concat(sent), lengths)), sent)).toBe(true)
        expect(reader.heldBytes).toBe(0)
        expect(reader.broken).toBeUndefined()
      },
    ),
  )
})

it('reads byte by byte, and wherever the stream is cut', () => {
  const small = messages.slice(0, 5)
  const bytes = Buffer.concat(small)
  const single = Array.from(bytes, (byte) => Buffer.from([byte]))
  expect(same(readAll(new MessageReader(() => MAX), single), small)).toBe(true)
  for (let cut = 0; cut < bytes.length; cut++) {
    const read = readAll(new MessageReader(() => MAX), split(bytes, [cut]))
    if (!same(read, small)) expect(cut).toBe('a cut that changes nothing')
  }
})

it('breaks off as soon as a message is too long by what it claims', () => {
  for (const head of [
    '93a161c6ffffffff',
    'ddffffffff',
    'dfffffffff',
    '93a161ddffffffff',
    '93a161c600100000',
  ]) {
    const reader = new MessageReader(() => MAX)
    expect(readAll(reader, [Buffer.from(head, 'hex')])).toEqual([])
    expect(reader.broken, head).toContain(String(MAX))
  }
  const reader = new MessageReader(() => MAX)
  expect(readAll(reader, [Buffer.from([0x93, 0xc1])])).toEqual([])
  expect(reader.broken).toContain('MessagePack')
})

it('holds memory for what came, not for what was claimed', () => {
  const before = process.memoryUsage().arrayBuffers
  const readers = Array.from({ length: 200 }, () => new MessageReader(() => 32 * MAX))
  for (const reader of readers) readAll(reader, [Buffer.from('93a161c601f00000', 'hex'), Buffer.alloc(100)])
  expect(readers[0]?.heldBytes).toBe(108)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200 * 32 * 1024)
})

it('looks at every byte once, for nests as well', () => {
  // 16-bit arrays of one, each in the other: 600,000 levels in small pieces.
  const nest = Buffer.concat([Buffer.alloc(900_000, Buffer.from([0xdc, 0, 1])), Buffer.from([0xc0])])
  const pieces = split(nest, Array(900).fill(1000) as number[])
  expect(readAll(new MessageReader(() => MAX), pieces)).toHaveLength(1)
})

it('does not choke on anything', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (pieces) => {
      const reader = new MessageReader(() => MAX)
      const read = readAll(
        reader,
        pieces.map((piece) => Buffer.from(piece)),
      )
      const bytes = Buffer.concat(pieces)
      expect(Buffer.concat(read).equals(bytes.subarray(0, Buffer.concat(read).length))).toBe(true)
    }),
  )
})
