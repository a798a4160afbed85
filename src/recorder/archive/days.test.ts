import { expect, it } from 'vitest'
import { dayName, partitionPath, partName } from '../layout.ts'
import { isDue, partitionsOf } from './days.ts'
import type { ArchivedFile } from './files.ts'

const HOUR = 3_600_000
const MIDNIGHT = Date.UTC(2026, 10, 24)

function file(name: string, modifiedMs = MIDNIGHT): ArchivedFile {
  const partition = { site: 'home', kind: 'dns', date: '2026-11-23' } as const
  const sequence = Number(/\d+/.exec(name)?.[0])
  return { ...partition, name, path: `${partitionPath(partition)}/${name}`, bytes: 1, modifiedMs, sequence }
}

function due(files: readonly ArchivedFile[], nowMs: number): boolean {
  const [partition] = partitionsOf(files)
  return partition !== undefined && isDue(partition, nowMs)
}

it('merges a day an hour after its end', () => {
  const parts = [file(partName(1)), file(partName(2))]
  expect(due(parts, MIDNIGHT)).toBe(false)
  expect(due(parts, MIDNIGHT + HOUR)).toBe(true)
  expect(due(parts.slice(1), MIDNIGHT + HOUR)).toBe(true)
})

it('leaves a merged day alone until something came late, and then for a while', () => {
  const day = file(dayName(2))
  expect(due([day], MIDNIGHT + 100 * HOUR)).toBe(false)
  expect(due([day, file(partName(3))], MIDNIGHT + 5 * HOUR)).toBe(false)
  expect(due([day, file(partName(3))], MIDNIGHT + 6 * HOUR)).toBe(true)
  // Merged when the clock was ahead.
  expect(due([file(dayName(2), MIDNIGHT + 9000 * HOUR), file(partName(3))], MIDNIGHT + 2 * HOUR)).toBe(true)
})

it('tidies up what a newer file holds as well, at once', () => {
  const files = [file(partName(1)), file(dayName(2)), file(partName(3))]
  const [partition] = partitionsOf(files)
  expect(partition?.files.map(({ name }) => name)).toEqual([dayName(2), partName(3)])
  expect(partition?.old.map(({ name }) => name)).toEqual([partName(1)])
  expect(due(files, MIDNIGHT)).toBe(true)
})
