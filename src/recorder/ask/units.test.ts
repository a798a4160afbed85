import { expect, test } from 'vitest'
import { bar, sparkline } from './bars.ts'
import { bytesText, countOf, durationText, shareText } from './units.ts'

test.each<[number, string]>([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [99_949, '99.9 kB'],
  [99_950, '100 kB'],
  [999_499, '999 kB'],
  [999_500, '1.0 MB'],
  [1.5e15, '1.5 PB'],
  [9e18, '9000 PB'],
])('%d bytes are %s', (bytes, text) => expect(bytesText(bytes)).toBe(text))

test.each<[number, string]>([
  [-5, '0 ms'],
  [0.4, '0 ms'],
  [999, '999 ms'],
  [1000, '1 s'],
  [1200, '1.2 s'],
  [59_999, '60 s'],
  [90_000, '1.5 min'],
  [6 * 3_600_000, '6 h'],
  [36 * 3_600_000, '1.5 d'],
])('%d ms are %s', (ms, text) => expect(durationText(ms)).toBe(text))

test('counts and shares', () => {
  expect([countOf(1, 'name'), countOf(12_345, 'address', 'es')]).toEqual(['1 name', '12,345 addresses'])
  expect([0, 0.0004, 0.0005, 0.123, 1].map(shareText)).toEqual([
    '0.0 %',
    '<0.1 %',
    '0.1 %',
    '12.3 %',
    '100.0 %',
  ])
})

test('a bar is as long as its share, and what is there is seen', () => {
  expect([0, 0.001, 0.5, 0.55, 1, 7].map((share) => bar(share, 10))).toEqual([
    '',
    '▏',
    '█████',
    '█████▌',
    '██████████',
    '██████████',
  ])
  expect(sparkline([0, 1, 4, 8])).toBe('·▂▅█')
  expect(sparkline([0, 0])).toBe('··')
  expect(sparkline([])).toBe('')
})
