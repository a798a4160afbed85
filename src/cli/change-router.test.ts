import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pauseDevice } from '../config/pause-device.ts'
import { Refusal } from '../move/refusal.ts'
import { createHost, type Host } from '../router/host.ts'
import { changeRouter, type RouterChange } from './change-router.ts'

const YAML = `version: 1 # ours
hostname: gate
wan: { mode: dhcp, interface: eth0 }
networks:
  home: { interfaces: [eth1], address: 10.0.0.1/24 }
modules: {}
`
const TV = '02:00:5e:10:00:01'

let root: string
let file: string
let host: Host

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'sekisho-change-'))
  file = join(root, 'router.yaml')
  writeFileSync(file, YAML)
  chmodSync(file, 0o640)
  host = createHost({ root, durable: false })
  await mkdir(join(root, 'run'))
  await host.write(
    '/etc/sekisho/generations/8/meta.json',
    JSON.stringify({ version: 1, createdAt: '2026-11-27T00:00:00Z', author: 'x', summary: ['+ a denial'] }),
    0o644,
  )
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const applied = { code: 0, stdout: JSON.stringify({ ok: true, changed: true, plan: { to: 8 } }), stderr: '' }

function change(over: Partial<RouterChange> = {}) {
  return changeRouter({
    host,
    file,
    edit: (text) => pauseDevice(text, 'home', TV) ?? '',
    say: () => undefined,
    pending: async () => undefined,
    apply: async () => applied,
    ...over,
  })
}

it('is written when it is applied, and says its generation', async () => {
  let seen = ''
  const apply = async () => {
    seen = readFileSync(file, 'utf8')
    return applied
  }
  expect(await change({ apply })).toEqual({ generation: 8, summary: '+ a denial' })
  expect(seen).toContain(`source: "${TV}"`)
  expect(readFileSync(file, 'utf8')).toBe(seen)
  expect(statSync(file).mode & 0o777).toBe(0o640)
})

describe('nothing is left of what is not applied', () => {
  const failing = (stdout: unknown, code = 1, stderr = '') => ({
    apply: async () => ({
      code,
      stdout: typeof stdout === 'string' ? stdout : JSON.stringify(stdout),
      stderr,
    }),
  })
  it.each<[string, Partial<RouterChange>, string, string]>([
    [
      'apply fails',
      failing({ ok: false, message: 'nft says no. Fix: mend it', details: [] }),
      'nft says no. ',
      'mend it',
    ],
    [
      'apply is refused with details',
      failing({ ok: false, message: 'not ready', details: ['no room. Fix: make some'] }),
      'not ready; no room. ',
      'make some',
    ],
    ['the file is wrong', failing({ ok: false, issues: [{ message: 'bad', fix: 'good' }] }), 'bad. ', 'good'],
    ['apply dies', failing('', 137, 'Killed\n'), 'Killed. ', 'sekisho plan'],
    ['apply cannot start', { apply: () => Promise.reject(new Error('ENOENT')) }, 'ENOENT. ', 'sekisho plan'],
    [
      'there are edits of others',
      { pending: async () => new Refusal('edits', 'apply them') },
      'edits',
      'apply them',
    ],
    ['it would be wrong', { edit: (text) => `${text}nonsense: 1\n` }, 'nonsense', 'left as it is'],
    [
      'it cannot be written',
      {
        edit: () => {
          throw new Refusal('no place', 'by hand')
        },
      },
      'no place',
      'by hand',
    ],
  ])('when %s', async (_, over, problem, fix) => {
    const refusal = await change(over).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(Refusal)
    expect(refusal).toMatchObject({
      message: expect.stringContaining(problem),
      fix: expect.stringContaining(fix),
    })
    expect(readFileSync(file, 'utf8')).toBe(YAML)
  })

  it('while an apply runs, waits to be confirmed, or all is down', async () => {
    const touched: string[] = []
    const apply = async () => {
      touched.push('apply')
      return applied
    }
    const release = await host.lock('/run/sekisho.lock', 0)
    await expect(change({ apply })).rejects.toThrow('an apply is running')
    await release?.()
    await host.write('/run/sekisho-guard.json', '{"version":1,"phase":"waiting","to":9,"deadline":1}', 0o600)
    await expect(change({ apply })).rejects.toThrow('generation 9 waits to be confirmed')
    await host.remove('/run/sekisho-guard.json')
    await host.write('/etc/sekisho/down', '', 0o644)
    await expect(change({ apply })).rejects.toThrow('sekisho down holds')
    await host.remove('/etc/sekisho/down')
    writeFileSync(file, 'version: 1\n')
    await expect(change({ apply })).rejects.toThrow('has mistakes')
    expect(touched).toEqual([])
  })
})

it('leaves alone what somebody wrote while it was applied', async () => {
  const theirs = `${YAML}# mine\n`
  const apply = async () => {
    writeFileSync(file, theirs)
    return { code: 1, stdout: '', stderr: 'no' }
  }
  await expect(change({ apply })).rejects.toThrow('was edited meanwhile, and stays')
  expect(readFileSync(file, 'utf8')).toBe(theirs)
})

it('is refused when somebody writes while it is thought about', async () => {
  const theirs = `${YAML}# mine\n`
  const pending = async () => {
    writeFileSync(file, theirs)
    return undefined
  }
  await expect(change({ pending })).rejects.toThrow('is being edited by somebody else')
  expect(readFileSync(file, 'utf8')).toBe(theirs)
})

it('is one at a time', async () => {
  let running = 0
  let most = 0
  const apply = async () => {
    running += 1
    most = Math.max(most, running)
    await new Promise((resolve) => setTimeout(resolve, 30))
    running -= 1
    return applied
  }
  const edit = (text: string) => `${text}# edited\n`
  await Promise.all([change({ apply, edit }), change({ apply, edit }), change({ apply, edit })])
  expect(most).toBe(1)
  expect(readFileSync(file, 'utf8')).toBe(`${YAML}${'# edited\n'.repeat(3)}`)
})
