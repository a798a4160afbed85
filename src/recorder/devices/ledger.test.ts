import { describe, expect, test } from 'vitest'
import { zeroCounts } from '../counters.ts'
import type { DeviceRecord } from '../records/device.ts'
import type { DhcpRecord } from '../records/dhcp.ts'
import type { ClientsFile } from './clients-file.ts'
import { DevicesLedger } from './ledger.ts'
import type { Neighbour } from './owners.ts'

const MINUTE = 60_000
const T = Date.UTC(2026, 10, 24, 12)
const LAPTOP = '02:00:5e:30:00:01'
const PHONE = '02:00:5e:30:00:02'

function bed() {
  const rows: DeviceRecord[] = []
  const events: DhcpRecord[] = []
  const counts = zeroCounts()
  const disk = { full: false }
  const sink = {
    device: (_: number, record: DeviceRecord) => !disk.full && rows.push(record) > 0,
    dhcp: (_: number, record: DhcpRecord) => !disk.full && events.push(record) > 0,
    flush: () => Promise.resolve(),
  }
  const ledger = new DevicesLedger({ sink, counts, vendorOf: () => 'Example' })
  return { rows, events, counts, disk, ledger }
}

function neighbour(macAddress: string, now: number): Neighbour {
  return { address: '10.0.0.130', network: 'home', macAddress, seen: now, since: 0 }
}

function clients(asOf: number, macAddress: string, cltt: number): ClientsFile {
  const lease = {
    address: '10.0.0.130',
    network: 'home',
    hostname: 'x',
    cltt: cltt / 1000,
    expires: cltt / 1000 + 600,
  }
  return { asOf, leases: [{ ...lease, macAddress }], reserved: new Map() }
}

describe('DevicesLedger', () => {
  test('an open interval is a record at once, each hour, and when the recorder stops', () => {
    const { ledger, rows, counts } = bed()
    for (let minute = 0; minute <= 130; minute++) {
      const now = T + minute * MINUTE
      ledger.take([neighbour(PHONE, now)], undefined, now)
    }
    expect(rows.map(({ until }) => (Date.parse(until) - T) / MINUTE)).toEqual([0, 60, 120])
    ledger.close()
    expect(rows).toHaveLength(4)
    ledger.close()
    expect(rows).toHaveLength(4)
    expect(new Set(rows.map(({ time }) => time))).toEqual(new Set([new Date(T).toISOString()]))
    expect(rows[3]).toMatchObject({ vendor: 'Example', lastSeen: new Date(T + 130 * MINUTE).toISOString() })
    expect(counts).toMatchObject({ received: 4, dropped: 0 })
  })

  test('what the disk has no room for is offered again; a lease event is counted as dropped', () => {
    const { ledger, rows, events, counts, disk } = bed()
    disk.full = true
    ledger.take([neighbour(PHONE, T)], undefined, T)
    ledger.take([neighbour(LAPTOP, T + MINUTE)], clients(T + MINUTE, LAPTOP, T + MINUTE), T + MINUTE)
    expect([rows.length, events.length]).toEqual([0, 0])
    disk.full = false
    ledger.take([neighbour(LAPTOP, T + 2 * MINUTE)], undefined, T + 2 * MINUTE)
    expect(rows.map(({ macAddress, open }) => [macAddress, open])).toEqual([
      [PHONE, false],
      [LAPTOP, true],
    ])
    expect(counts).toMatchObject({ received: 3, dropped: 1 })
  })

  test('while the agent is down no lease ends and none is believed for long', () => {
    const { ledger, events } = bed()
    const file = clients(T, PHONE, T)
    for (let minute = 0; minute <= 40; minute++) ledger.take([], file, T + minute * MINUTE)
    expect(events.map(({ event }) => event)).toEqual(['assigned'])
    expect(ledger.state().open.size).toBe(0)
    ledger.take([], { ...file, asOf: T + 41 * MINUTE, leases: [] }, T + 41 * MINUTE)
    expect(events.map(({ event, time }) => [event, time])).toEqual([
      ['assigned', new Date(T).toISOString()],
      ['expired', new Date(T + 10 * MINUTE).toISOString()],
    ])
  })

  test('clients that take leases by the thousand do not fill the disk', () => {
    const { ledger, events, counts } = bed()
    for (let i = 0; i < 5000; i++) {
      const mac = `02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`
      ledger.take([], clients(T + i, mac, T), T + i)
    }
    expect(events.length).toBeLessThan(1100)
    expect(counts.dropped).toBeGreaterThan(8000)
    expect(ledger.details().refused).toBeGreaterThan(3000)
  })
})
