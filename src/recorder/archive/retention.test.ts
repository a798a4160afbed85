import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { dateOf, segmentPath } from './partition.ts'
import { chooseExpired, listSegments, removeSegments, type StoredSegment } from './retention.ts'

const today = Date.UTC(2026, 10, 23, 12)

function segment(kind: string, date: string, sequence: number, bytes: number): StoredSegment {
  return { kind, date, sequence, bytes, path: segmentPath(kind, date, sequence) }
}

function paths(segments: readonly StoredSegment[]): string[] {
  return segments.map(({ path }) => path).sort()
}

it('deletes what is older than the days asked for', () => {
  const kept = segment('syslog', '2026-10-24', 0, 1)
  const old = segment('syslog', '2026-10-23', 0, 1)
  expect(chooseExpired([kept, old], { retentionDays: 30, maxBytes: 100 }, today, new Set())).toEqual([old])
})

it('deletes nothing by age while the clock is in doubt, and still keeps within the bytes', () => {
  const segments = [segment('syslog', '1970-01-01', 0, 10), segment('syslog', '2026-11-23', 0, 10)]
  const limits = { retentionDays: 30, maxBytes: 20 }
  expect(chooseExpired(segments, limits, undefined, new Set())).toEqual([])
  expect(paths(chooseExpired(segments, { ...limits, maxBytes: 15 }, undefined, new Set()))).toEqual([
    'kind=syslog/date=1970-01-01/000000.ndjson',
  ])
})

it('takes the bytes from the kind that holds the most, oldest first', () => {
  const segments = [
    segment('drops', '2026-11-01', 0, 10),
    segment('docker', '2026-11-22', 0, 50),
    segment('docker', '2026-11-22', 1, 50),
    segment('docker', '2026-11-23', 0, 50),
  ]
  expect(paths(chooseExpired(segments, { retentionDays: 30, maxBytes: 70 }, today, new Set()))).toEqual([
    'kind=docker/date=2026-11-22/000000.ndjson',
    'kind=docker/date=2026-11-22/000001.ndjson',
  ])
})

it('keeps segments that are being written, and otherwise the limits, whatever there is', () => {
  const arbitrary = fc.record({
    kind: fc.constantFrom('docker', 'syslog', 'drops'),
    age: fc.nat({ max: 60 }),
    sequence: fc.nat({ max: 3 }),
    bytes: fc.nat({ max: 100 }),
    open: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(arbitrary), fc.nat({ max: 1000 }), (list, maxBytes) => {
      const all = new Map(
        list.map((s) => {
          const made = segment(s.kind, dateOf(today - s.age * 86_400_000), s.sequence, s.bytes)
          return [made.path, { made, open: s.open }]
        }),
      )
      const segments = [...all.values()].map(({ made }) => made)
      const open = new Set([...all.values()].filter((s) => s.open).map(({ made }) => made.path))
      const expired = new Set(paths(chooseExpired(segments, { retentionDays: 30, maxBytes }, today, open)))
      const kept = segments.filter(({ path }) => !expired.has(path))
      for (const path of open) expect(expired.has(path)).toBe(false)
      for (const { date, path } of kept) expect(open.has(path) || date >= '2026-10-24').toBe(true)
      const closedLeft = kept.filter(({ path, bytes }) => !open.has(path) && bytes > 0)
      const total = kept.reduce((sum, { bytes }) => sum + bytes, 0)
      expect(total <= maxBytes || closedLeft.length === 0).toBe(true)
    }),
  )
})

it('lists and removes segments on the disk, and leaves what is not ours', async () => {
  const root = await mkdtemp(join(tmpdir(), 'retention-'))
  try {
    const files = [
      segmentPath('docker', '2026-11-23', 0),
      'kind=docker/date=2026-11-22/notes.txt',
      'other/file',
    ]
    files.push(segmentPath('docker', '2026-11-22', 0), segmentPath('docker', '2026-11-21', 3))
    for (const file of files) {
      await mkdir(dirname(join(root, file)), { recursive: true })
      await writeFile(join(root, file), '12345')
    }
    const listed = await listSegments(root)
    expect(listed.map(({ path, bytes }) => [path, bytes])).toEqual([
      ['kind=docker/date=2026-11-21/000003.ndjson', 5],
      ['kind=docker/date=2026-11-22/000000.ndjson', 5],
      ['kind=docker/date=2026-11-23/000000.ndjson', 5],
    ])
    await removeSegments(root, listed.slice(0, 2))
    expect(await readdir(join(root, 'kind=docker'))).toEqual(['date=2026-11-22', 'date=2026-11-23'])
    expect(await readdir(join(root, 'kind=docker/date=2026-11-22'))).toEqual(['notes.txt'])
  } finally {
    await rm(root, { recursive: true })
  }
})
