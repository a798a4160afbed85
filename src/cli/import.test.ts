import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { loadRouter } from '../load-router.ts'
import { importCommand } from './import.ts'

const OLD_ROUTER = join(import.meta.dirname, '../../tests/old-router')

let folder = ''
let said = ''
let out = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'import-'))
  out = join(folder, 'new/router.yaml')
  said = ''
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      said += String(text)
      return true
    })
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true })
  process.exitCode = undefined
})

async function run(...args: string[]): Promise<unknown> {
  process.exitCode = undefined
  said = ''
  await importCommand().parseAsync(['--out', out, ...args], { from: 'user' })
  return process.exitCode
}

const texts = () =>
  readdirSync(join(folder, 'new'), { recursive: true, withFileTypes: true })
    .flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []))
    .sort()

describe('import', () => {
  it('writes a file that passes check, and secrets that root alone may read', async () => {
    expect(await run(OLD_ROUTER, '--interface', 'enp2s0=lan0', '--interface', 'enp1s0=wan0')).toBe(0)
    const loaded = await loadRouter(out)
    expect(loaded.ok && loaded.router).toMatchObject({
      wan: { device: 'ppp-wan' },
      networks: [{ device: 'lan0' }],
    })
    expect(texts().map((path) => path.slice(folder.length))).toEqual([
      '/new/kea-leases4.csv',
      '/new/router.yaml',
      '/new/secrets/mackerel',
      '/new/secrets/pppoe',
      '/new/secrets/s3',
    ])
    for (const name of ['mackerel', 'pppoe', 's3'])
      expect(statSync(join(folder, 'new/secrets', name)).mode & 0o777).toBe(0o400)
    expect(said).toMatch(/^Carried over$/m)
    expect(said).toMatch(/^Could not carry over$/m)
    expect(said).toMatch(/^Assumed$/m)
    expect(`${said}${readFileSync(out, 'utf8')}`).not.toMatch(
      /AKXXXX|Ib346x|2R8xxx|pass word of pppoe|old-db-password/,
    )
  })

  it('writes over nothing without --force, and keeps what was there with it', async () => {
    mkdirSync(join(folder, 'new'))
    writeFileSync(out, 'mine\n')
    expect(await run(OLD_ROUTER)).toBe(1)
    expect(said).toMatch(/router.yaml is there already. Fix: /)
    expect(texts()).toEqual([out])
    expect(await run(OLD_ROUTER, '--force')).toBe(0)
    expect(said).toContain(`what was there is now ${out}.old`)
    expect(readFileSync(`${out}.old`, 'utf8')).toBe('mine\n')
    expect(await run(OLD_ROUTER, '--force', '--hostname', 'other')).toBe(0)
    expect(readFileSync(`${out}.old`, 'utf8')).toBe('mine\n')
    expect(said).toContain(`${out}.old.2`)
  })

  it('speaks to programs', async () => {
    expect(await run(join(OLD_ROUTER, 'config.json'), '--wan', 'wan0', '--json')).toBe(0)
    const { ok, wrote, carried, assumed } = JSON.parse(said)
    expect({ ok, wrote: wrote.at(-1) }).toEqual({ ok: true, wrote: out })
    expect(carried.length).toBeGreaterThan(3)
    expect(assumed.length).toBeGreaterThan(1)
  })

  it.each([
    [['/nowhere'], /^sekisho: \/nowhere cannot be read: .*Fix: name a config.json/],
    [[join(OLD_ROUTER, 'etc/ppp')], /has neither config.json nor .*Fix: /],
    [[join(OLD_ROUTER, 'config.json')], /no file says which port faces the Internet. Fix: say --wan PORT/],
    [[OLD_ROUTER, '--interface', 'enp2s0'], /--interface "enp2s0" is not OLD=NEW. Fix: /],
    [[OLD_ROUTER, '--interface', 'enp2s0=a b'], /is not OLD=NEW/],
    [[OLD_ROUTER, '--interface', 'enp2s0=wan0', '--wan', 'wan0'], /networks\.home\.interfaces.*wan0/],
  ])('says what to do about %j', async (args, words) => {
    expect(await run(...args)).toBe(1)
    expect(said).toMatch(words)
    expect(() => texts()).toThrow()
  })

  it('names the file and the line of what is broken, of every file at once', async () => {
    const old = join(folder, 'old')
    cpSync(OLD_ROUTER, old, { recursive: true })
    writeFileSync(join(old, 'etc/network/iptables'), '*filter\n-A INPUT -j ACCEPT\n')
    writeFileSync(join(old, 'leases.sql'), "\nINSERT INTO lease4 VALUES ('x")
    expect(await run(old)).toBe(1)
    expect(said).toContain(`${old}/etc/network/iptables:1: the table filter has no end`)
    expect(said).toContain(`${old}/leases.sql:2: a text or a comment that begins here does not end`)
    expect(said.match(/ Fix: /g)).toHaveLength(2)
    expect(await run(old, '--json')).toBe(1)
    expect(JSON.parse(said)).toMatchObject({ ok: false })
  })
})
