import { expect, test } from 'vitest'
import { connection, ports } from '../../tests/conntrack.ts'
import { isStale } from './stale-nat.ts'

const OLD = '203.0.113.1'
const gone = new Set([OLD])
const UDP = 17

test.each([
  [
    'masqueraded behind it',
    ports('10.0.0.2', 5060, '192.0.2.7', 5060, UDP),
    ports('192.0.2.7', 5060, OLD, 5060, UDP),
    true,
  ],
  [
    'forwarded from it',
    ports('192.0.2.7', 51_820, OLD, 51_820, UDP),
    ports('10.0.0.2', 51_820, '192.0.2.7', 51_820, UDP),
    true,
  ],
  [
    'forwarded from it, from inside',
    ports('10.0.0.3', 4000, OLD, 80),
    ports('10.0.0.2', 80, '10.0.0.1', 4000),
    true,
  ],
  [
    'behind another address',
    ports('10.0.0.2', 5060, '192.0.2.7', 5060, UDP),
    ports('192.0.2.7', 5060, '203.0.113.2', 5060, UDP),
    false,
  ],
  [
    'to who has it now',
    ports('10.0.0.2', 5060, OLD, 5060, UDP),
    ports(OLD, 5060, '203.0.113.2', 5060, UDP),
    false,
  ],
  [
    'of the router itself',
    ports(OLD, 123, '192.0.2.7', 123, UDP),
    ports('192.0.2.7', 123, OLD, 123, UDP),
    false,
  ],
])('%s', (_, original, reply, stale) => {
  expect(isStale(connection({ original, reply }), gone)).toBe(stale)
  expect(isStale(connection({ original, reply }), new Set())).toBe(false)
})
