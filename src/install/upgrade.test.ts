import {
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeBundle } from '../../tests/sample-bundle.ts'
import { createHost, type Host } from '../router/host.ts'
import { installRelease } from './install.ts'
import { rollBackRelease, upgrade } from './upgrade.ts'

const A = '1.0.0-aaaaaaaaaaaa'
const B = '1.1.0-bbbbbbbbbbbb'
const C = '1.2.0-cccccccccccc'
const YAML = 'version: 1\n'

let work: string
let root: string
let host: Host
/** What releases were told to do, with the release in use then. */
let ran: string[]
/** "RELEASE COMMAND" → its exit code, where that is not 0. */
let codes: Map<string, number>
/** What a release's apply does beside that. */
let onApply: (release: string) => Promise<void>

beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'sekisho-upgrade-'))
  root = join(work, 'root')
  host = createHost({ root, durable: false })
  ran = []
  codes = new Map()
  onApply = () => Promise.resolve()
  const { file } = await makeBundle(work, A)
  await installRelease({ bundle: file, root })
  await host.write('/etc/sekisho/router.yaml', YAML, 0o644)
  await host.write('/etc/sekisho/generations/7/router.yaml', YAML, 0o644)
  for (const link of ['current', 'confirmed']) await symlink('generations/7', join(root, 'etc/sekisho', link))
})
afterEach(() => rm(work, { recursive: true, force: true }))

const inUse = () => readlink(join(root, 'opt/sekisho/current'))
const releases = async () =>
  (await readdir(join(root, 'opt/sekisho'))).filter((name) => /^\d/.test(name)).sort()
const options = () => ({
  host,
  root,
  async run(release: string, args: readonly string[]) {
    ran.push(`${await inUse()}: ${release} ${args.join(' ')}`)
    if (args[0] === 'apply') await onApply(release)
    return codes.get(`${release} ${args[0]}`) ?? 0
  },
})
const upgradeTo = async (release: string) => upgrade((await makeBundle(work, release)).file, options())

describe('upgrade', () => {
  test('installs, applies with the new release, and keeps the old', async () => {
    expect(await upgradeTo(B)).toEqual({ status: 'done', from: A, to: B, applied: true })
    expect(ran).toEqual([`${B}: ${B} install`, `${B}: ${B} apply`])
    expect(await inUse()).toBe(B)
    expect(await releases()).toEqual([A, B])
    expect(await upgradeTo(B)).toEqual({ status: 'already', release: B })
    expect(ran).toHaveLength(2)
    expect(await upgradeTo(C)).toMatchObject({ status: 'done', from: B, to: C })
    expect(await releases()).toEqual([B, C])
  })

  test.each(['install', 'apply'])(
    'when its %s fails, the old release comes back and applies what it had',
    async (step) => {
      codes.set(`${B} ${step}`, 1)
      // As one that has migrated the file before it failed.
      onApply = (release) =>
        release === B ? host.write('/etc/sekisho/router.yaml', 'version: 2\n', 0o644) : Promise.resolve()
      expect(await upgradeTo(B)).toEqual({
        status: 'back',
        from: A,
        to: B,
        failed: `sekisho ${step} of release ${B} ended with code 1`,
      })
      expect(ran.at(-1)).toBe(`${A}: ${A} apply`)
      expect(await inUse()).toBe(A)
      expect(await releases()).toEqual([A])
      expect(await host.read('/etc/sekisho/router.yaml')).toBe(YAML)
      // What it leaves is no reason not to try again.
      codes.clear()
      onApply = () => Promise.resolve()
      expect(await upgradeTo(B)).toMatchObject({ status: 'done', from: A })
    },
  )

  test('says when not even the way back went well', async () => {
    codes.set(`${B} apply`, 1).set(`${A} apply`, 1)
    expect(await upgradeTo(B)).toMatchObject({ status: 'stuck', from: A, to: B })
    expect(await inUse()).toBe(A)
  })

  test('keeps the release in use, however old its installation is', async () => {
    await installRelease({ bundle: (await makeBundle(work, B)).file, root })
    expect(await rollBackRelease(options())).toMatchObject({ status: 'done', to: A })
    await utimes(join(root, 'opt/sekisho', A), 0, 0)
    expect(await upgradeTo(C)).toMatchObject({ status: 'done', from: A, to: C })
    expect(await releases()).toEqual([A, C])
  })

  test('cut off by the loss of power, it is done again and still knows the way back', async () => {
    const cut = { ...options(), run: () => Promise.reject(new Error('no power')) }
    await expect(upgrade((await makeBundle(work, B)).file, cut)).rejects.toThrow('no power')
    expect(await inUse()).toBe(B)
    await host.write('/etc/sekisho/router.yaml', 'version: 2\n', 0o644)
    codes.set(`${B} apply`, 1)
    expect(await upgradeTo(B)).toMatchObject({ status: 'back', from: A, to: B })
    expect(await inUse()).toBe(A)
    expect(await host.read('/etc/sekisho/router.yaml')).toBe(YAML)
  })

  test('is refused while router.yaml or the last apply waits, and of a damaged bundle', async () => {
    await host.write('/etc/sekisho/router.yaml', 'version: 1 # changed\n', 0o644)
    expect(await upgradeTo(B)).toMatchObject({
      status: 'refused',
      message: expect.stringContaining('is not what was applied'),
    })
    await host.write('/etc/sekisho/router.yaml', YAML, 0o644)
    await host.symlink('generations/6', '/etc/sekisho/confirmed')
    expect(await upgradeTo(B)).toMatchObject({
      status: 'refused',
      message: 'the last apply is not confirmed',
    })
    await host.symlink('generations/7', '/etc/sekisho/confirmed')
    const { file } = await makeBundle(work, B)
    await truncate(file, 60_000)
    expect(await upgrade(file, options())).toMatchObject({ status: 'refused' })
    expect([await inUse(), await releases(), ran]).toEqual([A, [A], []])
    expect(await upgradeTo(B)).toMatchObject({ status: 'done', from: A })
  })

  test('where nothing was applied yet, it installs', async () => {
    await rm(join(root, 'etc/sekisho'), { recursive: true })
    expect(await upgradeTo(B)).toEqual({ status: 'done', from: A, to: B, applied: false })
    expect(ran).toEqual([`${B}: ${B} install`])
    await rm(join(root, 'opt/sekisho/current'))
    expect(await upgradeTo(C)).toMatchObject({
      status: 'refused',
      message: 'sekisho is not installed on this machine',
    })
  })
})

describe('upgrade --rollback', () => {
  test('goes back to the release before, and forward again', async () => {
    expect(await rollBackRelease(options())).toMatchObject({
      status: 'refused',
      message: 'no other release is installed',
    })
    await upgradeTo(B)
    ran = []
    await host.write('/etc/sekisho/router.yaml', 'version: 1 # changed since\n', 0o644)
    expect(await rollBackRelease(options())).toEqual({ status: 'done', from: B, to: A, applied: true })
    expect(ran).toEqual([
      `${B}: ${A} check /etc/sekisho/router.yaml`,
      `${A}: ${A} install`,
      `${A}: ${A} apply`,
    ])
    expect(await host.read('/etc/sekisho/router.yaml')).toBe('version: 1 # changed since\n')
    expect(await rollBackRelease(options())).toMatchObject({ status: 'done', from: A, to: B })
    expect(await inUse()).toBe(B)
  })

  test('a router.yaml that the older release cannot read is the one from before again, and none is lost', async () => {
    onApply = (release) =>
      release === B ? host.write('/etc/sekisho/router.yaml', 'version: 2\n', 0o644) : Promise.resolve()
    await upgradeTo(B)
    codes.set(`${A} check`, 1)
    expect(await rollBackRelease(options())).toMatchObject({ status: 'done', to: A })
    expect(await host.read('/etc/sekisho/router.yaml')).toBe(YAML)
    expect(await host.read(`/etc/sekisho/router.yaml.${B}`)).toBe('version: 2\n')
    // Of one that came otherwise nothing is known.
    await writeFile(join(root, 'opt/sekisho/upgrade.json'), '{')
    codes.set(`${B} check`, 1)
    expect(await rollBackRelease(options())).toMatchObject({ status: 'refused' })
    expect(await inUse()).toBe(A)
  })

  test('when the older release cannot apply, the newer is in use again', async () => {
    await upgradeTo(B)
    codes.set(`${A} apply`, 1)
    expect(await rollBackRelease(options())).toMatchObject({ status: 'back', from: B, to: A })
    expect(await inUse()).toBe(B)
    expect(await readFile(join(root, dirname('/etc/sekisho/router.yaml'), 'router.yaml'), 'utf8')).toBe(YAML)
  })
})
