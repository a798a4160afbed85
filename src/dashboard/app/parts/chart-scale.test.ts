import { describe, expect, test } from 'vitest'
import { barsPath, spanOfParts, ticks, wider } from './chart-scale.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const MIDNIGHT = Date.UTC(2026, 10, 27)

test('bars stand on each other, and what is next to nothing is seen', () => {
  expect(
    barsPath(
      [
        [0, 0, 0.5],
        [1, 0, 0],
        [2, 0.5, 0.5001],
      ],
      0.2,
    ),
  ).toBe('M0.1 100v-50h0.8v50zM2.1 50v-1h0.8v1z')
})

test('parts are a time, from whichever side they are chosen', () => {
  const of = { fromMs: 1000, partMs: 10 }
  expect(spanOfParts(of, 2, 4)).toEqual({ fromMs: 1020, toMs: 1050 })
  expect(spanOfParts(of, 4, 2)).toEqual({ fromMs: 1020, toMs: 1050 })
  expect(spanOfParts(of, 3, 3)).toEqual({ fromMs: 1030, toMs: 1040 })
})

describe('wider', () => {
  test('three times as long around the same', () => {
    expect(wider({ fromMs: 100, toMs: 200 }, 10_000)).toEqual({ fromMs: 0, toMs: 300 })
  })
  test('not beyond now, nor before the beginning', () => {
    expect(wider({ fromMs: 1000, toMs: 1100 }, 1120)).toEqual({ fromMs: 820, toMs: 1120 })
    expect(wider({ fromMs: 10, toMs: 200 }, 200)).toEqual({ fromMs: 0, toMs: 200 })
  })
})

describe('ticks', () => {
  test('are round by the clock on the wall', () => {
    const tokyo = 9 * HOUR
    const at = ticks({ fromMs: MIDNIGHT + 17 * 60_000, toMs: MIDNIGHT + DAY }, tokyo, 5)
    expect(at.map((ms) => ((ms + tokyo) % DAY) / HOUR)).toEqual([12, 18, 0, 6])
  })
  test.each([60_000, HOUR, DAY, 30 * DAY, 365 * DAY, 20 * 365 * DAY])('of %i ms are few', (length) => {
    const span = { fromMs: MIDNIGHT, toMs: MIDNIGHT + length }
    const at = ticks(span, 0, 7)
    expect(at.length).toBeGreaterThan(0)
    expect(at.length).toBeLessThanOrEqual(8)
    for (const ms of at) expect(ms).toBeGreaterThanOrEqual(span.fromMs)
  })
})
