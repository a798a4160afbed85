import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseWanLease } from './wan-lease.ts'

const BYTES = [32, 1, 13, 184, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]

test('the time that is left, and what was delegated', () => {
  const status = {
    Addresses: [
      { ConfigSource: 'NDisc', ValidLifetimeUSec: 1 },
      { ConfigSource: 'DHCPv4', ValidLifetimeUSec: 3_700_400_000 },
    ],
    DHCPv6Client: { Prefixes: [{ Prefix: BYTES, PrefixLength: 56 }] },
  }
  expect(parseWanLease(JSON.stringify(status), 100)).toEqual({
    secondsLeft: 3600,
    delegated: ['2001:db8:100::/56'],
  })
  expect(parseWanLease('{}', 100)).toEqual({ delegated: [] })
})

test('property: any text is taken', () => {
  fc.assert(fc.property(fc.json(), (json) => Array.isArray(parseWanLease(json, 1).delegated)))
  fc.assert(fc.property(fc.string(), (text) => parseWanLease(text, 1).delegated.length === 0))
  for (const Prefix of [null, [1], [...BYTES.slice(1), 256], 'x'])
    expect(
      parseWanLease(JSON.stringify({ DHCPv6Client: { Prefixes: [{ Prefix, PrefixLength: 56 }] } }), 1)
        .delegated,
    ).toEqual([])
})
