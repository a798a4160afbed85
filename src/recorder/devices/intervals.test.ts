import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { advance, GAP_MS, type Interval, type Intervals, isDue, isUnwritten } from './intervals.ts'
import type { Owner } from './owners.ts'

const MINUTE = 60_000
const T = Date.UTC(2026, 10, 24, 12)
const LAPTOP = '02:00:5e:30:00:01'
const PHONE = '02:00:5e:30:00:02'

function owner(macAddress: string, at: number, more: Partial<Owner> = {}): Owner {
  return { address: '10.0.0.130', network: 'home', macAddress, at, seen: at, leased: false, ...more }
}

function spans(intervals: Iterable<Interval>): [string, number, number][] {
  return [...intervals].map(({ macAddress, from, until }) => [macAddress, from - T, until - T])
}

describe('advance', () => {
  test('an interval grows as long as its owner is found, and rests over a short gap', () => {
    let open: Intervals = new Map()
    for (const minute of [0, 1, 2, 16]) {
      const now = T + minute * MINUTE
      open = advance(open, [owner(PHONE, now)], now).open
    }
    expect(spans(open.values())).toEqual([[PHONE, 0, 16 * MINUTE]])
  })

  test('after a long gap it ends when it was last found, and another one begins', () => {
    const first = advance(new Map(), [owner(PHONE, T)], T)
    const later = T + GAP_MS + 1
    const second = advance(first.open, [owner(PHONE, later)], later)
    expect(spans(second.ended)).toEqual([[PHONE, 0, 0]])
    expect(spans(second.open.values())).toEqual([[PHONE, GAP_MS + 1, GAP_MS + 1]])
  })

  test('an address that moves ends one and begins the next', () => {
    const first = advance(new Map(), [owner(LAPTOP, T, { device: 'laptop' })], T)
    const now = T + MINUTE
    const moved = advance(first.open, [owner(PHONE, now, { device: 'phone' })], now)
    expect(spans(moved.ended)).toEqual([[LAPTOP, 0, 0]])
    expect(spans(moved.open.values())).toEqual([[PHONE, MINUTE, MINUTE]])
  })

  test('a name that comes later belongs to the interval, another name is another interval', () => {
    let step = advance(new Map(), [owner(PHONE, T)], T)
    step = advance(step.open, [owner(PHONE, T + 1, { device: 'phone' })], T + 1)
    step = advance(step.open, [owner(PHONE, T + 2)], T + 2)
    expect([...step.open.values()]).toEqual([
      expect.objectContaining({ device: 'phone', from: T, until: T + 2 }),
    ])
    step = advance(step.open, [owner(PHONE, T + 3, { device: 'handset' })], T + 3)
    expect(step.ended).toEqual([expect.objectContaining({ device: 'phone', until: T + 2 })])
    expect([...step.open.values()]).toEqual([expect.objectContaining({ device: 'handset', from: T + 3 })])
  })

  test('each day (UTC) has intervals of its own', () => {
    const midnight = Date.UTC(2026, 10, 25)
    const first = advance(new Map(), [owner(PHONE, midnight - 1, { device: 'phone' })], midnight - 1)
    const second = advance(first.open, [owner(PHONE, midnight)], midnight, () => false)
    expect(second.ended).toMatchObject([{ from: midnight - 1, until: midnight - 1 }])
    expect([...second.open.values()]).toMatchObject([{ from: midnight, until: midnight, device: 'phone' }])
  })

  test('what was known long ago says nothing of now', () => {
    const { open, ended } = advance(new Map(), [owner(PHONE, T - GAP_MS - 1)], T)
    expect([open.size, ended.length]).toEqual([0, 0])
  })

  test('a clock that is set back begins anew', () => {
    const first = advance(new Map(), [owner(PHONE, T)], T)
    const back = T - 86_400_000
    const second = advance(first.open, [owner(PHONE, back)], back)
    expect(spans(second.ended)).toEqual([[PHONE, 0, 0]])
    expect(spans(second.open.values())).toEqual([[PHONE, -86_400_000, -86_400_000]])
  })

  test('whom there is no room for is counted', () => {
    const { open, refused } = advance(new Map(), [owner(PHONE, T)], T, () => false)
    expect([open.size, refused]).toEqual([0, 1])
  })

  test('property: intervals of an address never overlap, every observation is inside exactly one', () => {
    const macs = fc.constantFrom(LAPTOP, PHONE, '02:00:5e:30:00:03')
    const names = fc.constantFrom(undefined, 'a', 'b')
    const addresses = fc.constantFrom('10.0.0.130', 'fd00::1')
    const observation = fc.record({
      wait: fc.integer({ min: 1, max: 2 * GAP_MS }),
      owners: fc.uniqueArray(
        fc.record({ address: addresses, macAddress: macs, device: names, age: fc.nat({ max: 1000 }) }),
        {
          selector: ({ address }) => address,
        },
      ),
    })
    fc.assert(
      fc.property(fc.array(observation, { maxLength: 30 }), (steps) => {
        let now = T
        let open: Intervals = new Map()
        const all: Interval[] = []
        const seen: { address: string; macAddress: string; now: number; at: number }[] = []
        for (const { wait, owners } of steps) {
          now += wait
          // An observation is never older than the look before it.
          const list = owners.map(({ device, age, ...rest }) =>
            owner(rest.macAddress, now - Math.min(age, wait - 1), {
              ...rest,
              ...(device === undefined ? {} : { device }),
            }),
          )
          for (const { address, macAddress, at } of list) seen.push({ address, macAddress, now, at })
          const step = advance(open, list, now)
          open = step.open
          all.push(...step.ended)
        }
        all.push(...open.values())
        for (const { address, macAddress, at } of seen) {
          const inside = all.filter((one) => one.address === address && one.from <= at && at <= one.until)
          expect(inside.map((one) => one.macAddress)).toEqual([macAddress])
        }
        for (const address of ['10.0.0.130', 'fd00::1']) {
          const its = all.filter((one) => one.address === address).toSorted((a, b) => a.from - b.from)
          for (const [i, one] of its.entries()) {
            expect(one.from).toBeLessThanOrEqual(one.until)
            const next = its[i + 1]
            if (next !== undefined) expect(one.until).toBeLessThanOrEqual(next.from)
          }
        }
        // Nobody looked for longer than that: no interval stretches over it.
        for (const one of all) {
          const inside = seen.filter(
            ({ address, macAddress, at }) =>
              address === one.address && macAddress === one.macAddress && one.from <= at && at <= one.until,
          )
          const times = inside.map(({ at }) => at)
          for (const [i, at] of times.entries()) {
            expect((times[i + 1] ?? at) - at).toBeLessThanOrEqual(GAP_MS + 1000)
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})

test('an open interval is written at once, and again after an hour', () => {
  const [interval] = advance(new Map(), [owner(PHONE, T)], T).open.values()
  if (interval === undefined) throw new Error('no interval')
  expect([isDue(interval), isUnwritten(interval)]).toEqual([true, true])
  const first = { ...interval, written: T }
  expect([isDue(first), isUnwritten(first)]).toEqual([false, false])
  const later = { ...first, until: T + 60 * MINUTE }
  expect([isDue(later), isUnwritten(later)]).toEqual([true, true])
  const written = { ...later, written: later.until }
  expect([isDue(written), isUnwritten(written)]).toEqual([false, false])
})
