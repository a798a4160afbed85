import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { diffNames, NAME_TTL_SECS, nameRecords } from './diff-names.ts'
import type { LocalRecord } from './local-data.ts'

const ttl = NAME_TTL_SECS

describe('nameRecords', () => {
  test('gives both directions', () => {
    expect(nameRecords(new Map([['phone', '10.0.0.130']]), 'home.arpa')).toEqual([
      { name: 'phone.home.arpa.', ttl, type: 'A', data: '10.0.0.130' },
      { name: '130.0.0.10.in-addr.arpa.', ttl, type: 'PTR', data: 'phone.home.arpa.' },
    ])
  })
})

describe('diffNames', () => {
  const phone = nameRecords(new Map([['phone', '10.0.0.130']]), 'home.arpa')

  test('nothing to do is nothing', () => {
    expect(diffNames(phone, phone)).toEqual({ remove: [], add: [] })
    expect(diffNames([], [])).toEqual({ remove: [], add: [] })
  })

  test('a moved name is removed before it is added', () => {
    const moved = nameRecords(new Map([['phone', '10.0.0.131']]), 'home.arpa')
    expect(diffNames(phone, moved)).toEqual({
      remove: ['phone.home.arpa.', '130.0.0.10.in-addr.arpa.'],
      add: moved,
    })
  })

  test('a half that is missing is added alone', () => {
    expect(diffNames(phone.slice(0, 1), phone)).toEqual({ remove: [], add: phone.slice(1) })
  })

  const records: fc.Arbitrary<LocalRecord[]> = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('a.home.arpa.', 'b.home.arpa.', '1.0.0.10.in-addr.arpa.'),
      ttl: fc.constantFrom(60, 300),
      type: fc.constantFrom('A', 'PTR'),
      data: fc.constantFrom('10.0.0.1', '10.0.0.2', 'a.home.arpa.'),
    }),
    { selector: (r) => JSON.stringify(r) },
  )

  test('property: what it says, done the way unbound does it, gives what is wanted', () => {
    fc.assert(
      fc.property(records, records, (current, desired) => {
        const { remove, add } = diffNames(current, desired)
        const left = current.filter((record) => !remove.includes(record.name))
        const sorted = (list: readonly LocalRecord[]) => list.map((r) => JSON.stringify(r)).sort()
        expect(sorted([...left, ...add])).toEqual(sorted(desired))
      }),
    )
  })
})
