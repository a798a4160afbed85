import { describe, expect, it } from 'vitest'
import { connection, ports } from '../../../tests/conntrack.ts'
import { holdersOf, openConnection } from './connections.ts'

const LAPTOP = '02:00:5e:10:00:01'
const COUNTS = { originalPackets: 2, originalBytes: 100, replyPackets: 3, replyBytes: 5000 }

const holders = holdersOf(
  [{ prefix: '10.0.0.0/24' }],
  {
    leases: [
      { address: '10.0.0.130', macAddress: LAPTOP, network: 'home', name: 'said-so', cltt: 1, expires: 2 },
      { address: '10.0.0.131', macAddress: '02:00:5e:10:00:02', network: 'home', name: 'phone', cltt: 1 },
    ],
    reservations: [{ network: 'home', macAddress: LAPTOP, name: 'laptop', address: '10.0.0.130' }],
  },
  [
    { address: '2001:db8:100::5', macAddress: LAPTOP },
    { address: '10.0.0.77', macAddress: '02:00:5e:10:00:77' },
    { address: '198.51.100.1', macAddress: '02:00:5e:20:00:ff' },
  ],
)

describe('a connection is told from the side of the device', () => {
  it('that opened it', () => {
    const one = connection({
      original: ports('10.0.0.130', 50_000, '203.0.113.80', 443),
      reply: ports('203.0.113.80', 443, '198.51.100.10', 50_000),
      counts: COUNTS,
      tcpState: 'ESTABLISHED',
      startMicros: 1_790_000_000_123_456,
    })
    expect(openConnection(one, holders)).toEqual({
      deviceId: LAPTOP,
      device: 'laptop',
      protocol: 'tcp',
      source: '10.0.0.130',
      sourcePort: 50_000,
      destination: '203.0.113.80',
      destinationPort: 443,
      state: 'ESTABLISHED',
      startMs: 1_790_000_000_123,
      down: 5000,
      up: 100,
    })
  })

  it('that a port forward leads to', () => {
    const one = connection({
      original: ports('203.0.113.9', 40_000, '198.51.100.10', 8080),
      reply: ports('10.0.0.131', 80, '203.0.113.9', 40_000),
      counts: COUNTS,
    })
    expect(openConnection(one, holders)).toMatchObject({
      device: 'phone',
      source: '203.0.113.9',
      destination: '10.0.0.131',
      destinationPort: 80,
      down: 100,
      up: 5000,
    })
  })

  it('by IPv6, and one that has no lease and no name', () => {
    const six = connection({
      original: ports('2001:db8:100::5', 50_000, '2001:db8:80::80', 443),
      reply: ports('2001:db8:80::80', 443, '2001:db8:100::5', 50_000),
    })
    expect(openConnection(six, holders)).toMatchObject({ deviceId: LAPTOP, device: 'laptop' })
    const unnamed = connection({ original: ports('10.0.0.77', 1, '203.0.113.80', 2) })
    expect(openConnection(unnamed, holders)).toMatchObject({ deviceId: '02:00:5e:10:00:77' })
    expect(openConnection(unnamed, holders)).not.toHaveProperty('device')
  })
})

it("is the router's own without a device, and none of the loopback", () => {
  const own = connection({
    original: ports('198.51.100.10', 50_000, '198.51.100.1', 53),
    reply: ports('198.51.100.1', 53, '198.51.100.10', 50_000),
  })
  expect(openConnection(own, holders)).not.toHaveProperty('deviceId')
  expect(
    openConnection(connection({ original: ports('127.0.0.1', 1, '127.0.0.1', 2) }), holders),
  ).toBeUndefined()
})
