import { describe, expect, test } from 'vitest'
import { momentOf, wallClock } from './wall-clock.ts'

describe('a wall clock', () => {
  test.each([
    ['2026-11-27T14:03', 'Asia/Tokyo', '2026-11-27T05:03:00Z'],
    ['2026-01-01T00:00', 'UTC', '2026-01-01T00:00:00Z'],
    ['2026-07-01T12:00', 'America/New_York', '2026-07-01T16:00:00Z'],
    ['2026-01-01T12:00', 'America/New_York', '2026-01-01T17:00:00Z'],
    ['2026-03-08T03:30', 'America/New_York', '2026-03-08T07:30:00Z'],
    ['2026-06-01T00:15', 'Asia/Kathmandu', '2026-05-31T18:30:00Z'],
  ])('%s in %s is one moment, there and back', (text, zone, utc) => {
    expect(new Date(momentOf(text, zone) ?? 0).toISOString()).toBe(utc.replace('Z', '.000Z'))
    expect(wallClock(Date.parse(utc), zone)).toBe(text)
  })

  test('an hour that the clocks skip is the one before it', () => {
    expect(momentOf('2026-03-08T02:30', 'America/New_York')).toBe(Date.UTC(2026, 2, 8, 6, 30))
  })

  test.each(['', 'now', '2026-13-01T00:00', '2026-01-01', '2026-01-01T00:00:00'])('%j is no time', (text) => {
    expect(momentOf(text, 'UTC')).toBeUndefined()
  })
})
