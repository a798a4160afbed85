import { expect, it } from 'vitest'
import { parseConfirmTime } from './confirm-time.ts'

it.each([
  ['10s', 10],
  ['90s', 90],
  ['2m', 120],
  ['1h', 3600],
  ['24h', 86_400],
])('%s is %i seconds', (text, secs) => expect(parseConfirmTime(text)).toBe(secs))

it.each(['', '5', '9s', '0m', '25h', '99999h', '-1s', '2 m', '1.5m', '2d', 'Infinitys', '１m', '2m\n'])(
  '%j is none',
  (text) => expect(parseConfirmTime(text)).toMatch(/^--confirm: .* Fix: give a time between 10s and 24h/),
)
