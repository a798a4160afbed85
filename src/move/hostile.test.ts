import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import {
  asyncProperty,
  assert as check,
  constantFrom,
  integer,
  property,
  string,
  tuple,
  uint8Array,
} from 'fast-check'
import { type Header, pack } from 'tar-stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  backUp,
  blankMachine,
  fullMachine,
  type Machine,
  restoreOn,
  workFolder,
} from '../../tests/sample-machine.ts'
import { listTree } from '../install/manifest.ts'
import { type BackupManifest, parseBackup, sealBackup } from './manifest.ts'
import { mayTravel } from './travel.ts'

/* An archive is somebody's file. Whatever is in it, restore says no and leaves the machine as it was. */

let work: string
let remove: () => Promise<void>
let machine: Machine
let file: string

beforeEach(async () => {
  ;({ path: work, remove } = await workFolder())
  machine = await blankMachine(work)
  file = join(work, 'backup')
})
afterEach(() => remove())

interface Member extends Partial<Header> {
  readonly name: string
  readonly content?: string
}

async function tarOf(members: readonly Member[]): Promise<Buffer> {
  const archive = pack()
  for (const { content = '', ...header } of members) {
    const entry = archive.entry({ size: Buffer.byteLength(content), mode: 0o600, ...header })
    entry.end(content)
    if (!entry.destroyed) await once(entry, 'close')
  }
  archive.finalize()
  return buffer(archive as unknown as NodeJS.ReadableStream)
}

const YAML = 'version: 1\nhostname: gate\n'

function described(path: string, content: string): BackupManifest['files'][number] {
  const sha256 = createHash('sha256').update(content).digest('hex')
  return { path, kind: 'config', size: Buffer.byteLength(content), sha256, mode: 0o644, uid: 0, gid: 0 }
}

function manifestOf(change: Partial<BackupManifest> = {}): string {
  const {
    format: _,
    digest: __,
    ...content
  } = {
    release: '1.0.0',
    created_at: '2026-11-26T12:00:00Z',
    hostname: 'gate',
    ports: [],
    folders: [],
    files: [described('/etc/sekisho/router.yaml', YAML)],
    left_out: [],
    ...change,
  } as BackupManifest
  return JSON.stringify(sealBackup(content))
}

const good = (): Member[] => [
  { name: 'manifest.json', content: manifestOf() },
  { name: 'files/etc/sekisho/router.yaml', content: YAML },
]

/** Everything on the machine, with what it holds. */
async function stateOf({ root }: Machine): Promise<string[]> {
  const paths = (await listTree(root)).filter((path) => path !== 'run/sekisho.lock').sort()
  return Promise.all(paths.map(async (path) => `${path} ${await readFile(join(root, path), 'latin1')}`))
}

async function expectRefused(bytes: Uint8Array, words: RegExp): Promise<void> {
  const before = await stateOf(machine)
  await writeFile(file, bytes)
  await expect(restoreOn(machine, file)).rejects.toMatchObject({
    message: expect.stringMatching(words),
    fix: expect.anything(),
  })
  expect(await stateOf(machine)).toEqual(before)
}

test('the archive that the others are made from is taken', async () => {
  await writeFile(file, await tarOf(good()))
  await restoreOn(machine, file)
  expect(await stateOf(machine)).toEqual([`etc/sekisho/router.yaml ${YAML}`])
})

describe('what is not the archive that its manifest describes', () => {
  const [manifest, yaml] = good() as [Member, Member]
  test.each<[string, Member[], RegExp]>([
    ['no members', [], /not a backup/],
    ['no manifest', [yaml], /not a backup/],
    [
      'a manifest that is a link',
      [{ name: 'manifest.json', type: 'symlink', linkname: '/etc/passwd' }],
      /not a backup/,
    ],
    ['a manifest that is no JSON', [{ ...manifest, content: 'text' }], /manifest is damaged/],
    [
      'a manifest that was changed',
      [{ ...manifest, content: manifestOf().replace('gate', 'evil') }, yaml],
      /manifest is damaged/,
    ],
    [
      'a newer format',
      [{ ...manifest, content: manifestOf().replace('"format":1', '"format":2') }, yaml],
      /a newer Sekisho/,
    ],
    ['a missing file', [manifest], /ends too early/],
    ['another file', [manifest, { ...yaml, name: 'files/etc/sekisho/other' }], /does not list/],
    [
      'a file more',
      [manifest, yaml, { name: 'files/etc/cron.d/evil', content: '* * * * * root evil' }],
      /does not list/,
    ],
    ['a file twice', [manifest, yaml, yaml], /does not list/],
    [
      "a symlink in a file's place",
      [manifest, { name: yaml.name, type: 'symlink', linkname: '/etc/shadow' }],
      /does not list/,
    ],
    [
      "a hard link in a file's place",
      [manifest, { name: yaml.name, type: 'link', linkname: '/etc/shadow' }],
      /does not list/,
    ],
    ["a device in a file's place", [manifest, { name: yaml.name, type: 'block-device' }], /does not list/],
    ['a folder more', [manifest, { name: 'files/etc/sekisho', type: 'directory' }, yaml], /does not list/],
    [
      'other bytes',
      [manifest, { ...yaml, content: YAML.replace('gate', 'evil') }],
      /is not what was backed up/,
    ],
    ['other sizes', [manifest, { ...yaml, content: `${YAML}#` }], /does not list/],
    ['no router.yaml', [{ ...manifest, content: manifestOf({ files: [] }) }], /no router.yaml/],
  ])('%s', async (_, members, words) => {
    await expectRefused(await tarOf(members), words)
  })

  test('text, zeros, nothing, a folder', async () => {
    await expectRefused(Buffer.from('# a router.yaml is no backup\n'.repeat(100)), /not a backup/)
    await expectRefused(Buffer.alloc(10_000), /not a backup/)
    await expectRefused(Buffer.alloc(0), /not a backup/)
    await expect(restoreOn(machine, work)).rejects.toThrow('cannot be read')
    await expect(restoreOn(machine, join(work, 'none'))).rejects.toThrow('cannot be read')
  })
})

describe('paths that no archive may write', () => {
  test.each([
    '/etc/passwd',
    '/etc/cron.d/evil',
    '/etc/sekisho/../passwd',
    '/etc/sekisho/./x',
    '/etc/sekisho//x',
    '/etc/sekisho/secrets/',
    '/etc/sekisho/current',
    '/etc/sekisho/generations/1/boot.sh',
    '/etc/sekisho/saved/files/etc/hosts',
    '/etc/sekishoX/x',
    '/opt/sekisho/current/src/cli/start.js',
    '/var/lib/sekisho/.restore-1/x',
    '/var/lib/sekisho',
    '/usr/bin/sekisho',
    '/root/../etc/passwd',
    '/srv/a\nb',
    '/srv/a\0b',
    'etc/sekisho/x',
    '../x',
    '',
    `/srv/${'x'.repeat(256)}`,
    `/srv/${'x/'.repeat(1000)}x`,
  ])('%j', async (path) => {
    expect(mayTravel(path)).toBe(false)
    const files = [described('/etc/sekisho/router.yaml', YAML), described(path, 'evil')]
    // As somebody who makes archives by hand would seal it.
    const { digest: _, ...body } = { ...(JSON.parse(manifestOf()) as BackupManifest), files }
    const digest = createHash('sha256').update(JSON.stringify(body)).digest('hex')
    const content = JSON.stringify({ ...body, digest })
    const members = [{ name: 'manifest.json', content }, ...good().slice(1)]
    await expectRefused(await tarOf(members), /its manifest is not one/)
  })

  test("one of people's own that router.yaml does not name", async () => {
    const files = [described('/etc/sekisho/router.yaml', YAML), described('/root/.bashrc', 'evil')]
    const members = [
      { name: 'manifest.json', content: manifestOf({ files }) },
      ...good().slice(1),
      { name: 'files/root/.bashrc', content: 'evil' },
    ]
    await expectRefused(await tarOf(members), /\/root\/.bashrc, which its router.yaml does not name/)
  })

  test('a file inside a file, and a path twice', () => {
    const nested = [described('/etc/sekisho/a', ''), described('/etc/sekisho/a/b', '')]
    expect(parseBackup(manifestOf({ files: nested }))).toBe('its manifest has a file inside a file')
    const twice = [described('/etc/sekisho/a', ''), described('/etc/sekisho/a', '')]
    expect(parseBackup(manifestOf({ files: twice }))).toBe('its manifest names a path twice')
  })

  test('whatever may travel stays in the folders that are for it', () => {
    const part = constantFrom(
      'etc',
      'sekisho',
      '..',
      '.',
      '',
      'srv',
      'root',
      'var',
      'lib',
      'secrets',
      'a b',
      '~',
      '\u202e',
    )
    check(
      property(tuple(part, part, part, part, string()), (parts) => {
        const path = `/${parts.join('/')}`
        if (!mayTravel(path)) return
        expect(path).toBe(join(path))
        expect(path).toMatch(/^\/(etc\/sekisho|var\/lib\/sekisho|root|srv)\/./)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('sizes', () => {
  test('more than the disk has is refused before anything is unpacked', async () => {
    const files = [
      { ...described('/etc/sekisho/router.yaml', YAML) },
      { ...described('/etc/sekisho/big', ''), size: 2 ** 52 },
    ]
    await expectRefused(
      await tarOf([{ name: 'manifest.json', content: manifestOf({ files }) }]),
      /has no room/,
    )
  })

  test('a manifest of gigabytes is not read', async () => {
    const bytes = await tarOf([{ name: 'manifest.json', content: 'x' }])
    // The size field of the header (POSIX ustar): 11 octal digits at 124, and the sum of the header anew.
    bytes.write('37777777777', 124)
    bytes.fill(' ', 148, 156)
    const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0)
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    await expectRefused(bytes, /manifest is too large/)
  })
})

describe('damage', () => {
  const keyOf = async () => {
    const identity = await generateX25519Identity()
    return { identity, recipient: await identityToRecipient(identity) }
  }

  test.each(['plain', 'encrypted'] as const)('cut anywhere, %s: refused', async (kind) => {
    const { identity, recipient } = await keyOf()
    const key = { identities: [{ file: 'identity', text: identity }] }
    const old = await fullMachine(work)
    await backUp(old, file, kind === 'plain' ? { secrets: false } : { lock: { recipients: [recipient] } })
    const whole = await readFile(file)
    const before = await stateOf(machine)
    for (const part of [
      0,
      1,
      100,
      512,
      600,
      1024,
      4096,
      whole.length >> 1,
      whole.length - 2048,
      whole.length - 1,
    ]) {
      // A tar ends with zeros, which nobody needs: what is lost of them is no loss.
      if (kind === 'plain' && part >= whole.length - 1024) continue
      await writeFile(file, whole)
      await truncate(file, part)
      await expect(restoreOn(machine, file, { key })).rejects.toMatchObject({ fix: expect.anything() })
      expect(await stateOf(machine)).toEqual(before)
    }
  })

  test('a bit that flipped anywhere is seen: nothing else than what was backed up is ever restored', async () => {
    const { identity, recipient } = await keyOf()
    const key = { identities: [{ file: 'identity', text: identity }] }
    const plain = await tarOf(good())
    const encrypter = new Encrypter()
    encrypter.addRecipient(recipient)
    const secret = Buffer.from(await encrypter.encrypt(plain))
    await check(
      asyncProperty(
        constantFrom(plain, secret),
        integer({ min: 0, max: 2 ** 30 }),
        integer({ min: 0, max: 7 }),
        async (bytes, at, bit) => {
          const bad = Buffer.from(bytes)
          bad[at % bad.length] = (bad[at % bad.length] ?? 0) ^ (1 << bit)
          const one = await blankMachine(work)
          await writeFile(file, bad)
          const result = await restoreOn(one, file, { key }).catch((error: unknown) => error)
          // In a header of tar some bits mean nothing, in the age format none.
          if (result instanceof Error) expect(result).toMatchObject({ fix: expect.anything() })
          else expect(bytes).toBe(plain)
          expect(await stateOf(one)).toEqual(
            result instanceof Error ? [] : [`etc/sekisho/router.yaml ${YAML}`],
          )
        },
      ),
      { numRuns: 60 },
    )
  })

  test('any bytes at all are refused in words', async () => {
    const magic = Buffer.from('age-encryption.org/v1\n')
    await check(
      asyncProperty(
        uint8Array({ maxLength: 3000 }),
        constantFrom(Buffer.alloc(0), magic, Buffer.concat([magic, Buffer.from('-> scrypt x 30\n')])),
        async (noise, head) => {
          await expectRefused(Buffer.concat([head, noise]), /./)
        },
      ),
      { numRuns: 100 },
    )
  })

  test('a header without an end is not read to the end of the disk', async () => {
    await expectRefused(
      Buffer.concat([Buffer.from('age-encryption.org/v1\n-> X25519 '), Buffer.alloc(1 << 20, 'x')]),
      /header does not end/,
    )
  })
})
