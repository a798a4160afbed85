import { describe, expect, it } from 'vitest'
import { dueUpload, unsent } from './upload-due.ts'
import { chooseOverflow } from './upload-expire.ts'
import { ndjsonKey, ndjsonParts } from './upload-ndjson.ts'
import { parquetKey, parquetPartition } from './upload-parquet.ts'
import type { PartitionUpload } from './upload-state.ts'

const DAY = '2026-11-23'
const at = (time: string) => Date.parse(`${time}Z`)
const part = (sequence: number) => ({ name: `part-000000000${sequence}.parquet`, sequence })
const day = (sequence: number) => ({ name: `day-000000000${sequence}.parquet`, sequence })
const upload = (more: Partial<PartitionUpload>): PartitionUpload => ({
  sequence: 3,
  final: false,
  verified: '2026-11-23T10:00:00Z',
  released: false,
  objects: {},
  ...more,
})

describe('a partition is due', () => {
  it.each([
    ['at once when it is new', [part(3)], undefined, '2026-11-23T10:00:00', 'interim'],
    ['never without files', [], undefined, '2026-11-23T10:00:00', 'no'],
    ['not when nothing came', [part(3)], upload({}), '2026-11-23T23:00:00', 'no'],
    ['not within the hour', [part(3), part(4)], upload({}), '2026-11-23T10:59:00', 'no'],
    ['after an hour', [part(3), part(4)], upload({}), '2026-11-23T11:00:00', 'interim'],
    ['after a clock was set back a day', [part(3), part(4)], upload({}), '2026-11-22T09:00:00', 'interim'],
    [
      'once more, sorted',
      [day(3)],
      upload({ verified: '2026-11-24T00:59:00Z' }),
      '2026-11-24T01:10:00',
      'final',
    ],
    ['not again', [day(3)], upload({ final: true }), '2026-11-25T00:00:00', 'no'],
    ['with late records', [day(3), part(5)], upload({ final: true }), '2026-11-24T03:00:00', 'interim'],
    ['with late records, sorted', [day(5)], upload({ final: true }), '2026-11-24T03:00:00', 'final'],
    ['not when what is left was released', [day(3)], upload({ released: true }), '2026-11-24T03:00:00', 'no'],
    [
      'with everything here when the state was lost',
      [day(3)],
      upload({ sequence: -1, final: true, released: true }),
      '2026-11-24T03:00:00',
      'final',
    ],
  ] as const)('%s', (_, files, before, now, expected) => {
    expect(dueUpload(files, before, DAY, at(now))).toBe(expected)
  })

  it('with what the objects are not the copy of', () => {
    expect(unsent([day(3), part(5)], upload({}))).toHaveLength(2)
    expect(unsent([day(3), part(5)], upload({ released: true }))).toEqual([part(5)])
  })
})

describe('keys', () => {
  const partition = { site: 'gate', kind: 'dns' as const, date: DAY }
  it('of Parquet are partitions, and back', () => {
    const key = parquetKey('logs/', partition)
    expect(key).toBe('logs/site=gate/kind=dns/date=2026-11-23/day.parquet')
    expect(parquetPartition('logs/', key)).toEqual(partition)
    expect(parquetPartition('', key)).toBeUndefined()
    expect(parquetPartition('logs/', key.replace('dns', 'other'))).toBeUndefined()
  })

  it("of JSON lines are the article's, and back", () => {
    const key = ndjsonKey('', partition, 7, 2)
    expect(key).toBe('dns/2026/11/23/2026112307_2.gz')
    expect(ndjsonParts('', key)).toEqual({ kind: 'dns', date: DAY, index: 2 })
    expect(ndjsonParts('', 'dns/2026/11/23/2026112407_2.gz')).toBeUndefined()
  })
})

it('gives up of what waits the oldest of the kind that holds the most, and nothing that was brought', () => {
  const file = (kind: string, date: string, waits: boolean) => ({
    path: `${kind} ${date}`,
    kind,
    date,
    sequence: 1,
    bytes: 10,
    waits,
  })
  const files = [
    file('dns', '2026-11-20', false),
    file('dns', '2026-11-22', true),
    file('dns', '2026-11-21', true),
    file('syslog', '2026-11-20', true),
  ]
  expect(chooseOverflow(files, 30)).toEqual([])
  expect(chooseOverflow(files, 25).map(({ path }) => path)).toEqual(['dns 2026-11-21'])
})
