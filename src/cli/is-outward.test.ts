import { expect, it } from 'vitest'
import { connection, ports } from '../../tests/conntrack.ts'
import { isOutward } from './is-outward.ts'

const OWN = new Set(['10.0.0.130', '2001:db8:100::5'])
const NEAR = {
  router: new Set(['10.0.0.1', '198.51.100.10', '2001:db8:100::1']),
  networks: [{ name: 'home', prefix: '10.0.0.0/24', reservations: [] }],
  neighbours: [{ address: '10.0.1.5' }, { address: '2001:db8:100::6' }],
}
const through = (source: string, destination: string, nat = { source, destination }): boolean =>
  isOutward(
    connection({
      original: ports(source, 1, destination, 2),
      reply: ports(nat.destination, 2, nat.source, 1),
    }),
    OWN,
    NEAR,
  )

it.each([
  [
    'to a server, masqueraded',
    '10.0.0.130',
    '203.0.113.80',
    { source: '198.51.100.10', destination: '203.0.113.80' },
  ],
  ['to a server by IPv6', '2001:db8:100::5', '2001:db8:80::80', undefined],
  [
    'through a port forward',
    '203.0.113.9',
    '198.51.100.10',
    { source: '203.0.113.9', destination: '10.0.0.130' },
  ],
] as const)('is cut: %s', (_, source, destination, nat) => {
  expect(through(source, destination, nat)).toBe(true)
})

it.each([
  ['of another device', '10.0.0.131', '203.0.113.80', undefined],
  ['to the router', '10.0.0.130', '10.0.0.1', undefined],
  ["to a container's port", '10.0.0.130', '10.0.0.1', { source: '10.0.0.130', destination: '172.30.0.2' }],
  ['within the network', '10.0.0.130', '10.0.0.131', undefined],
  ['to a neighbour by IPv6', '2001:db8:100::5', '2001:db8:100::6', undefined],
  ['from another network', '10.0.1.5', '10.0.0.130', undefined],
] as const)('goes on: %s', (_, source, destination, nat) => {
  expect(through(source, destination, nat)).toBe(false)
})
