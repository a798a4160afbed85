import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Found,
  heard,
  look,
  type Sight,
  SUSPECT_MS,
  UNWATCHED,
  type Watched,
  wanReach,
} from './watchdog.ts'

const UP: Sight = {
  address: true,
  route: true,
  gatewayFailed: false,
  otherFails: false,
  sent: 0,
  received: 0,
}
const PASS_MS = 2000

/** Looks every two seconds, and answers probes with what is true. Returns what it came to, and when it asked. */
function follow(
  start: Watched,
  sights: readonly Sight[],
  truth: (second: number) => Found,
  from = 0,
): { readonly last: Watched; readonly asked: number[]; readonly reaches: string[] } {
  const asked: number[] = []
  const reaches: string[] = []
  let last = start
  for (const [i, sight] of sights.entries()) {
    const now = from + i * PASS_MS
    last = look(last, sight, now)
    if (last.probe) {
      asked.push(now / 1000)
      last = heard(last, truth(now / 1000), sight, now)
    }
    reaches.push(last.reach)
  }
  return { last, asked, reaches }
}

/** Counters that grow by so much in each look. */
function growing(passes: number, sent: number, received: number, over: Partial<Sight> = {}): Sight[] {
  return Array.from({ length: passes }, (_, i) => ({
    ...UP,
    sent: i * sent,
    received: i * received,
    ...over,
  }))
}

describe('watchdog', () => {
  test('what the kernel shows goes first', () => {
    expect(look(UNWATCHED, { ...UP, address: false }, 0).reach).toBe('no-address')
    expect(look(UNWATCHED, { ...UP, route: false }, 0).reach).toBe('no-gateway')
    expect(look(UNWATCHED, UP, 0).reach).toBe('up')
  })

  test('an idle line, and a busy one, are never asked about', () => {
    expect(follow(UNWATCHED, growing(1000, 0, 0), () => 'no-gateway').asked).toEqual([])
    expect(follow(UNWATCHED, growing(1000, 0, 3), () => 'no-gateway').asked).toEqual([])
    expect(follow(UNWATCHED, growing(1000, 100, 60), () => 'no-gateway').asked).toEqual([])
  })

  test('who only sends is asked about more and more seldom, and stays up', () => {
    const { asked, reaches } = follow(UNWATCHED, growing(1800, 50, 0), () => 'up')
    expect(new Set(reaches)).toEqual(new Set(['up']))
    // An hour of it.
    expect(asked.length).toBeGreaterThan(10)
    expect(asked.length).toBeLessThan(20)
  })

  test.each(['no-gateway', 'no-internet'] as const)('%s is noticed within seconds, and its end', (found) => {
    const { last, asked, reaches } = follow(UNWATCHED, growing(8, 10, 0), () => found)
    expect(asked[0]).toBeLessThanOrEqual((SUSPECT_MS + 2 * PASS_MS) / 1000)
    expect(reaches.indexOf(found) * 2).toBeLessThanOrEqual(8)
    // Nobody sends any more: it is asked about all the same.
    const quiet = follow(last, growing(4, 0, 0, { sent: 70 }), () => 'up', 16_000)
    expect(quiet.last.reach).toBe('up')
  })

  test('after much suspicion and then good times, it is quick again', () => {
    const { last } = follow(UNWATCHED, growing(600, 50, 0), () => 'up')
    const good = follow(last, growing(20, 50, 30), () => 'up', 1_200_000)
    const bad = follow(
      good.last,
      growing(6, 10, 0, { received: good.last.received }),
      () => 'no-internet',
      1_240_000,
    )
    expect(bad.last.reach).toBe('no-internet')
  })

  test('one question that no resolver answers is no verdict', () => {
    let probes = 0
    const { asked, reaches } = follow(UNWATCHED, growing(6, 10, 0), () =>
      probes++ === 0 ? 'no-internet' : 'up',
    )
    expect(asked.length).toBe(2)
    expect(new Set(reaches)).toEqual(new Set(['up']))
  })

  test('a gateway that the kernel gave up is asked about without further ado', () => {
    const seen = look(UNWATCHED, UP, 0)
    expect(look(seen, { ...UP, sent: 1, gatewayFailed: true }, 2000).probe).toBe(true)
    expect(look(seen, { ...UP, otherFails: true }, 2000).probe).toBe(true)
  })

  test('answers that come again make it look at once', () => {
    const { last } = follow(UNWATCHED, growing(60, 10, 0), () => 'no-internet')
    const [now, sent] = [last.probedAt + 6000, last.sent]
    const state = { ...last, probeAt: now + 20_000 }
    expect(look(state, { ...UP, sent: sent + 20, received: 1 }, now).probe).toBe(false)
    expect(look(state, { ...UP, sent: sent + 20, received: 9 }, now).probe).toBe(true)
    expect(look({ ...state, probedAt: now - 1000 }, { ...UP, sent: sent + 20, received: 9 }, now).probe).toBe(
      false,
    )
  })

  test('property: bad only after probes said so, cut off only after two in a row, and a second between two', () => {
    const sight = fc.record({
      address: fc.boolean(),
      route: fc.boolean(),
      gatewayFailed: fc.boolean(),
      otherFails: fc.boolean(),
      sent: fc.nat({ max: 50 }),
      received: fc.nat({ max: 50 }),
    })
    const found = fc.constantFrom<Found>('up', 'no-gateway', 'no-internet')
    const step = fc.record({ sight, found, later: fc.integer({ min: 1, max: 5000 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        let state = UNWATCHED
        let [now, sent, received, bad, lastProbe] = [0, 0, 0, 0, -1000]
        for (const one of steps) {
          now += one.later
          sent += one.sight.sent
          received += one.sight.received
          const whole = one.sight.address && one.sight.route
          state = look(state, { ...one.sight, sent, received }, now)
          if (!whole) bad = 0
          if (state.probe) {
            expect(whole).toBe(true)
            expect(now - lastProbe).toBeGreaterThanOrEqual(whole && bad > 0 ? 1000 : 0)
            lastProbe = now
            state = heard(state, one.found, { sent, received }, now)
            bad = one.found === 'up' ? 0 : bad + 1
          }
          if (whole) expect(state.reach === 'up' || state.reach === state.found).toBe(true)
          if (whole && state.reach !== 'up')
            expect(bad).toBeGreaterThanOrEqual(state.reach === 'no-internet' ? 2 : 1)
          expect(state.gapMs).toBeLessThanOrEqual(300_000)
        }
      }),
    )
  })
})

test('the WAN is as good as the better IP version', () => {
  expect(wanReach(false, ['up', 'up'])).toBe('no-carrier')
  expect(wanReach(true, ['no-gateway', 'up'])).toBe('up')
  expect(wanReach(true, ['no-address', 'no-internet'])).toBe('no-internet')
  expect(wanReach(true, ['no-address', 'no-address'])).toBe('no-address')
})
