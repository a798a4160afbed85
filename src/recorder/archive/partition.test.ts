import { expect, it } from 'vitest'
import { parseSegmentPath, partitionDate, segmentPath } from './partition.ts'

const now = Date.UTC(2026, 10, 23, 12)
const day = 86_400_000

it('files a record under its own UTC date', () => {
  expect(partitionDate(Date.UTC(2026, 10, 22, 23, 59, 59, 999), now, 30)).toBe('2026-11-22')
  expect(partitionDate(Date.UTC(2026, 10, 23), now, 30)).toBe('2026-11-23')
})

it.each([
  ['older than what is kept', now - 31 * day],
  ['of 1970', 0],
  ['more than a day ahead', now + 2 * day],
  ['of the year 9999', Date.UTC(9999, 11, 31)],
  ['that is no number', Number.NaN],
])('files a record %s under today', (_, time) => {
  expect(partitionDate(time, now, 30)).toBe('2026-11-23')
})

it('reads the paths it writes and no others', () => {
  expect(parseSegmentPath(segmentPath('docker', '2026-11-23', 7))).toEqual({
    kind: 'docker',
    date: '2026-11-23',
    sequence: 7,
  })
  for (const path of [
    'kind=a/date=2026-11-23/../../etc.ndjson',
    'kind=a/date=2026-11-23/notes.txt',
    'state/x.json',
  ]) {
    expect(parseSegmentPath(path)).toBeUndefined()
  }
})
