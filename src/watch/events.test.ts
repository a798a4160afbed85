import { describe, expect, test } from 'vitest'
import type { EventRecord } from '../recorder/records/event.ts'
import { type DnsView, type FlowView, WatchEvents } from './events.ts'

const T = Date.UTC(2026, 10, 24, 12)
const MINUTE = 60_000
const HOUR = 60 * MINUTE

function bed() {
  const told: EventRecord[] = []
  const events = new WatchEvents({
    emit: (epochMs, line) => {
      const event = JSON.parse(line) as EventRecord
      expect(line).not.toContain('\n')
      expect(Date.parse(event.time)).toBe(epochMs)
      told.push(event)
    },
    isOwnClient: (address) => address.startsWith('10.0.0.') || address.startsWith('fd00:'),
    isKnown: (address) => address === '192.0.2.1',
  })
  const dns = (timeMs: number, more: Partial<DnsView> = {}): void =>
    events.dns({
      timeMs,
      client: '10.0.0.7',
      server: '192.0.2.53',
      local: false,
      name: 'www.example.org',
      status: 'answered',
      ...more,
    })
  const flow = (timeMs: number, more: Partial<FlowView> = {}): void =>
    events.flow({
      timeMs,
      client: '10.0.0.7',
      destination: '192.0.2.80',
      port: 443,
      protocol: 6,
      status: 'none',
      destinationZone: 'wan',
      ...more,
    })
  return { told, events, dns, flow }
}

describe('dns.bypass', () => {
  test('a client that asks another resolver', () => {
    const { told, dns } = bed()
    dns(T)
    expect(told).toEqual([
      {
        time: new Date(T).toISOString(),
        tag: 'dns.bypass',
        senderAddress: '10.0.0.7',
        record: { serverAddress: '192.0.2.53', queryName: 'www.example.org', status: 'answered' },
      },
    ])
  })

  test.each<[string, Partial<DnsView>]>([
    ['the router was asked', { local: true }],
    ['nobody knows who was asked', { local: undefined }],
    ['the router asked', { client: '203.0.113.2' }],
    ['a response came without a question', { status: 'unasked' }],
    ['DHCP handed the server out', { server: '192.0.2.1' }],
  ])('not when %s', (_, more) => {
    const { told, dns } = bed()
    dns(T, more)
    expect(told).toEqual([])
  })

  test('is told once an hour for a client and a server, with what was held back', () => {
    const { told, events, dns } = bed()
    const records = (): unknown[] => told.splice(0).map(({ record: { heldBack } }) => heldBack)
    for (let minute = 0; minute < 60; minute++) dns(T + minute * MINUTE)
    dns(T + MINUTE, { server: '192.0.2.54' })
    dns(T + MINUTE, { client: 'fd00::7' })
    expect(records()).toEqual([undefined, undefined, undefined])
    dns(T + HOUR)
    expect(records()).toEqual([59])
    dns(T + HOUR + MINUTE)
    events.tick(T + 2 * HOUR - 1)
    expect(records()).toEqual([])
    // Nothing more comes: it is told all the same, and begins an hour.
    events.tick(T + 2 * HOUR)
    expect(told[0]?.time).toBe(new Date(T + HOUR + MINUTE).toISOString())
    expect(records()).toEqual([1])
    dns(T + 2 * HOUR + MINUTE)
    events.tick(T + 3 * HOUR - 1)
    expect(records()).toEqual([])
    events.end()
    expect(records()).toEqual([1])
    events.end()
    expect(records()).toEqual([])
  })

  test('goes on when the clock is set back', () => {
    const { told, dns } = bed()
    dns(T)
    dns(T - 3 * HOUR)
    dns(T - 3 * HOUR + MINUTE)
    expect(told).toHaveLength(2)
  })

  test('what a question holds stays within its line', () => {
    const { told, dns } = bed()
    dns(T, { name: 'a"\n\u2028\u001b[2J.example.org' })
    expect(told[0]?.record.queryName).toBe('a"\n\u2028\u001b[2J.example.org')
  })
})

describe('egress.unresolved', () => {
  test('a client that connects to an address nobody gave it', () => {
    const { told, flow } = bed()
    flow(T)
    flow(T + MINUTE, { port: 80 })
    flow(T + MINUTE, {
      client: 'fd00::7',
      destination: '2001:db8::80',
      protocol: 17,
      destinationZone: undefined,
    })
    expect(told.map(({ tag, senderAddress, record }) => [tag, senderAddress, record])).toEqual([
      [
        'egress.unresolved',
        '10.0.0.7',
        { destinationAddress: '192.0.2.80', destinationTransportPort: 443, protocolIdentifier: 6 },
      ],
      [
        'egress.unresolved',
        'fd00::7',
        { destinationAddress: '2001:db8::80', destinationTransportPort: 443, protocolIdentifier: 17 },
      ],
    ])
  })

  test.each<[string, Partial<FlowView>]>([
    ['it had asked', { status: 'asked' }],
    ['it had asked long ago', { status: 'expired' }],
    ['it is within the own networks', { status: 'local' }],
    ['the join did not look', { status: undefined }],
    ['it goes to another network', { destinationZone: 'guest' }],
    ['it goes to the router', { destinationZone: 'router' }],
    ['it comes from outside', { client: '203.0.113.9' }],
    ['it goes to another client', { destination: '10.0.0.8' }],
    ['it is a question', { port: 53 }],
    ['it is ICMP', { protocol: 1 }],
    ['it is ICMPv6', { protocol: 58 }],
    ['the gateway is known', { destination: '192.0.2.1' }],
    ...['224.0.0.251', '239.1.2.3', '255.255.255.255', '169.254.1.1', '127.0.0.1', '0.0.0.0'].map(
      (destination): [string, Partial<FlowView>] => [`it goes to ${destination}`, { destination }],
    ),
    ...['ff02::fb', 'fe80::1', 'febf::1', '::1', '::'].map((destination): [string, Partial<FlowView>] => [
      `it goes to ${destination}`,
      { destination },
    ]),
  ])('not when %s', (_, more) => {
    const { told, flow } = bed()
    flow(T, more)
    expect(told).toEqual([])
  })

  test('a client that goes through all addresses fills nothing, and hides no other for long', () => {
    const { told, events, flow } = bed()
    for (let i = 0; i < 20_000; i++)
      flow(T + i, { destination: `198.${18 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}` })
    expect(told.length).toBe(256)
    flow(T + MINUTE, { client: '10.0.0.8' })
    expect(told.length).toBe(257)
    for (let i = 0; i < 100_000; i++) flow(T + 2 * MINUTE, { client: `fd00::${i.toString(16)}` })
    expect(told.length).toBe(4096)
    expect(events.refused).toBe(20_000 - 256 + 100_000 - (4096 - 257))
    flow(T + 2 * HOUR, { client: '10.0.0.9' })
    expect(told.at(-1)?.senderAddress).toBe('10.0.0.9')
  })
})
