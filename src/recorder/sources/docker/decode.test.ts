import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeDockerLine } from './decode.ts'

const now = Date.UTC(2026, 10, 23)

function decode(line: string | Buffer) {
  return decodeDockerLine(Buffer.from(line), now)
}

it('reads an entry as Docker writes it', () => {
  const line =
    '{"log":"listening on \\u003cport 53\\u003e\\n","stream":"stderr","attrs":{"tag":"sekisho-unbound-1"},"time":"2026-11-22T01:02:03.123456789Z"}'
  expect(decode(line)).toEqual({
    ok: true,
    torn: false,
    entry: {
      epochMs: Date.UTC(2026, 10, 22, 1, 2, 3, 123),
      time: '2026-11-22T01:02:03.123456789Z',
      stream: 'stderr',
      text: 'listening on <port 53>',
      ends: true,
      tag: 'sekisho-unbound-1',
    },
  })
})

it('knows a piece of a longer line, and only the last line feed is not the text', () => {
  expect(decode('{"log":"abc","stream":"stdout","time":"2026-11-22T00:00:00Z"}')).toMatchObject({
    entry: { text: 'abc', ends: false },
  })
  expect(decode('{"log":"\\n\\n"}')).toMatchObject({ entry: { text: '\n', ends: true } })
})

it('takes the time of reading when the entry has none that is one', () => {
  for (const time of ['', '"time":5', '"time":"yesterday"']) {
    const line = `{"log":"a\\n"${time && ','}${time}}`
    expect(decode(line)).toMatchObject({ entry: { epochMs: now, stream: 'stdout' } })
  }
})

it('finds the entry that follows a torn one', () => {
  const next = '{"log":"says {\\"log\\":\\"x\\"}\\n","stream":"stdout","time":"2026-11-22T00:00:00Z"}'
  expect(decode(`{"log":"torn in the mid${next}`)).toMatchObject({
    ok: true,
    torn: true,
    entry: { text: 'says {"log":"x"}' },
  })
})

it.each([
  '',
  'x',
  'null',
  '[]',
  '"log"',
  '{"log":1}',
  '{"stream":"stdout"}',
  '{"log":"a',
  '[['.repeat(100_000),
])('refuses %.20j', (line) => {
  expect(decode(line)).toEqual({ ok: false })
})

it('never throws, and whatever a container writes comes back as it was', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void decode(Buffer.from(bytes))))
  fc.assert(fc.property(fc.json(), (json) => void decode(json)))
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const decoded = decode(
        JSON.stringify({ log: `${text}\n`, stream: 'stdout', time: '2026-11-22T00:00:00Z' }),
      )
      expect(decoded).toMatchObject({ ok: true, entry: { text, ends: true } })
    }),
  )
})
