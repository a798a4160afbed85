import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeBundle, thisArch } from '../../tests/sample-bundle.ts'
import { installRelease } from './install.ts'
import { listTree } from './manifest.ts'

let work: string
let root: string

beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'sekisho-install-'))
  root = join(work, 'root')
  await mkdir(root)
})
afterEach(() => rm(work, { recursive: true, force: true }))

const FIRST = '1.0.0-aaaaaaaaaaaa'
const opt = (...path: string[]) => join(root, 'opt/sekisho', ...path)

describe('installRelease', () => {
  test.each(['bundle', 'source'] as const)('puts a release in place from a %s, once', async (from) => {
    const { folder, file } = await makeBundle(work, FIRST)
    const options = from === 'bundle' ? { bundle: file, root } : { source: folder, root }
    expect(await installRelease(options)).toEqual({
      status: 'installed',
      release: FIRST,
      images: ['sekisho/demo:0123456789ab'],
    })
    expect(await readlink(opt('current'))).toBe(FIRST)
    expect(await readlink(join(root, 'usr/local/bin/sekisho'))).toBe('/opt/sekisho/current/sekisho')
    expect(await readFile(opt('current/src/main.ts'), 'utf8')).toBe('main()')
    expect((await stat(opt('current/sekisho'))).mode & 0o777).toBe(0o755)
    expect((await lstat(opt('current/bin/node'))).isSymbolicLink()).toBe(true)
    expect((await stat(join(root, 'etc/sekisho/secrets'))).mode & 0o777).toBe(0o700)
    expect((await readdir(opt())).sort()).toEqual(['.lock', FIRST, 'current'])
    expect(await installRelease(options)).toMatchObject({ status: 'already', release: FIRST })
  })

  test('upgrades, goes back, and keeps the two newest', async () => {
    for (const release of ['1.0.0-aaaaaaaaaaaa', '1.0.1-bbbbbbbbbbbb', '1.0.2-cccccccccccc']) {
      const { file } = await makeBundle(work, release, release)
      expect(await installRelease({ bundle: file, root })).toMatchObject({ status: 'installed', release })
      expect(await readFile(opt('current/src/main.ts'), 'utf8')).toBe(release)
    }
    expect((await readdir(opt())).sort()).toEqual([
      '.lock',
      '1.0.1-bbbbbbbbbbbb',
      '1.0.2-cccccccccccc',
      'current',
    ])
    const back = await installRelease({ bundle: join(work, 'sekisho-1.0.1-bbbbbbbbbbbb.tar'), root })
    expect(back).toMatchObject({ status: 'installed', release: '1.0.1-bbbbbbbbbbbb' })
    expect(await readlink(opt('current'))).toBe('1.0.1-bbbbbbbbbbbb')
  })

  test.each([0, 300, 1000, 5000, 60_000, 100_000])(
    'refuses a bundle truncated to %d bytes and changes nothing',
    async (size) => {
      const good = await makeBundle(work, FIRST)
      await installRelease({ bundle: good.file, root })
      const before = await listTree(root)
      const { file } = await makeBundle(work, '1.0.1-bbbbbbbbbbbb')
      await truncate(file, size)
      expect(await installRelease({ bundle: file, root })).toMatchObject({ status: 'refused' })
      expect((await listTree(root)).sort()).toEqual(before.sort())
      expect(await readlink(opt('current'))).toBe(FIRST)
    },
  )

  test('refuses a bundle cut short though its release is installed', async () => {
    const { file } = await makeBundle(work, FIRST)
    await installRelease({ bundle: file, root })
    await truncate(file, 50_000)
    expect(await installRelease({ bundle: file, root })).toMatchObject({ status: 'refused' })
  })

  test('refuses a bundle wherever one bit of it flipped', async () => {
    const { file } = await makeBundle(work, FIRST)
    const good = await readFile(file)
    // In every member's content: tar's own headers have fields that mean nothing here.
    const marks = ['main()', '#!/bin/sh', '"release"', '"sha256"', 'xxxxxxxx'].map((text) =>
      good.indexOf(text),
    )
    for (const at of marks) {
      expect(at).toBeGreaterThan(0)
      const bad = Buffer.from(good)
      bad[at + 2] = (bad[at + 2] ?? 0) ^ 1
      await writeFile(file, bad)
      expect(await installRelease({ bundle: file, root })).toMatchObject({ status: 'refused' })
      expect(await readdir(opt())).toEqual(['.lock'])
    }
  })

  test('refuses a damaged unpacked bundle, another architecture and what is no bundle', async () => {
    const { folder } = await makeBundle(work, FIRST)
    await writeFile(join(folder, 'src/main.ts'), 'evil()')
    expect(await installRelease({ source: folder, root })).toMatchObject({
      status: 'refused',
      message: 'the bundle is damaged: src/main.ts is damaged',
    })
    const other = await makeBundle(work, '1.0.1-bbbbbbbbbbbb', '', thisArch === 'x64' ? 'arm64' : 'x64')
    expect(await installRelease({ bundle: other.file, root })).toMatchObject({ status: 'refused' })
    expect(await installRelease({ source: work, root })).toMatchObject({ status: 'refused' })
    await writeFile(join(work, 'text'), 'no archive')
    expect(await installRelease({ bundle: join(work, 'text'), root })).toMatchObject({ status: 'refused' })
    expect(await readdir(opt())).toEqual(['.lock'])
  })

  test('mends an installed release that was damaged, and what a crash left behind', async () => {
    const { file } = await makeBundle(work, FIRST)
    await installRelease({ bundle: file, root })
    await writeFile(opt(FIRST, 'src/main.ts'), 'evil()')
    await mkdir(opt('1.0.1-bbbbbbbbbbbb.tmp/src'), { recursive: true })
    await symlink('nowhere', opt('current.next'))
    expect(await installRelease({ bundle: file, root })).toMatchObject({ status: 'installed' })
    expect(await readFile(opt('current/src/main.ts'), 'utf8')).toBe('main()')
    expect(await installRelease({ source: opt(FIRST), root })).toMatchObject({ status: 'already' })
    expect(await readdir(opt())).not.toContain('1.0.1-bbbbbbbbbbbb.tmp')
  })

  test("leaves someone else's command alone", async () => {
    const { file } = await makeBundle(work, FIRST)
    await mkdir(join(root, 'usr/local/bin'), { recursive: true })
    await writeFile(join(root, 'usr/local/bin/sekisho'), 'mine')
    expect(await installRelease({ bundle: file, root })).toMatchObject({ status: 'refused' })
    expect(await readFile(join(root, 'usr/local/bin/sekisho'), 'utf8')).toBe('mine')
  })
})
