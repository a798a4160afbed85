import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { dayName, partitionPath, partName } from '../layout.ts'
import { dateOf } from './filing.ts'
import { chooseExpired, removeFiles, type StoredFile, storedFiles } from './retention.ts'

const today = Date.UTC(2026, 10, 23, 12)

function file(kind: string, date: string, sequence: number, bytes: number, waits = false): StoredFile {
  return { kind, date, sequence, bytes, waits, path: `${kind}/${date}/${sequence}` }
}

function paths(files: readonly StoredFile[]): string[] {
  return files.map(({ path }) => path).sort()
}

it('deletes what is older than the days asked for, once it is uploaded', () => {
  const kept = file('syslog', '2026-10-24', 0, 1)
  const old = file('syslog', '2026-10-23', 0, 1)
  const waiting = file('syslog', '2026-10-23', 1, 1, true)
  const limits = { retentionDays: 30, maxBytes: 100 }
  expect(chooseExpired([kept, old, waiting], limits, today)).toEqual([old])
})

it('deletes nothing by age while the clock is in doubt, and still keeps within the bytes', () => {
  const files = [file('syslog', '1970-01-01', 0, 10), file('syslog', '2026-11-23', 0, 10)]
  const limits = { retentionDays: 30, maxBytes: 20 }
  expect(chooseExpired(files, limits, undefined)).toEqual([])
  expect(paths(chooseExpired(files, { ...limits, maxBytes: 15 }, undefined))).toEqual(['syslog/1970-01-01/0'])
})

it('takes the bytes from the kind that holds the most, oldest first', () => {
  const files = [
    file('drops', '2026-11-01', 0, 10),
    file('container', '2026-11-22', 0, 50),
    file('container', '2026-11-22', 1, 50),
    file('container', '2026-11-23', 0, 50),
  ]
  expect(paths(chooseExpired(files, { retentionDays: 30, maxBytes: 70 }, today))).toEqual([
    'container/2026-11-22/0',
    'container/2026-11-22/1',
  ])
})

it('takes what waits for its upload last', () => {
  const files = [file('dns', '2026-11-20', 0, 50, true), file('syslog', '2026-11-22', 0, 10)]
  expect(paths(chooseExpired(files, { retentionDays: 30, maxBytes: 55 }, today))).toEqual([
    'syslog/2026-11-22/0',
  ])
  expect(chooseExpired(files, { retentionDays: 30, maxBytes: 40 }, today)).toHaveLength(2)
})

it('keeps the limits, whatever there is', () => {
  const arbitrary = fc.record({
    kind: fc.constantFrom('container', 'syslog', 'drops'),
    age: fc.nat({ max: 60 }),
    sequence: fc.nat({ max: 3 }),
    bytes: fc.nat({ max: 100 }),
    waits: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(arbitrary), fc.nat({ max: 1000 }), (list, maxBytes) => {
      const made = list.map((s) =>
        file(s.kind, dateOf(today - s.age * 86_400_000), s.sequence, s.bytes, s.waits),
      )
      const files = [...new Map(made.map((one) => [one.path, one])).values()]
      const expired = chooseExpired(files, { retentionDays: 30, maxBytes }, today)
      expect(new Set(expired).size).toBe(expired.length)
      const kept = files.filter((one) => !expired.includes(one))
      expect(kept.filter(({ waits, date }) => !waits && date < '2026-10-24')).toEqual([])
      expect(kept.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(maxBytes)
      // What waits went only for want of room, and when nothing else was left.
      const room = files.filter(({ waits, date }) => waits || date >= '2026-10-24')
      const fits = room.reduce((sum, { bytes }) => sum + bytes, 0) <= maxBytes
      if (fits) expect(expired.filter(({ waits, date }) => waits || date >= '2026-10-24')).toEqual([])
      if (expired.some(({ waits }) => waits))
        expect(kept.filter(({ waits, bytes }) => !waits && bytes > 0)).toEqual([])
    }),
  )
})

it('lists and removes files on the disk, and leaves what is not ours', async () => {
  const root = await mkdtemp(join(tmpdir(), 'retention-'))
  try {
    const at = (date: string, name: string): string =>
      join(root, 'archive', partitionPath({ site: 'home', kind: 'syslog', date }), name)
    const notes = at('2026-11-22', 'notes.txt')
    const files = [at('2026-11-21', dayName(3)), at('2026-11-22', partName(4)), at('2026-11-23', partName(5))]
    const kept = join(root, 'wal/quarantine/7.wal')
    for (const path of [...files, notes, kept, join(root, 'archive/other/file')]) {
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, '12345')
    }
    const listed = await storedFiles(root, ({ date }) => date === '2026-11-23')
    expect(listed.map(({ path, bytes, waits }) => [path, bytes, waits])).toEqual([
      [files[0], 5, false],
      [files[1], 5, false],
      [files[2], 5, true],
      [kept, 5, false],
    ])
    await removeFiles(listed.filter(({ path }) => path !== files[2]))
    expect(
      (await readdir(root, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['file', 'notes.txt', partName(5)])
    expect(await readdir(dirname(dirname(notes)))).toEqual(['date=2026-11-22', 'date=2026-11-23'])
  } finally {
    await rm(root, { recursive: true })
  }
})
