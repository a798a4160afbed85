import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contains, formatIp, type Ip, prefixOf } from '../../lib/ip.ts'
import { literal } from '../sql.ts'
import { addressMatch } from './filter.ts'
import { startDuckDb } from './start-duckdb.ts'

/** Addresses with many zeros, and near each other: of a prefix and just outside it. */
function ip(): fc.Arbitrary<Ip> {
  const group = (bits: bigint) =>
    fc.oneof(fc.constantFrom(0n, 1n, 10n, (1n << bits) - 1n), fc.bigInt(0n, (1n << bits) - 1n))
  const of = (version: 4 | 6, bits: bigint, count: number): fc.Arbitrary<Ip> =>
    fc
      .array(group(bits), { minLength: count, maxLength: count })
      .map((groups) => ({ version, value: groups.reduce((value, one) => (value << bits) | one, 0n) }))
  return fc.oneof(of(4, 8n, 4), of(6, 16n, 8))
}

test('an address is found in a prefix exactly when it lies in it', async () => {
  const instance = await startDuckDb()
  const connection = await instance.connect()
  const near = fc.tuple(ip(), fc.nat(128), ip(), fc.nat(127)).map(([base, length, other, bit]) => {
    const most = base.version === 4 ? 32 : 128
    const prefix = prefixOf(base, length % (most + 1))
    // Another address altogether, or one that differs in a bit.
    const flipped = { ...base, value: base.value ^ (1n << BigInt(bit % most)) }
    return { prefix, addresses: [base, flipped, other, { ...base, value: prefix.last }] }
  })
  await fc.assert(
    fc.asyncProperty(near, async ({ prefix, addresses }) => {
      const rows = addresses.map((address) => `(${literal(formatIp(address))})`)
      const match = addressMatch('address', { text: '', prefix, single: false })
      const reader = await connection.runAndReadAll(
        `SELECT ${match} FROM (VALUES ${rows.join(', ')}) v(address)`,
      )
      expect(reader.getRows().map(([found]) => found)).toEqual(
        addresses.map((address) => contains(prefix, address)),
      )
    }),
    { numRuns: 300 },
  )
  connection.closeSync()
  instance.closeSync()
})
