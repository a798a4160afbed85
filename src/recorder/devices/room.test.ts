import { expect, test } from 'vitest'
import { advance, type Intervals } from './intervals.ts'
import { remember } from './known.ts'
import type { Owner } from './owners.ts'
import { bucket, room } from './room.ts'

const MINUTE = 60_000
const T = Date.UTC(2026, 10, 24, 12)

function mac(i: number): string {
  return `02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`
}

function owner(i: number, more: Partial<Owner> = {}): Owner {
  const at = T
  return {
    address: `fd00::${i.toString(16)}`,
    network: 'guest',
    macAddress: mac(i),
    at,
    seen: at,
    leased: false,
    ...more,
  }
}

test('a bucket fills with time, up to its size', () => {
  const take = bucket(2, 1)
  expect([take(T), take(T), take(T)]).toEqual([true, true, false])
  expect([take(T + MINUTE), take(T + MINUTE)]).toEqual([true, false])
  expect([take(T + 60 * MINUTE), take(T + 60 * MINUTE), take(T + 60 * MINUTE)]).toEqual([true, true, false])
  // The clock was set back: nothing is taken away.
  expect(take(T)).toBe(false)
})

test('one device has room for so many addresses', () => {
  const owners = Array.from({ length: 200 }, (_, i) => owner(i, { macAddress: mac(1) }))
  const { open, refused } = advance(new Map(), owners, T, room()(new Map(), T))
  expect([open.size, refused]).toEqual([64, 136])
})

test('a guest that goes through thousands of addresses fills nothing, and takes no room from others', () => {
  const admit = room()
  let open: Intervals = new Map()
  let known = remember(new Map(), [], () => undefined)
  let records = 0
  let refused = 0
  for (let minute = 0; minute < 24 * 60; minute++) {
    const now = T + minute * MINUTE
    const owners = Array.from({ length: 500 }, (_, i) => ({ ...owner(minute * 500 + i), at: now, seen: now }))
    const step = advance(open, owners, now, admit(open, now))
    open = step.open
    records += step.ended.length
    refused += step.refused
    known = remember(known, open.values(), () => undefined)
    expect(open.size).toBeLessThanOrEqual(1024)
    expect(known.size).toBeLessThanOrEqual(1024)
  }
  expect(records).toBeLessThan(512 + 24 * 60 * 20)
  expect(refused).toBeGreaterThan(600_000)
  const now = T + 24 * 60 * MINUTE
  const others = [
    { ...owner(9_000_001, { network: 'home', macAddress: '02:00:00:00:ff:01' }), at: now },
    { ...owner(9_000_002, { leased: true, macAddress: '02:00:00:00:ff:02' }), at: now },
  ]
  expect(advance(open, others, now, admit(open, now)).refused).toBe(0)
})

test('who had a lease is remembered longer than who had none', () => {
  const intervals = [...advance(new Map(), [owner(1, { leased: true })], T).open.values()]
  let known = remember(new Map(), intervals, () => 'Example')
  const strangers = Array.from({ length: 3000 }, (_, i) => ({
    ...owner(i + 2),
    at: T + MINUTE,
    seen: T + MINUTE,
  }))
  known = remember(known, advance(new Map(), strangers, T + MINUTE).open.values(), () => undefined)
  expect(known.size).toBe(1025)
  expect(known.get(mac(1))).toMatchObject({ vendor: 'Example', firstSeen: T, lastSeen: T })
})
