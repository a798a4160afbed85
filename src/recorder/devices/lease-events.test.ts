import { expect, test } from 'vitest'
import type { Lease } from './clients-file.ts'
import { leaseEvents } from './lease-events.ts'

const T = Date.UTC(2026, 10, 24, 12) / 1000
const PHONE = '02:00:5e:30:00:02'

function leases(...list: Partial<Lease>[]): Map<string, Lease> {
  const whole = list.map((one) => ({
    address: '10.0.0.130',
    macAddress: PHONE,
    network: 'home',
    cltt: T,
    expires: T + 600,
    ...one,
  }))
  return new Map(whole.map((one) => [one.address, one]))
}

function events(before: Map<string, Lease>, after: Map<string, Lease>, asOf = T + 300): string[] {
  return leaseEvents(before, after, asOf * 1000).map(
    ({ event, address, macAddress, time }) =>
      `${event} ${address} ${macAddress.slice(-2)} ${Date.parse(time) / 1000 - T}`,
  )
}

test('assigned, renewed, released and expired, each at its time', () => {
  expect(leaseEvents(leases(), leases({ hostname: 'phone' }), T * 1000)).toEqual([
    {
      time: '2026-11-24T12:00:00.000Z',
      event: 'assigned',
      network: 'home',
      address: '10.0.0.130',
      macAddress: PHONE,
      hostname: 'phone',
      leaseSeconds: 600,
    },
  ])
  expect(events(new Map(), leases({}))).toEqual(['assigned 10.0.0.130 02 0'])
  expect(events(leases({}), leases({}))).toEqual([])
  expect(events(leases({}), leases({ cltt: T + 200 }))).toEqual(['renewed 10.0.0.130 02 200'])
  expect(events(leases({}), new Map())).toEqual(['released 10.0.0.130 02 300'])
  expect(events(leases({}), new Map(), T + 601)).toEqual(['expired 10.0.0.130 02 600'])
})

test('an address that moves is released and assigned', () => {
  const after = leases({ macAddress: '02:00:5e:30:00:01', cltt: T + 250 })
  expect(events(leases({}), after)).toEqual(['released 10.0.0.130 02 300', 'assigned 10.0.0.130 01 250'])
})

test('an endless lease has no length and can only be released', () => {
  const { expires: _, ...endless } = [...leases({}).values()][0] as Lease
  const map = new Map([[endless.address, endless]])
  expect(leaseEvents(new Map(), map, T * 1000)[0]).not.toHaveProperty('leaseSeconds')
  expect(events(map, new Map(), T + 1e6)).toEqual([`released 10.0.0.130 02 ${1e6}`])
})
