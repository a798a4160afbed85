import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Migration } from '../config/migrations/migrations.ts'
import { migrateFile } from './migrate.ts'

const LATER: readonly Migration[] = [
  { from: 1, to: 2, says: 'there is a site', migrate: (document) => document.set('site', 'home') },
]

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sekisho-migrate-'))
  file = join(folder, 'router.yaml')
})
afterEach(() => rm(folder, { recursive: true }))

test('the file is rewritten, the old one kept beside it, and the second time nothing happens', async () => {
  await writeFile(file, 'version: 1 # first\n')
  await chmod(file, 0o640)
  expect(await migrateFile(file, LATER)).toEqual({ ok: true, kept: `${file}.v1`, says: ['there is a site'] })
  expect(await readFile(file, 'utf8')).toBe('version: 2 # first\nsite: home\n')
  expect(await readFile(`${file}.v1`, 'utf8')).toBe('version: 1 # first\n')
  expect((await stat(file)).mode & 0o777).toBe(0o640)
  expect(await migrateFile(file, LATER)).toEqual({ ok: true, says: [] })
  expect((await readdir(folder)).sort()).toEqual(['router.yaml', 'router.yaml.v1'])
})

test('an older file that was kept is not lost', async () => {
  await writeFile(`${file}.v1`, 'version: 1 # of last year\n')
  await writeFile(file, 'version: 1\n')
  expect(await migrateFile(file, LATER)).toMatchObject({ kept: `${file}.v1.2` })
  expect(await readFile(`${file}.v1`, 'utf8')).toBe('version: 1 # of last year\n')
  // Cut short between the two: the second name is there already.
  await writeFile(file, 'version: 1\n')
  expect(await migrateFile(file, LATER)).toMatchObject({ kept: `${file}.v1.2` })
})

test('a newer file stays as it is', async () => {
  await writeFile(file, 'version: 3\n')
  expect(await migrateFile(file, LATER)).toMatchObject({ ok: false })
  expect(await readdir(folder)).toEqual(['router.yaml'])
  expect(await readFile(file, 'utf8')).toBe('version: 3\n')
})
