import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HolderStore, parseHolders } from './holder-store.ts'
import { writeAtomic } from './write-atomic.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sekisho-store-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

describe('HolderStore', () => {
  test('remembers across instances, and writes only what changed', async () => {
    const path = join(dir, 'deep/holders.json')
    const store = new HolderStore(path)
    expect(await store.load()).toBeUndefined()
    const holders = new Map([
      ['tv', 'b'],
      ['phone', 'a'],
    ])
    await store.save(holders)
    expect(await new HolderStore(path).load()).toEqual(holders)
    const { ino } = await stat(path)
    await store.save(
      new Map([
        ['phone', 'a'],
        ['tv', 'b'],
      ]),
    )
    expect((await stat(path)).ino).toBe(ino)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  test('a broken file is an empty memory', async () => {
    const path = join(dir, 'holders.json')
    for (const text of ['', '{', '[]', 'null', '{"phone":1}']) {
      await writeFile(path, text)
      expect(await new HolderStore(path).load()).toBeUndefined()
    }
  })

  test('fuzz: any text is a map or nothing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string({ unit: 'binary' })), (text) => {
        for (const client of parseHolders(text)?.values() ?? []) expect(typeof client).toBe('string')
      }),
    )
  })
})

describe('writeAtomic', () => {
  test('replaces a file and follows no link', async () => {
    const path = join(dir, 'a')
    const victim = join(dir, 'victim')
    await writeFile(victim, 'untouched')
    await symlink(victim, `${path}.new`)
    expect(await writeAtomic(path, 'one')).toBe(true)
    expect(await writeAtomic(path, 'one')).toBe(false)
    expect(await writeAtomic(path, 'two', { mode: 0o640, durable: true })).toBe(true)
    expect(await readFile(path, 'utf8')).toBe('two')
    expect((await stat(path)).mode & 0o777).toBe(0o640)
    expect(await readFile(victim, 'utf8')).toBe('untouched')
    expect((await readdir(dir)).sort()).toEqual(['a', 'victim'])
  })
})
