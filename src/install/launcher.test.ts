import { spawnSync } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { PROJECT_ROOT } from '../router/image-ref.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sekisho launcher '))
  await copyFile(join(PROJECT_ROOT, 'sekisho'), join(folder, 'sekisho'))
  await mkdir(join(folder, 'bin'))
  // Stands for Node: says what it was asked to run.
  await writeFile(join(folder, 'bin/node'), '#!/bin/sh\nprintf "%s|" "$@"\n', { mode: 0o755 })
  // npm and apt-get must not be called: these would say so.
  await mkdir(join(folder, 'path'))
  for (const name of ['npm', 'apt-get']) {
    await writeFile(join(folder, 'path', name), '#!/bin/sh\necho called >&2; exit 9\n', { mode: 0o755 })
  }
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function launch(path: string, ...args: string[]) {
  return spawnSync(path, args, {
    encoding: 'utf8',
    env: { PATH: `${join(folder, 'path')}:${process.env.PATH}` },
  })
}

describe('the launcher of an installed release', () => {
  test('runs the CLI with the Node beside it, through a link, without npm', async () => {
    await writeFile(join(folder, 'INSTALLED'), `1.0.0-aaaaaaaaaaaa ${process.arch}\n`)
    await symlink('sekisho', join(folder, 'link'))
    const { stdout, stderr, status } = launch(join(folder, 'link'), 'check', 'a b')
    expect({ stdout, stderr, status }).toEqual({
      stdout: `${folder}/src/cli/start.js|check|a b|`,
      stderr: '',
      status: 0,
    })
  })

  test('says so when the bundle is for another architecture', async () => {
    await writeFile(join(folder, 'INSTALLED'), '1.0.0-aaaaaaaaaaaa riscv64\n')
    const { stdout, stderr, status } = launch(join(folder, 'sekisho'), 'check')
    expect(stdout).toBe('')
    expect(stderr).toContain('this bundle is for riscv64')
    expect(status).toBe(1)
  })
})
