import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { repairLine } from './repair.ts'

describe('a line that fits', () => {
  it.each([
    '{"time":"2026-11-23T01:02:03Z","octetDeltaCount":18446744073709551615}',
    '{"time":"2026-11-23T01:02:03.123456789Z","elements":{"id":12345678901234567890, "x":[1.50]}}',
    '{"protocolIdentifier":255,"tcpControlBits":null,"more":1}',
  ])('stays as it is: %s', (line) => {
    expect(repairLine('netflow', line, false)).toEqual({ line, lossy: false })
  })
})

describe('a value that does not fit', () => {
  it.each([
    ['{"protocolIdentifier":256,"exporterAddress":"x"}', '{"exporterAddress":"x"}'],
    ['{"protocolIdentifier":1.5}', '{}'],
    ['{"protocolIdentifier":-1}', '{}'],
    ['{"exporterAddress":{"a":1}}', '{}'],
    ['{"time":"2026-02-30T00:00:00Z"}', '{}'],
    ['{"time":"2026-11-23T01:02:03+09:00"}', '{}'],
    ['{"time":1763859723}', '{}'],
  ])('%s becomes %s', (line, repaired) => {
    expect(repairLine('netflow', line, false)).toEqual({ line: repaired, lossy: true })
  })

  it('may be in a list', () => {
    const line = '{"queryName":"a.","answers":[{"name":"a.","ttl":-1}]}'
    expect(repairLine('dns', line, false)).toEqual({ line: '{"queryName":"a."}', lossy: true })
  })
})

it('gives up what is no object', () => {
  for (const line of ['', 'x', '[]', '"a"', 'null', '{"a":1', `${'['.repeat(200_000)}`]) {
    expect(repairLine('syslog', line, false)).toEqual({ line: undefined, lossy: true })
  }
})

it('replaces halves of surrogate pairs, and only them', () => {
  const line = String.raw`{"msg":"\ud83d\ude00 \ud800 \\ud800 \u0041","structuredData":{"\udfff":1}}`
  expect(JSON.parse(repairLine('syslog', line, false).line ?? '')).toEqual({
    msg: '\ud83d\ude00 \ufffd \\ud800 A',
    structuredData: { '\ufffd': 1 },
  })
})

it('leaves one of a key that is there twice, when asked to write anew', () => {
  const line = '{"msg":"one","msg":"two"}'
  expect(repairLine('syslog', line, false).line).toBe(line)
  expect(repairLine('syslog', line, true).line).toBe('{"msg":"two"}')
})

it('always gives JSON that is well formed', () => {
  const value = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue())
  fc.assert(
    fc.property(value, fc.boolean(), (record, rewrite) => {
      const { line } = repairLine('syslog', JSON.stringify(record), rewrite)
      expect(JSON.parse(line ?? '')).toBeTypeOf('object')
      expect(line?.isWellFormed()).toBe(true)
      expect(/(?<!\\)(?:\\\\)*\\ud[89a-f]/i.test(line ?? '')).toBe(false)
    }),
  )
})
