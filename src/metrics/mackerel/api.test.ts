import { expect, test } from 'vitest'
import { retryAfter } from './api.ts'

test.each([
  [null, undefined],
  ['0', 0],
  ['30', 30],
  ['999999', 3600],
  ['Thu, 26 Nov 2026 00:01:00 GMT', 60],
  ['Wed, 25 Nov 2026 00:00:00 GMT', 0],
  ['soon', undefined],
  ['-5', 0],
])('Retry-After %j is %j s', (header, secs) => {
  expect(retryAfter(header, Date.UTC(2026, 10, 26))).toBe(secs)
})
