import { expect, test } from 'vitest'
import { chosenSince, isUpToNow, spanOf } from './span.ts'

const NOW = Date.UTC(2026, 10, 27, 5, 3, 20)
/** Of a minute, so that what is asked for twice is the same. */
const END = Date.UTC(2026, 10, 27, 5, 4)
const HOUR = 3_600_000

function span(query: string) {
  return spanOf(new URLSearchParams(query), NOW, '24h')
}

test('a time up to now, or from one moment to another', () => {
  expect(span('')).toEqual({ fromMs: END - 24 * HOUR, toMs: END })
  expect(span('since=1h')).toEqual({ fromMs: END - HOUR, toMs: END })
  expect(span('since=15m')).toEqual({ fromMs: END - HOUR / 4, toMs: END })
  expect(span('from=1000&to=5000')).toEqual({ fromMs: 1000, toMs: 5000 })
})

test.each([
  'since=',
  'since=soon',
  'since=0h',
  'since=-1h',
  'from=5000&to=1000',
  'from=x&to=5',
  'from=1e99&to=2e99',
  'from=5',
])('%s makes no sense, and is the default', (query) => {
  expect(span(query)).toEqual(span(''))
})

test('which button is pressed', () => {
  const of = (query: string) => chosenSince(new URLSearchParams(query), '24h')
  expect([of(''), of('since=7d'), of('since=3h'), of('from=1&to=2')]).toEqual(['24h', '7d', '3h', undefined])
  expect(isUpToNow(new URLSearchParams('from=1&to=2'))).toBe(false)
  expect(isUpToNow(new URLSearchParams('since=7d'))).toBe(true)
})
