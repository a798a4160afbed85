import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseRfc3339 } from './time.ts'

it.each([
  ['2026-11-23T01:02:03Z', '2026-11-23T01:02:03Z', Date.UTC(2026, 10, 23, 1, 2, 3)],
  ['2026-11-23T01:02:03.123456789Z', '2026-11-23T01:02:03.123456789Z', Date.UTC(2026, 10, 23, 1, 2, 3, 123)],
  ['2026-11-23T01:02:03.5+09:00', '2026-11-22T16:02:03.5Z', Date.UTC(2026, 10, 22, 16, 2, 3, 500)],
  ['2024-02-29T23:59:59-00:30', '2024-03-01T00:29:59Z', Date.UTC(2024, 2, 1, 0, 29, 59)],
])('reads %s', (text, utc, epochMs) => {
  expect(parseRfc3339(text)).toEqual({ text: utc, epochMs })
})

it.each([
  '2026-02-30T00:00:00Z',
  '2025-02-29T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:00:60Z',
  '2026-01-01T00:00:00+24:00',
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+01:00',
  '9999-12-31T23:59:59-01:00',
  '2026-01-01 00:00:00Z',
  '2026-01-01T00:00:00',
  '2026-01-01T00:00:00.Z',
  '',
])('refuses %j', (text) => {
  expect(parseRfc3339(text)).toBeUndefined()
})

it('reads back every instant that JavaScript writes', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
      (date) => {
        expect(parseRfc3339(date.toISOString())).toEqual({
          text: date.toISOString(),
          epochMs: date.getTime(),
        })
      },
    ),
  )
})
