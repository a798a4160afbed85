import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseClientsFile } from './clients-file.ts'

const LEASE = {
  address: '10.0.0.130',
  macAddress: '02:00:5e:30:00:02',
  network: 'home',
  hostname: 'Phone',
  name: 'phone',
  cltt: 1000,
  expires: 1600,
}
const FILE = {
  version: 1,
  asOf: 1_000_000,
  leases: [LEASE],
  reservations: [{ network: 'home', macAddress: '02:00:5e:10:00:08', name: 'nas', address: '10.0.0.200' }],
}

test('what the agent writes is read', () => {
  expect(parseClientsFile(JSON.stringify(FILE))).toEqual({
    asOf: 1_000_000,
    leases: [LEASE],
    reserved: new Map([['02:00:5e:10:00:08', 'nas']]),
  })
})

test.each([
  { version: 2 },
  { asOf: 'now' },
  { leases: {} },
  { leases: [{ ...LEASE, macAddress: 'x' }] },
  { leases: [{ ...LEASE, cltt: -1 }] },
  { leases: [{ ...LEASE, address: 'x'.repeat(65) }] },
  { leases: Array.from({ length: 20_001 }, () => LEASE) },
  { reservations: [{ name: 'nas' }] },
])('refuses another file %#', (change) => {
  expect(() => parseClientsFile(JSON.stringify({ ...FILE, ...change }))).toThrow()
})

test('any text is a file or an error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string({ unit: 'binary' })), (text) => {
      expect(() => parseClientsFile(text)).toThrow(Error)
    }),
  )
})
