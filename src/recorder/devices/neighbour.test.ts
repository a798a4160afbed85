import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildAttribute, type NetlinkMessage } from '../netlink/message.ts'
import { decodeNeighbour, RTM_NEWNEIGH } from '../netlink/neighbour.ts'
import { isNews, neighboursFrom } from './neighbours.ts'
import { onLink } from './on-link.ts'

const MAC = Buffer.from('02005e300001', 'hex')
const T = Date.UTC(2026, 10, 24, 12)

function message(
  changes: { family?: number; state?: number; dst?: Buffer; mac?: Buffer } = {},
): NetlinkMessage {
  const { family = 2, state = 4, dst = Buffer.of(10, 0, 0, 130), mac = MAC } = changes
  const head = Buffer.alloc(12)
  head.writeUInt8(family, 0)
  head.writeInt32LE(7, 4)
  head.writeUInt16LE(state, 8)
  const cache = Buffer.alloc(16)
  cache.writeUInt32LE(250, 0)
  const payload = Buffer.concat([
    head,
    buildAttribute(1, dst),
    buildAttribute(2, mac),
    buildAttribute(3, cache),
  ])
  return { type: RTM_NEWNEIGH, flags: 0, sequence: 1, payload }
}

describe('decodeNeighbour', () => {
  test('IPv4 and IPv6', () => {
    const entry = { interfaceIndex: 7, macAddress: '02:00:5e:30:00:01', confirmedAgo: 2500 }
    expect(decodeNeighbour(message())).toEqual({ ...entry, address: '10.0.0.130' })
    const dst = Buffer.from('20010db8000000000000000000000001', 'hex')
    expect(decodeNeighbour(message({ family: 10, dst }))).toEqual({ ...entry, address: '2001:db8::1' })
  })

  test.each([
    ['incomplete', { state: 1 }],
    ['failed', { state: 0x20 }],
    ['multicast', { state: 0x40 }],
    ['without a MAC address', { mac: Buffer.alloc(0) }],
    ['a tunnel', { mac: Buffer.alloc(4) }],
    ['a group', { mac: Buffer.from('01005e000001', 'hex') }],
    ['an address of the wrong length', { dst: Buffer.alloc(16) }],
    ['another family', { family: 7 }],
  ])('%s is no neighbour', (_, changes) => {
    expect(decodeNeighbour(message(changes))).toBeUndefined()
  })

  test('any bytes are an entry or none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        decodeNeighbour({ type: RTM_NEWNEIGH, flags: 0, sequence: 0, payload: Buffer.from(bytes) })
      }),
    )
  })
})

test('a neighbour has its address since it was found with another MAC address, or not at all', () => {
  const networkOf = () => 'home'
  const entry = { interfaceIndex: 7, address: '10.0.0.130', macAddress: 'a', confirmedAgo: 1000 }
  const first = neighboursFrom(undefined, [entry], networkOf, T)
  expect([...first.values()]).toMatchObject([{ since: 0, seen: T - 1000 }])
  expect(isNews(first, [entry], networkOf)).toBe(false)
  const changed = { ...entry, macAddress: 'b' }
  expect(isNews(first, [changed], networkOf)).toBe(true)
  expect(isNews(first, [changed], () => undefined)).toBe(false)
  const second = neighboursFrom(first, [changed], networkOf, T + 5)
  expect([...second.values()]).toMatchObject([{ macAddress: 'b', since: T + 5 }])
  expect([...neighboursFrom(second, [changed], networkOf, T + 9).values()]).toMatchObject([{ since: T + 5 }])
  expect(neighboursFrom(second, [changed], () => undefined, T).size).toBe(0)
})

test('an address counts where the router has a prefix for it', () => {
  const at = (cidr: string) => ({ cidr }) as never
  const isOnLink = onLink({
    'br-home': [at('10.0.0.1/24'), at('2001:db8:1:2::1/64'), at('fe80::1/64')],
    lan1: [at('10.0.1.1/24'), at('fe80::1/64')],
  })
  expect(isOnLink('br-home', '10.0.0.130')).toBe(true)
  expect(isOnLink('lan1', '10.0.0.130')).toBe(false)
  expect(isOnLink('br-home', '2001:db8:1:2::7')).toBe(true)
  expect(isOnLink('lan1', '2001:db8:1:2::7')).toBe(false)
  expect(isOnLink('lan1', 'fe80::7')).toBe(true)
  expect(isOnLink('wan0', '10.0.0.130')).toBe(false)
})
