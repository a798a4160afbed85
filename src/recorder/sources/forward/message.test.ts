import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  compressedMode,
  eventTime,
  forwardMode,
  messageMode,
  pack,
  packEntries,
  packedMode,
} from './fixtures.ts'
import { type Message, parseMessage } from './message.ts'

const entries = [
  [eventTime(1_700_000_000, 5), { log: 'a' }],
  [1_700_000_001, { log: 'b' }],
] as const

it('takes each mode apart', () => {
  expect(parseMessage(messageMode('app.web', entries[0], { chunk: 'c1' }))).toEqual({
    tag: 'app.web',
    mode: 'message',
    entries: packEntries([entries[0]]).subarray(1),
    count: 1,
    chunk: 'c1',
  })
  expect(parseMessage(messageMode('t', entries[1]))).toMatchObject({ mode: 'message', count: 1 })
  expect(parseMessage(forwardMode('t', entries, { chunk: 'c2' }))).toEqual({
    tag: 't',
    mode: 'forward',
    entries: pack(entries),
    count: 2,
    chunk: 'c2',
  })
  expect(
    parseMessage(packedMode('t', entries, { chunk: 'c3', fluent_signal: 0, compressed: 'text' })),
  ).toEqual({
    tag: 't',
    mode: 'packed',
    entries: packEntries(entries),
    count: 2,
    chunk: 'c3',
  })
  expect(parseMessage(compressedMode('t', entries, { chunk: 'c4' }))).toMatchObject({
    mode: 'compressed',
    count: 2,
    chunk: 'c4',
  })
  expect(parseMessage(pack(null))).toBe('heartbeat')
})

it('takes entries in a str, as old clients send them, and no options or nil for them', () => {
  const bytes = packEntries(entries)
  const str = Buffer.concat([Buffer.from([0x92, 0xa1, 0x74, 0xd9, bytes.length]), bytes])
  expect(parseMessage(str)).toEqual({ tag: 't', mode: 'packed', entries: bytes, count: 2 })
  expect(parseMessage(pack(['t', bytes, null]))).toEqual({
    tag: 't',
    mode: 'packed',
    entries: bytes,
    count: 2,
  })
})

it('counts entries itself when the size is missing or cannot be', () => {
  for (const size of [undefined, -1, 3.5, 1e6, 'x', null, 2n ** 63n])
    expect(parseMessage(pack(['t', packEntries(entries), { size }]))).toMatchObject({ count: 2 })
  expect(parseMessage(pack(['t', Buffer.alloc(10), { size: 1e9, compressed: 'gzip' }]))).toMatchObject({
    count: 1,
  })
})

it.each([
  [['t']],
  [[]],
  [{}],
  [5],
  [['t', 1, 'no map']],
  [['t', [[1, {}]], {}, {}]],
  [['t', 1, {}, {}, {}]],
  [[1, 1, {}]],
  [['', 1, {}]],
  [['t'.repeat(2000), 1, {}]],
  [['t', [1, 2]]],
  [['t', Buffer.from('not entries')]],
  [['t', packEntries(entries), { chunk: 5 }]],
  [['t', packEntries(entries), { chunk: '' }]],
  [['t', packEntries(entries), { chunk: 'x'.repeat(300) }]],
  [['t', packEntries(entries), { compressed: 'lzma' }]],
  [['t', packEntries(entries), 'options']],
  [Array(20).fill('t')],
])('says what is wrong with %j', (value) => {
  expect(parseMessage(pack(value))).toEqual({ problem: expect.any(String) as string })
})

it('keeps any tag as data', () => {
  for (const tag of ['../../etc/passwd', 'a\0b', '__proto__', '\u202e', "'; DROP TABLE events --"])
    expect((parseMessage(messageMode(tag, [1, {}])) as Message).tag).toBe(tag)
})

it('does not choke on anything', () => {
  const whole = packedMode('t', entries, { chunk: 'c' })
  for (let length = 0; length < whole.length; length++) parseMessage(whole.subarray(0, length))
  fc.assert(
    fc.property(
      fc.uint8Array(),
      fc.nat({ max: whole.length - 1 }),
      fc.nat({ max: 255 }),
      (bytes, at, byte) => {
        parseMessage(Buffer.from(bytes))
        const changed = Buffer.from(whole)
        changed[at] = byte
        parseMessage(changed)
      },
    ),
  )
})
