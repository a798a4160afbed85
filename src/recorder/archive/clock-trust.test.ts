import { expect, it } from 'vitest'
import { ClockTrust } from './clock-trust.ts'

const hour = 3_600_000
const day = 24 * hour
const now = Date.UTC(2026, 10, 23)

it('trusts a clock that goes on as expected', () => {
  const clock = new ClockTrust(now - hour)
  for (let i = 0; i < 100; i++) {
    expect(clock.trusted({ wallMs: now + i * hour, monotonicMs: i * hour })).toBe(true)
  }
})

it('trusts the first clock it sees: there is nothing to compare with', () => {
  expect(new ClockTrust(undefined).trusted({ wallMs: now, monotonicMs: 0 })).toBe(true)
})

it.each([
  ['years ahead of the last run', now + 400 * day],
  ['years behind the last run', 0],
])('doubts a clock that is %s, for a day', (_, wallMs) => {
  const clock = new ClockTrust(now)
  expect(clock.trusted({ wallMs, monotonicMs: 0 })).toBe(false)
  expect(clock.trusted({ wallMs: wallMs + 23 * hour, monotonicMs: 23 * hour })).toBe(false)
  expect(clock.trusted({ wallMs: wallMs + day, monotonicMs: day })).toBe(true)
})

it('starts the day again at each jump', () => {
  const clock = new ClockTrust(now)
  expect(clock.trusted({ wallMs: now, monotonicMs: 0 })).toBe(true)
  expect(clock.trusted({ wallMs: now + 30 * day, monotonicMs: hour })).toBe(false)
  expect(clock.trusted({ wallMs: now + 20 * hour, monotonicMs: 20 * hour })).toBe(false)
  expect(clock.trusted({ wallMs: now + 26 * hour, monotonicMs: 26 * hour })).toBe(false)
  expect(clock.trusted({ wallMs: now + 44 * hour, monotonicMs: 44 * hour })).toBe(true)
})
