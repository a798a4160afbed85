import { expect, test } from 'vitest'
import type { ClientsFile, Lease } from './clients-file.ts'
import { type Neighbour, ownersOf } from './owners.ts'

const MINUTE = 60_000
const T = Date.UTC(2026, 10, 24, 12)
const LAPTOP = '02:00:5e:30:00:01'
const PHONE = '02:00:5e:30:00:02'
const ADDRESS = '10.0.0.130'

function lease(macAddress: string, ago: number, more: Partial<Lease> = {}): Lease {
  const cltt = (T - ago) / 1000
  return { address: ADDRESS, macAddress, network: 'home', cltt, expires: cltt + 3600, ...more }
}

function clients(...leases: Lease[]): ClientsFile {
  return { asOf: T - 1000, leases, reserved: new Map() }
}

function neighbour(macAddress: string, ago: number, since = 0, address = ADDRESS): Neighbour {
  return { address, network: 'home', macAddress, seen: T - ago, since }
}

function macAt(neighbours: Neighbour[], file?: ClientsFile): string | undefined {
  return ownersOf(neighbours, file, T).get(`home ${ADDRESS}`)?.macAddress
}

test('a lease and a neighbour agree: the address is known until now, with the name', () => {
  const file = clients(lease(PHONE, 20 * MINUTE, { name: 'phone' }))
  expect(ownersOf([neighbour(PHONE, MINUTE)], file, T).get(`home ${ADDRESS}`)).toMatchObject({
    macAddress: PHONE,
    device: 'phone',
    at: T,
    seen: T - MINUTE,
    leased: true,
  })
})

test('the latest sign decides: a stale neighbour yields to a new lease, an old lease to a live neighbour', () => {
  expect(macAt([neighbour(LAPTOP, 5 * MINUTE)], clients(lease(PHONE, MINUTE)))).toBe(PHONE)
  expect(macAt([neighbour(LAPTOP, 1000)], clients(lease(PHONE, MINUTE)))).toBe(LAPTOP)
  // A MAC address that just changed is not confirmed yet.
  expect(macAt([neighbour(LAPTOP, 5 * MINUTE, T)], clients(lease(PHONE, MINUTE)))).toBe(LAPTOP)
})

test('what is over does not count: an ended lease, an old word of the server, a neighbour silent for an hour', () => {
  expect(macAt([], clients(lease(PHONE, MINUTE, { expires: T / 1000 - 2 })))).toBeUndefined()
  expect(macAt([], { ...clients(lease(PHONE, MINUTE)), asOf: T - 6 * MINUTE })).toBeUndefined()
  expect(macAt([neighbour(PHONE, 61 * MINUTE)])).toBeUndefined()
  expect(macAt([neighbour(PHONE, 59 * MINUTE)])).toBe(PHONE)
})

test('a lease alone is known until the server last said so', () => {
  expect(ownersOf([], clients(lease(PHONE, MINUTE)), T).get(`home ${ADDRESS}`)?.at).toBe(T - 1000)
})

test("every address of a device has its name, and router.yaml's comes before its own", () => {
  const file = {
    ...clients(lease(PHONE, MINUTE, { name: 'android' })),
    reserved: new Map([[PHONE, 'phone']]),
  }
  const owners = ownersOf([neighbour(PHONE, 0, 0, '2001:db8::1')], file, T)
  expect([...owners.values()].map(({ address, device }) => [address, device])).toEqual([
    [ADDRESS, 'phone'],
    ['2001:db8::1', 'phone'],
  ])
})
