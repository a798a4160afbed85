import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Answer } from '../answers.ts'
import { Names } from './names.ts'

const T = 1_790_000_000_000
const CLIENT = '192.0.2.9'
const SERVER = '198.51.100.7'

const told = (name: string, timeMs: number, ttl = 300, client = CLIENT, address = SERVER): Answer => ({
  timeMs,
  client,
  name,
  addresses: [{ address, ttl }],
})

it('finds the name within its TTL and a minute, says when it was too old, and when there was none', () => {
  const names = new Names()
  names.add(told('www.example.org', T))
  expect(names.find(CLIENT, SERVER, T)).toEqual({ name: 'www.example.org', status: 'asked' })
  expect(names.find(CLIENT, SERVER, T + 360_000).status).toBe('asked')
  expect(names.find(CLIENT, SERVER, T + 360_001)).toEqual({ name: 'www.example.org', status: 'expired' })
  expect(names.find(CLIENT, '198.51.100.8', T)).toEqual({ status: 'none' })
  expect(names.find('192.0.2.10', SERVER, T)).toEqual({ status: 'none' })
})

it('bounds a TTL at a day', () => {
  const names = new Names()
  names.add(told('www.example.org', T, 2 ** 31))
  expect(names.find(CLIENT, SERVER, T + 86_400_000).status).toBe('asked')
  expect(names.find(CLIENT, SERVER, T + 86_400_001).status).toBe('expired')
})

it('joins a connection whose first packet is dated before the answer, by a second at most', () => {
  const names = new Names()
  names.add(told('www.example.org', T))
  expect(names.find(CLIENT, SERVER, T - 1000).status).toBe('asked')
  expect(names.find(CLIENT, SERVER, T - 1001)).toEqual({ status: 'none' })
})

it('takes the name that was asked last before the connection began', () => {
  const names = new Names()
  names.add(told('a.example.org', T))
  names.add(told('b.example.org', T + 10_000))
  expect(names.find(CLIENT, SERVER, T + 9000).name).toBe('a.example.org')
  expect(names.find(CLIENT, SERVER, T + 10_000).name).toBe('b.example.org')
  expect(names.find(CLIENT, SERVER, T + 90_000).name).toBe('b.example.org')
  // Told again, as after a restart of the sender's listener.
  names.add(told('a.example.org', T))
  expect(names.find(CLIENT, SERVER, T + 90_000).name).toBe('b.example.org')
  expect(names.size).toBe(2)
})

it('knows the name by which a connection began, however many others had the address before it was recorded', () => {
  const names = new Names()
  const NAMES = 40
  for (let i = 0; i < NAMES; i++) names.add(told(`part-${i}.example.org`, T + i * 1000))
  for (let i = 0; i < NAMES; i++)
    expect(names.find(CLIENT, SERVER, T + i * 1000 + 500).name).toBe(`part-${i}.example.org`)
  for (let i = 0; i < 1000; i++) names.add(told(`part-${i % 50}.example.org`, T + 60_000 + i))
  // Those in between are forgotten, and that somebody asked is not.
  expect(names.find(CLIENT, SERVER, T + 30_000).status).toBe('asked')
  expect(names.find(CLIENT, SERVER, T + 62_000).name).toBe('part-49.example.org')
  expect(names.size).toBe(64)
})

it('counts every name of an address, so that one address of many names is bounded too', () => {
  const names = new Names({ limit: 1000, ownerOf: (address) => (address === CLIENT ? 'laptop' : 'evil') })
  names.add(told('www.example.org', T))
  for (let i = 0; i < 20_000; i++)
    names.add(told(`n${i}.example.org`, T + i, 300, '192.0.2.66', `203.0.113.${i % 100}`))
  expect(names.size).toBeLessThanOrEqual(1000)
  expect(names.find(CLIENT, SERVER, T + 1000).status).toBe('asked')
})

it('remembers since when a name was valid, however often it was asked for since', () => {
  const names = new Names()
  for (let i = 0; i < 50; i++) names.add(told('www.example.org', T + i * 5000, 1))
  expect(names.find(CLIENT, SERVER, T)).toEqual({ name: 'www.example.org', status: 'asked' })
  expect(names.find(CLIENT, SERVER, T + 245_000 + 61_001).status).toBe('expired')
  // Another name in between, and the first again.
  names.add(told('b.example.org', T + 250_000))
  names.add(told('www.example.org', T + 260_000))
  expect(names.find(CLIENT, SERVER, T + 255_000).name).toBe('b.example.org')
  expect(names.find(CLIENT, SERVER, T + 265_000).name).toBe('www.example.org')
})

it("takes what a device asked over another of its addresses, and nobody else's", () => {
  const owners: Record<string, string> = {
    [CLIENT]: 'laptop',
    '2001:db8::9': 'laptop',
    '192.0.2.66': 'phone',
  }
  const names = new Names({ ownerOf: (address) => owners[address] })
  names.add(told('www.example.org', T, 300, '2001:db8::9'))
  names.add(told('other.example.org', T, 300, '192.0.2.66', '198.51.100.8'))
  names.add(told('unknown.example.org', T, 300, '192.0.2.77', '198.51.100.8'))
  expect(names.find(CLIENT, SERVER, T + 1000).name).toBe('www.example.org')
  expect(names.find(CLIENT, '198.51.100.8', T + 1000).status).toBe('none')
  expect(names.find('192.0.2.78', '198.51.100.8', T + 1000).status).toBe('none')
})

it('bounds the addresses of a device, those that were told something last count', () => {
  const names = new Names({ ownerOf: () => 'laptop' })
  names.add(told('www.example.org', T))
  names.add(told('old.example.org', T, 300, '192.0.2.10', '198.51.100.8'))
  for (let i = 0; i < 1000; i++) {
    names.add(told('many.example.org', T + i, 300, `10.0.${i >> 8}.${i & 255}`, '198.51.100.9'))
    if (i % 100 === 0) names.add(told('www.example.org', T + i))
  }
  expect(names.size).toBe(256)
  expect(names.evicted).toBe(1002 - 256)
  const find = (address: string): unknown => names.find('192.0.2.11', address, T + 1000).name
  expect(['198.51.100.7', '198.51.100.8', '198.51.100.9'].map(find)).toEqual([
    'www.example.org',
    undefined,
    'many.example.org',
  ])
})

it('makes room at the expense of who has most, from however many addresses', () => {
  const names = new Names({ limit: 1000, ownerOf: (address) => (address === CLIENT ? 'laptop' : undefined) })
  names.add(told('www.example.org', T))
  for (let i = 0; i < 20_000; i++) {
    names.add(told('evil.example.org', T + i, 300, `10.0.${i >> 8}.${i & 255}`, `203.0.113.${i & 255}`))
  }
  expect(names.size).toBeLessThanOrEqual(1000)
  expect(names.evicted).toBeGreaterThan(10_000)
  expect(names.find(CLIENT, SERVER, T + 1000).status).toBe('asked')
})

it('forgets in time, and counts right whatever comes', () => {
  const names = new Names({ limit: 50 })
  const answer = fc.record({
    timeMs: fc.integer({ min: T, max: T + 200_000_000 }),
    client: fc.constantFrom('192.0.2.1', '192.0.2.2', '192.0.2.3'),
    name: fc.constantFrom('a.example.org', 'b.example.org'),
    addresses: fc.array(fc.record({ address: fc.ipV4(), ttl: fc.nat({ max: 100_000 }) }), { maxLength: 5 }),
  })
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 50 }), (answers) => {
      for (const one of answers) names.add(one)
      expect(names.size).toBeLessThanOrEqual(50)
      expect(names.size).toBeGreaterThanOrEqual(0)
    }),
  )
  names.add(told('www.example.org', T + 400_000_000))
  names.add(told('www.example.org', T + 900_000_000))
  expect(names.size).toBe(1)
})
