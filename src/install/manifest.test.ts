import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { describePart, listTree, type Manifest, parseManifest, sealManifest, verifyTree } from './manifest.ts'

let folder: string
let manifest: Manifest

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sekisho-manifest-'))
  await mkdir(join(folder, 'src'))
  await writeFile(join(folder, 'sekisho'), '#!/bin/sh\n', { mode: 0o755 })
  await writeFile(join(folder, 'src/main.ts'), 'main()')
  await symlink('src/main.ts', join(folder, 'start'))
  const parts = []
  for (const path of await listTree(folder)) parts.push(await describePart(folder, path))
  manifest = sealManifest({ release: '1.2.3-0123456789ab', arch: 'x64', images: ['sekisho/a:1'], parts })
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('verifyTree', () => {
  test('finds nothing wrong with the tree that was described', async () => {
    expect(await verifyTree(folder, manifest)).toEqual([])
  })

  test.each<[string, () => Promise<unknown>, string]>([
    [
      'changed text of the same size',
      () => writeFile(join(folder, 'src/main.ts'), 'Main()'),
      'src/main.ts is damaged',
    ],
    ['a truncated file', () => writeFile(join(folder, 'src/main.ts'), ''), 'src/main.ts is damaged'],
    ['a lost executable bit', () => chmod(join(folder, 'sekisho'), 0o644), 'sekisho is damaged'],
    ['a missing file', () => rm(join(folder, 'sekisho')), 'sekisho is missing'],
    ['an extra file', () => writeFile(join(folder, 'src/more.ts'), ''), 'src/more.ts does not belong there'],
    [
      'a link elsewhere',
      async () => {
        await symlink('/etc/passwd', join(folder, 'other'))
        await rename(join(folder, 'other'), join(folder, 'start'))
      },
      'start is damaged',
    ],
    [
      'a pipe in place of a file',
      async () => {
        await rm(join(folder, 'src/main.ts'))
        execFileSync('mkfifo', [join(folder, 'src/main.ts')])
      },
      'src/main.ts is damaged',
    ],
  ])('finds %s', async (_, damage, problem) => {
    await damage()
    expect(await verifyTree(folder, manifest)).toEqual([problem])
  })

  test('stops at the limit', async () => {
    await rm(join(folder, 'src'), { recursive: true })
    await rm(join(folder, 'sekisho'))
    expect(await verifyTree(folder, manifest, 1)).toHaveLength(1)
  })
})

describe('parseManifest', () => {
  const sealed = () => JSON.stringify(manifest)

  test('reads what was sealed', () => {
    expect(parseManifest(sealed())).toEqual(manifest)
  })

  test.each<[string, (text: string) => string]>([
    ['a truncated text', (text) => text.slice(0, -20)],
    ['another image', (text) => text.replace('sekisho/a:1', 'sekisho/b:1')],
    ['another release', (text) => text.replace('1.2.3-', '1.2.4-')],
    ['a path that leads outside', (text) => text.replace('"src/main.ts"', '"../main.ts"')],
    ['an unknown format', (text) => text.replace('"format":1', '"format":2')],
    ['nothing', () => ''],
  ])('refuses %s', (_, change) => {
    expect(change(sealed())).not.toBe(sealed())
    expect(parseManifest(change(sealed()))).toBeUndefined()
  })

  test('refuses a resealed path that leads outside', () => {
    const [first] = manifest.parts
    if (first === undefined) throw new Error('no parts')
    const { release, arch, images } = manifest
    const evil = sealManifest({ release, arch, images, parts: [{ ...first, path: 'src/../../etc/passwd' }] })
    expect(parseManifest(JSON.stringify(evil))).toBeUndefined()
  })
})
