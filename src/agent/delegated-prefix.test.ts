import fc from 'fast-check'
import { expect, test } from 'vitest'
import { delegatedPrefixes, rejected, toText } from './delegated-prefix.ts'

const PREFIX = '20010db8010000000000000000000000/56'
const BYTES = [0x20, 1, 0x0d, 0xb8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]

test("reads networkd's delegated prefixes, and nothing out of anything else", () => {
  const status = (prefixes: unknown) => JSON.stringify({ DHCPv6Client: { Prefixes: prefixes } })
  expect(delegatedPrefixes(status([{ Prefix: BYTES, PrefixLength: 56 }]))).toEqual([PREFIX])
  for (const bad of [
    null,
    1,
    [null],
    [{}],
    [{ Prefix: [1], PrefixLength: 56 }],
    [{ Prefix: BYTES, PrefixLength: 0 }],
  ])
    expect(delegatedPrefixes(status(bad))).toEqual([])
  expect(delegatedPrefixes('')).toEqual([])
  expect(delegatedPrefixes('null')).toEqual([])
  fc.assert(fc.property(fc.json(), (json) => delegatedPrefixes(json).length === 0))
})

test('reads the refusing routes of the kernel, with their metric', () => {
  const zero = '0'.repeat(32)
  const line = (destination: string, length: string, metric: string, flags: string) =>
    `${destination} ${length} ${zero} 00 ${zero} ${metric} 00000001 00000000 ${flags}       lo`
  const table = [
    line('20010db8010000000000000000000000', '38', '00001000', '00200200'),
    line('20010db8010000000000000000000000', '38', '00000400', '00200001'),
    line(zero, '00', 'ffffffff', '00200200'),
    'nonsense',
  ].join('\n')
  expect(rejected(table)).toEqual([{ prefix: PREFIX, metric: 4096 }])
})

test('writes a prefix as ip(8) takes it', () => {
  expect(toText(PREFIX)).toBe('2001:0db8:0100:0000:0000:0000:0000:0000/56')
})
