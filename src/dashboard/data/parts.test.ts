import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { partsOf, seriesOf } from './parts.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

function at(text: string): number {
  return Date.parse(text)
}

describe('parts of a time', () => {
  it.each([
    ['an hour', HOUR, 60_000],
    ['a day', DAY, 15 * 60_000],
    ['a week', 7 * DAY, 6 * HOUR],
    ['a month', 30 * DAY, 6 * HOUR],
    ['a year', 365 * DAY, DAY],
    ['ten years', 3650 * DAY, 7 * DAY],
  ])('%s', (_, length, partMs) => {
    const to = at('2026-11-27T03:21:00Z')
    expect(partsOf({ fromMs: to - length, toMs: to }, 'Asia/Tokyo').partMs).toBe(partMs)
  })

  it('days begin when they do where the router is', () => {
    const span = { fromMs: at('2026-01-01T00:00:00Z'), toMs: at('2026-11-27T03:21:00Z') }
    expect(partsOf(span, 'Asia/Tokyo').fromMs).toBe(at('2025-12-31T15:00:00Z'))
    expect(partsOf(span, 'UTC').fromMs).toBe(at('2026-01-01T00:00:00Z'))
    // By the clock at the end, which is not put forward any more.
    expect(partsOf(span, 'America/New_York').fromMs).toBe(at('2025-12-31T05:00:00Z'))
    expect(partsOf(span, 'Asia/Kathmandu').fromMs).toBe(at('2025-12-31T18:15:00Z'))
  })

  it('have all of the time in them, and are few', () => {
    const zones = fc.constantFrom('UTC', 'Asia/Tokyo', 'America/St_Johns', 'Pacific/Chatham')
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4e12 }),
        fc.integer({ min: 1, max: 4e11 }),
        zones,
        (fromMs, length, zone) => {
          const { fromMs: begin, partMs, count } = partsOf({ fromMs, toMs: fromMs + length }, zone)
          expect(begin).toBeLessThanOrEqual(fromMs)
          expect(fromMs - begin).toBeLessThan(partMs)
          expect(begin + count * partMs).toBeGreaterThanOrEqual(fromMs + length)
          expect(count).toBeLessThanOrEqual(802)
        },
      ),
    )
  })

  it('a series has nothing where nothing was counted', () => {
    const parts = { fromMs: 5, partMs: 10, count: 3 }
    expect(seriesOf(parts, new Map([[1, 7]]))).toEqual({ fromMs: 5, partMs: 10, values: [0, 7, 0] })
  })
})
