import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { desiredNames, type NamesInput } from './desired-names.ts'
import type { Lease } from './lease.ts'

const NOW = 1_700_000_000

function lease(address: string, hostname: string, changes: Partial<Lease> = {}): Lease {
  return { address, hostname, client: `mac-${address}`, cltt: NOW - 100, expires: NOW + 100, ...changes }
}

function names(leases: readonly Lease[], changes: Partial<NamesInput> = {}) {
  return desiredNames({
    leases,
    hostname: 'gate',
    reserved: new Set(['printer']),
    reservedAddresses: new Set(['10.0.0.1', '10.0.0.7']),
    ours: (address) => address.startsWith('10.0.0.'),
    holders: new Map(),
    now: NOW,
    ...changes,
  })
}

function addresses(leases: readonly Lease[], changes: Partial<NamesInput> = {}): Record<string, string> {
  return Object.fromEntries(names(leases, changes).addresses)
}

describe('desiredNames', () => {
  test('a live lease with a usable name has it', () => {
    expect(addresses([lease('10.0.0.130', 'Phone.lan.example.org')])).toEqual({ phone: '10.0.0.130' })
  })

  test('the end of a lease is the end of its name', () => {
    const one = [lease('10.0.0.130', 'phone', { expires: NOW + 5 })]
    expect(names(one).nextExpiry).toBe(NOW + 5)
    expect(addresses(one, { now: NOW + 4.9 })).toEqual({ phone: '10.0.0.130' })
    expect(addresses(one, { now: NOW + 5 })).toEqual({})
  })

  test('an infinite lease never ends', () => {
    const one = [lease('10.0.0.130', 'phone', { expires: Number.POSITIVE_INFINITY })]
    expect(names(one, { now: 1e12 }).nextExpiry).toBe(Number.POSITIVE_INFINITY)
    expect(addresses(one, { now: 1e12 })).toEqual({ phone: '10.0.0.130' })
  })

  test.each([
    'gate',
    'GATE',
    'printer',
    'wpad',
    'WPAD.evil.example.org',
    'localhost',
    'isatap',
    '',
    '-',
    '12345',
    'a\nb',
    `${'a'.repeat(64)}`,
    '\ufffd\ufffd',
  ])('%j is nobody’s', (hostname) => {
    expect(addresses([lease('10.0.0.130', hostname)])).toEqual({})
  })

  test('a lease outside our networks or on a reserved address adds nothing', () => {
    expect(addresses([lease('192.0.2.5', 'phone'), lease('10.0.0.7', 'scanner')])).toEqual({})
  })

  test('a free name goes to the earliest transaction, then the lowest address', () => {
    const early = lease('10.0.0.200', 'phone', { cltt: NOW - 300 })
    const late = lease('10.0.0.130', 'phone', { cltt: NOW - 200 })
    expect(addresses([late, early])).toEqual({ phone: '10.0.0.200' })
    const twins = [lease('10.0.0.131', 'phone'), lease('10.0.0.14', 'phone')]
    expect(addresses(twins)).toEqual({ phone: '10.0.0.14' })
  })

  test('who had the name keeps it through renewals, and loses it with the lease', () => {
    const first = lease('10.0.0.130', 'phone', { cltt: NOW - 50 })
    const second = lease('10.0.0.131', 'phone', { cltt: NOW - 90 })
    const holders = new Map([['phone', first.client]])
    expect(addresses([first, second], { holders })).toEqual({ phone: '10.0.0.130' })
    expect(addresses([{ ...first, expires: NOW }, second], { holders })).toEqual({ phone: '10.0.0.131' })
    expect(addresses([{ ...first, hostname: 'handset' }, second], { holders })).toEqual({
      handset: '10.0.0.130',
      phone: '10.0.0.131',
    })
  })

  test('a client that moved is found at its latest lease', () => {
    const old = lease('10.0.0.130', 'phone', { client: 'c', cltt: NOW - 90 })
    const moved = lease('10.0.0.140', 'phone', { client: 'c', cltt: NOW - 10 })
    expect(addresses([moved, old])).toEqual({ phone: '10.0.0.140' })
  })

  const anyLease: fc.Arbitrary<Lease> = fc.record({
    address: fc.integer({ min: 1, max: 30 }).map((n) => `10.0.0.${n}`),
    hostname: fc.oneof(
      fc.constantFrom('phone', 'tv', 'gate', 'printer', 'wpad', 'Phone.example.org', 'x y', ''),
      fc.string({ unit: 'binary', maxLength: 300 }),
    ),
    client: fc.constantFrom('a', 'b', 'c', 'd'),
    cltt: fc.integer({ min: NOW - 5, max: NOW }),
    expires: fc.integer({ min: NOW - 2, max: NOW + 5 }),
  })

  test('property: safe labels, live leases, one name an address, whatever clients send', () => {
    fc.assert(
      fc.property(fc.array(anyLease, { maxLength: 40 }), (leases) => {
        const { addresses, holders } = names(leases)
        expect(new Set(addresses.values()).size).toBe(addresses.size)
        for (const [label, address] of addresses) {
          expect(label).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
          expect(['gate', 'printer', 'wpad', 'localhost', 'isatap']).not.toContain(label)
          expect(['10.0.0.1', '10.0.0.7']).not.toContain(address)
          expect(
            leases.some((l) => l.address === address && l.expires > NOW && l.client === holders.get(label)),
          ).toBe(true)
        }
      }),
    )
  })

  test('property: the order of the leases does not matter', () => {
    const shuffled = fc
      .array(anyLease, { maxLength: 20 })
      .chain((leases) =>
        fc.tuple(
          fc.constant(leases),
          fc.shuffledSubarray(leases, { minLength: leases.length, maxLength: leases.length }),
        ),
      )
    fc.assert(
      fc.property(shuffled, ([leases, other]) => {
        // One address has one lease; of two, which is true is another test's matter.
        const unique = [...new Map(leases.map((l) => [l.address, l])).values()]
        const reordered = other.filter((l) => unique.includes(l))
        expect(addresses(reordered)).toEqual(addresses(unique))
      }),
    )
  })

  test('property: asked again with its own answer, it gives the same one; a newcomer takes nothing', () => {
    fc.assert(
      fc.property(fc.array(anyLease, { maxLength: 20 }), anyLease, (leases, extra) => {
        const before = names(leases)
        const again = names(leases, { holders: before.holders })
        expect(again.addresses).toEqual(before.addresses)
        const newcomer = { ...extra, client: 'new', address: '10.0.0.99', cltt: NOW - 1000 }
        const after = names([...leases, newcomer], { holders: before.holders })
        for (const [label, address] of before.addresses) expect(after.addresses.get(label)).toBe(address)
      }),
    )
  })
})
