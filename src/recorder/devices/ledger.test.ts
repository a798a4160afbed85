import { describe, expect, test } from 'vitest'
import { zeroCounts } from '../counters.ts'
import type { DeviceRecord } from '../records/device.ts'
import type { DhcpRecord } from '../records/dhcp.ts'
import type { EventRecord } from '../records/event.ts'
import type { ClientsFile } from './clients-file.ts'
import { DevicesLedger } from './ledger.ts'
import type { Neighbour } from './owners.ts'
import { type DevicesState, parseState, serialiseState } from './state.ts'

const MINUTE = 60_000
const T = Date.UTC(2026, 10, 24, 12)
const LAPTOP = '02:00:5e:30:00:01'
const PHONE = '02:00:5e:30:00:02'

function bed(state?: DevicesState) {
  const rows: DeviceRecord[] = []
  const events: DhcpRecord[] = []
  const told: EventRecord[] = []
  const counts = zeroCounts()
  const disk = { full: false }
  const sink = {
    device: (_: number, record: DeviceRecord) => !disk.full && rows.push(record) > 0,
    dhcp: (_: number, record: DhcpRecord) => !disk.full && events.push(record) > 0,
    event: (_: number, record: EventRecord) => !disk.full && told.push(record) > 0,
    flush: () => Promise.resolve(),
  }
  const ledger = new DevicesLedger({ sink, counts, vendorOf: () => 'Example' }, state)
  return { rows, events, told, counts, disk, ledger }
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
    // The event of the new device among them.
    expect(counts).toMatchObject({ received: 5, dropped: 0 })
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
    // The lease, and the two new devices.
    expect(counts).toMatchObject({ received: 5, dropped: 3 })
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

  test('a device is new once in each network, also after a restart', () => {
    const first = bed()
    const mac = '00:00:5e:30:00:03'
    const seen = (network: string, now: number, address = '10.0.0.131'): Neighbour => ({
      ...neighbour(mac, now),
      network,
      address,
    })
    const file = { ...clients(T, PHONE, T), reserved: new Map([[PHONE, 'phone']]) }
    first.ledger.take([neighbour(PHONE, T), seen('home', T), seen('home', T, 'fd00::3')], file, T)
    expect(first.told).toEqual([
      {
        time: new Date(T).toISOString(),
        tag: 'device.new',
        senderAddress: '10.0.0.130',
        record: { macAddress: PHONE, network: 'home', device: 'phone', vendor: 'Example', randomMac: true },
      },
      {
        time: new Date(T).toISOString(),
        tag: 'device.new',
        senderAddress: '10.0.0.131',
        record: { macAddress: mac, network: 'home', vendor: 'Example', randomMac: false },
      },
    ])
    expect(first.ledger.arrived).toBe(2)
    const restarted = (ledger: DevicesLedger): DevicesState => parseState(serialiseState(ledger.state()))
    const second = bed(restarted(first.ledger))
    const day = T + 24 * 60 * MINUTE
    second.ledger.take([neighbour(PHONE, day), seen('guest', day), seen('lab', day)], undefined, day)
    expect(second.told.map(({ record }) => [record.macAddress, record.network])).toEqual([
      [mac, 'guest'],
      [mac, 'lab'],
    ])
    const third = bed(restarted(second.ledger))
    third.ledger.take([seen('home', day), seen('guest', day), seen('lab', day)], undefined, day)
    expect(third.told).toEqual([])
  })

  test('made up MAC addresses by the thousand are no thousand events', () => {
    const { ledger, told, counts } = bed()
    for (let i = 0; i < 5000; i++) {
      const mac = `02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`
      ledger.take([{ ...neighbour(mac, T + i), network: `net${i % 10}` }], undefined, T + i)
    }
    expect(told.length).toBeLessThan(600)
    expect(counts.dropped).toBeGreaterThan(4000)
  })
})
