import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeSyslog } from './decode.ts'

const now = Date.UTC(2026, 10, 23, 12)

function decode(message: string | Buffer) {
  return decodeSyslog(Buffer.from(message), now)?.record
}

it('reads a message of RFC 5424 with structured data and a BOM', () => {
  const message =
    '<165>1 2026-11-23T22:14:15.003004+09:00 gw.example.org app 10 ID47 [ex@32473 iut="3" note="a \\"b\\" \\\\ \\] \\n"][two] \uFEFFhello\nworld'
  expect(decode(message)).toEqual({
    time: '2026-11-23T13:14:15.003004Z',
    facility: 20,
    severity: 5,
    hostname: 'gw.example.org',
    appName: 'app',
    procId: '10',
    msgId: 'ID47',
    structuredData: { 'ex@32473': { iut: '3', note: 'a "b" \\ ] \\n' }, two: {} },
    msg: 'hello\nworld',
    format: 'rfc5424',
  })
})

it('reads nil values, and no message at all', () => {
  const nil = {
    time: '2026-11-23T12:00:00.000Z',
    receivedTime: '2026-11-23T12:00:00.000Z',
    facility: 0,
    severity: 0,
  }
  expect(decode('<0>1 - - - - - -')).toEqual({ ...nil, msg: '', format: 'rfc5424' })
  expect(decode('<0>1 - - - - - - x')).toEqual({ ...nil, msg: 'x', format: 'rfc5424' })
})

it('keeps the time of arrival beside a time that is far from it', () => {
  expect(decode('<13>1 2020-01-01T00:00:00Z h a - - - x')).toMatchObject({
    time: '2020-01-01T00:00:00Z',
    receivedTime: '2026-11-23T12:00:00.000Z',
  })
})

it.each([
  [
    '<34>Nov 23 10:00:01 host su[12]: failed',
    { hostname: 'host', appName: 'su', procId: '12', msg: 'failed' },
  ],
  ['<34>Nov  3 10:00:01 host kernel: x: y', { hostname: 'host', appName: 'kernel', msg: 'x: y' }],
  ['<34>Nov 23 10:00:01 sshd[9]: no host', { appName: 'sshd', procId: '9', msg: 'no host' }],
  ['<34>Nov 23 10:00:01 host words without a tag', { hostname: 'host', msg: 'words without a tag' }],
  ['<34>2026-11-23T10:00:01+00:00 host app: y', { hostname: 'host', appName: 'app', msg: 'y' }],
  ['<34>app: no time', { appName: 'app', msg: 'no time' }],
  ['<34>just words', { msg: 'just words' }],
  ['<34>1 broken header', { msg: '1 broken header' }],
  ['<34>1 2026-11-23T10:00:01Z h a - - [open msg', { msg: '1 2026-11-23T10:00:01Z h a - - [open msg' }],
])('reads %s', (message, fields) => {
  expect(decode(message)).toMatchObject({ facility: 4, severity: 2, format: 'rfc3164', ...fields })
})

it('gives a time without a year the year that is nearest', () => {
  const january = Date.UTC(2027, 0, 1, 0, 0, 5)
  const december = decodeSyslog(Buffer.from('<13>Dec 31 12:00:00 h a: x'), january)
  expect(december?.record.time.slice(0, 4)).toBe('2026')
  expect(decodeSyslog(Buffer.from('<13>Feb 31 12:00:00 h a: x'), january)?.record.receivedTime).toBeDefined()
  const leap = decodeSyslog(Buffer.from('<13>Feb 29 12:00:00 h a: x'), Date.UTC(2028, 1, 29, 12))
  expect(leap?.record.time.slice(0, 10)).toBe('2028-02-29')
})

it.each(['hello', '<>x', '<192>x', '<007>x', '<13x', '<-1>x', '< 13>x', '<1234>x'])(
  'keeps %j whole',
  (message) => {
    expect(decode(message)).toMatchObject({ facility: 1, severity: 5, msg: message, format: 'raw' })
  },
)

it.each(['', '\n', '  \r\n', '\0\0'])('has no record for %j', (message) => {
  expect(decode(message)).toBeUndefined()
})

it('makes own properties of hostile names', () => {
  const record = decode('<13>1 - - - - - [__proto__ __proto__="x" constructor="y"][hasOwnProperty a="b"] m')
  expect(JSON.stringify(record?.structuredData)).toBe(
    '{"__proto__":{"__proto__":"x","constructor":"y"},"hasOwnProperty":{"a":"b"}}',
  )
  expect(({} as Record<string, unknown>).x).toBeUndefined()
})

it('bounds elements and parameters, and stays quick on long ones', () => {
  expect(decode(`<13>1 - - - - - ${'[a]'.repeat(65)}`)?.format).toBe('rfc3164')
  expect(decode(`<13>1 - - - - - [a${' b="c"'.repeat(257)}]`)?.format).toBe('rfc3164')
  const started = performance.now()
  for (const evil of ['\\', '"', '[', ' ', '\\"', ']', '[a b="', '<1>', ':', '\uFEFF']) {
    const long = evil.repeat(64 * 1024).slice(0, 64 * 1024)
    decode(`<13>1 - - - - - [a b="${long}`)
    decode(`<13>1 - - - - - [a b="${long}"] x`)
    decode(`<13>${long}`)
    decode(`<13>Nov 23 10:00:00 ${long}`)
    decode(long)
  }
  expect(performance.now() - started).toBeLessThan(2000)
})

it('never throws, and what it returns is a record that JSON can hold', () => {
  const pieces = fc.constantFrom(
    '<13>',
    '<191>',
    '1 ',
    '- ',
    '[',
    ']',
    '"',
    '\\',
    '=',
    ' ',
    'a',
    '2026-11-23T10:00:00Z',
    'Nov 23 10:00:00 ',
    'Feb 29 00:00:00',
    ':',
    '\0',
    '\n',
    '\uFEFF',
    'é',
    '\uD800',
    '__proto__',
  )
  const messages = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.array(pieces, { maxLength: 30 }).map((list) => Buffer.from(list.join(''))),
    fc.array(pieces, { maxLength: 20 }).map((list) => Buffer.from(`<13>1 - - - - - [${list.join('')}`)),
  )
  fc.assert(
    fc.property(messages, (message) => {
      const decoded = decodeSyslog(message, now)
      if (!decoded) return
      expect(Number.isFinite(decoded.epochMs)).toBe(true)
      expect(decoded.record.facility).toBeLessThan(24)
      expect(JSON.parse(JSON.stringify(decoded.record))).toEqual(decoded.record)
    }),
    { numRuns: 2000 },
  )
})

it('reads back what RFC 5424 lets one write', () => {
  const text = (max: number) => fc.stringMatching(new RegExp(`^[!-~]{1,${max}}$`)).filter((s) => s !== '-')
  const name = fc.stringMatching(/^[a-zA-Z0-9@._-]{1,32}$/)
  const value = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((s) => s.isWellFormed())
  const data = fc.dictionary(name, fc.dictionary(name, value, { maxKeys: 3, noNullPrototype: true }), {
    minKeys: 1,
    maxKeys: 3,
    noNullPrototype: true,
  })
  fc.assert(
    fc.property(
      fc.nat({ max: 191 }),
      text(255),
      text(48),
      data,
      (priority, hostname, appName, structuredData) => {
        const elements = Object.entries(structuredData).map(
          ([id, params]) =>
            `[${id}${Object.entries(params)
              .map(([k, v]) => ` ${k}="${v.replaceAll(/["\\\]]/g, '\\$&')}"`)
              .join('')}]`,
        )
        const message = `<${priority}>1 2026-11-23T11:59:59Z ${hostname} ${appName} - - ${elements.join('')} the message`
        expect(decode(message)).toEqual({
          time: '2026-11-23T11:59:59Z',
          facility: priority >> 3,
          severity: priority % 8,
          hostname,
          appName,
          structuredData,
          msg: 'the message',
          format: 'rfc5424',
        })
      },
    ),
  )
})
