import { expect, it } from 'vitest'
import { isDiskTrouble } from './attempts.ts'

it.each([
  'ENOSPC: no space left on device, write',
  'IO Error: Could not write file "/data/state/tmp/x": No space left on device',
  'IO Error: failed to read: Input/output error',
  'EMFILE: too many open files, open',
  'EROFS: read-only file system',
])('does not blame a segment for the disk: %s', (message) => {
  expect(isDiskTrouble(message)).toBe(true)
})

it.each(['Invalid Input Error: Malformed JSON', 'read 3 of 4 rows'])(
  'blames it for the rest: %s',
  (message) => {
    expect(isDiskTrouble(message)).toBe(false)
  },
)
