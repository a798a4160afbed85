import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LIMITS, Spool } from './spool.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sekisho-spool-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const NOW = 1_800_000_000
const point = (time: number) => ({ time, values: { loadavg1: time } })
const oldest = async (spool: Spool, count = 100) =>
  (await spool.oldest(count, NOW * 1000)).map(({ time }) => time)

test('what was saved is there after a crash, oldest first, and what arrived is not', async () => {
  const spool = await Spool.open(folder)
  for (const time of [NOW - 10, NOW - 30, NOW - 20]) await spool.add(point(time))
  expect(await readdir(folder)).toEqual([])
  await spool.save()
  await spool.remove([NOW - 20])
  await writeFile(join(folder, `${NOW}.json.tmp`), '{ half')
  const after = await Spool.open(folder)
  expect(await oldest(after)).toEqual([NOW - 30, NOW - 10])
  expect(await oldest(after, 1)).toEqual([NOW - 30])
  expect((await readdir(folder)).toSorted()).toEqual([`${NOW - 30}.json`, `${NOW - 10}.json`].toSorted())
})

test('the oldest are given up beyond age, number and bytes, and counted', async () => {
  const spool = await Spool.open(folder, { ...LIMITS, maxPoints: 5, maxUnsaved: 10 })
  await spool.add(point(NOW - LIMITS.maxAgeSecs))
  for (let i = 0; i < 5; i++) await spool.add(point(NOW - 5 + i))
  expect(spool.givenUp).toBe(1)
  expect(await oldest(spool)).toHaveLength(5)

  const small = await Spool.open(join(folder, 'bytes'), { ...LIMITS, maxBytes: 100 })
  for (let i = 0; i < 5; i++) await small.add(point(NOW - 5 + i))
  await small.save()
  expect(small.size + small.givenUp).toBe(5)
  expect(small.size).toBeGreaterThan(0)
  expect(await oldest(small)).toContain(NOW - 1)

  const old = await Spool.open(join(folder, 'age'))
  await old.add(point(NOW - LIMITS.maxAgeSecs))
  expect(await oldest(old)).toEqual([])
  expect(old.givenUp).toBe(1)
})

test('on a disk that refuses, memory is bounded', async () => {
  const spool = await Spool.open(join(folder, 'gone'), { ...LIMITS, maxUnsaved: 3 })
  await rm(join(folder, 'gone'), { recursive: true })
  for (let i = 0; i < 5; i++) {
    await spool.add(point(NOW - 5 + i))
    await spool.save()
  }
  expect(await oldest(spool)).toEqual([NOW - 3, NOW - 2, NOW - 1])
  expect(spool.givenUp).toBe(2)
})

test('a point of the same second replaces the other', async () => {
  const spool = await Spool.open(folder)
  await spool.add(point(NOW))
  await spool.save()
  await spool.add({ time: NOW, values: { loadavg1: 7 } })
  expect(await spool.oldest(9, NOW * 1000)).toEqual([{ time: NOW, values: { loadavg1: 7 } }])
})
