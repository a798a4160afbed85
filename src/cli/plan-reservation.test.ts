import { expect, it } from 'vitest'
import type { ListedLease } from '../status/listed-leases.ts'
import { planReservation } from './plan-reservation.ts'

const NETWORKS = [
  {
    name: 'home',
    prefix: '10.0.0.0/24',
    reservations: [{ name: 'nas', mac: '02:00:5e:10:00:08', address: '10.0.0.200' }],
  },
]
const base = { network: 'home', state: 'in use', asked: '', ends: null, reserved: false } as const
const LEASES: readonly ListedLease[] = [
  { ...base, address: '10.0.0.130', name: 'Laptop.home.arpa', mac: '02:00:5e:10:00:01' },
  { ...base, address: '10.0.0.131', name: 'laptop', mac: '02:00:5e:10:00:01', state: 'over' },
  { ...base, address: '10.0.0.132', name: 'tv', mac: '02:00:5e:10:00:02' },
  { ...base, address: '10.0.0.133', name: 'tv', mac: '02:00:5e:10:00:03' },
  { ...base, address: '10.0.0.134', name: 'my phone', mac: '02:00:5e:10:00:04' },
  { ...base, address: '10.0.0.135', name: '', clientId: '01:02' },
  { ...base, address: '10.0.0.136', name: 'nas', mac: '02:00:5e:10:00:08' },
]
const plan = (who: string, wishes: object = {}) => planReservation(who, wishes, NETWORKS, LEASES)

it.each(['10.0.0.130', '02:00:5E:10:00:01', 'LAPTOP'])('knows a device by %s', (who) => {
  expect(plan(who)).toEqual({
    network: 'home',
    reservation: { name: 'laptop', mac: '02:00:5e:10:00:01', address: '10.0.0.130' },
  })
})

it('takes another address and another name, also for a device that was never here', () => {
  expect(plan('10.0.0.134', { name: 'phone', address: '10.0.0.20' }).reservation).toEqual({
    name: 'phone',
    mac: '02:00:5e:10:00:04',
    address: '10.0.0.20',
  })
  expect(plan('02:00:5e:10:00:77', { name: 'new', address: '10.0.0.21' }).reservation.mac).toBe(
    '02:00:5e:10:00:77',
  )
})

it('changes the reservation that a device has', () => {
  const before = NETWORKS[0]?.reservations[0]
  expect(plan('nas', { address: '10.0.0.201' })).toEqual({
    network: 'home',
    reservation: { ...before, address: '10.0.0.201' },
    before,
  })
  // Its lease is of before the reservation, which stays where it is.
  expect(plan('10.0.0.136', { name: 'store' }).reservation).toEqual({ ...before, name: 'store' })
})

it.each([
  ['nobody', {}, 'nobody has a lease by "nobody"'],
  ['tv', {}, '10.0.0.132 (02:00:5e:10:00:02) or 10.0.0.133'],
  ['10.0.0.134', {}, 'no name that a reservation can have'],
  ['10.0.0.130', { name: 'a b' }, '--name: "a b" is none'],
  ['10.0.0.135', {}, 'has no MAC address'],
  ['nas', {}, 'has the reservation "nas", 10.0.0.200'],
  ['02:00:5e:10:00:77', {}, 'no address to keep'],
  ['laptop', { address: '192.0.2.1' }, 'in none of our networks'],
  ['laptop', { address: '10.0.0.130\n' }, 'in none of our networks'],
] as const)('refuses %s with %j', (who, wishes, message) => {
  expect(() => plan(who, wishes)).toThrow(message)
})
