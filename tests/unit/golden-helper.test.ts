import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { expectGolden } from '../golden.ts'

let dir: string
beforeEach(async () => {
  vi.stubEnv('SEKISHO_GOLDEN', '')
  dir = await mkdtemp(join(tmpdir(), 'golden-'))
  await mkdir(join(dir, 'sub'))
  await writeFile(join(dir, 'a.conf'), 'a\n')
  await writeFile(join(dir, 'sub/b.conf'), 'b\n')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(dir, { recursive: true })
})

it('passes on the same files', async () => {
  await expectGolden(dir, { 'sub/b.conf': 'b\n', 'a.conf': 'a\n' })
})

it.each([
  ['another text', { 'a.conf': 'x\n', 'sub/b.conf': 'b\n' }],
  ['a missing file', { 'a.conf': 'a\n' }],
  ['a file too many', { 'a.conf': 'a\n', 'sub/b.conf': 'b\n', 'c.conf': '' }],
  ['a path outside', { 'a.conf': 'a\n', 'sub/b.conf': 'b\n', '../c.conf': '' }],
])('fails on %s', async (_, files) => {
  await expect(expectGolden(dir, files)).rejects.toThrow()
})

it('says how to begin when there is nothing yet', async () => {
  await expect(expectGolden(join(dir, 'none'), {})).rejects.toThrow('npm run golden')
})

it('writes exactly what was generated when asked to', async () => {
  vi.stubEnv('SEKISHO_GOLDEN', 'write')
  await expectGolden(dir, { 'c/d.conf': 'd\n' })
  vi.stubEnv('SEKISHO_GOLDEN', '')
  await expectGolden(dir, { 'c/d.conf': 'd\n' })
})
