import { execFileSync } from 'node:child_process'
import { appendFile, lstat, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  backUp,
  blankMachine,
  CONFIG,
  fullMachine,
  LEASES,
  type Machine,
  restoreOn,
  VOLUMES,
  workFolder,
} from '../../tests/sample-machine.ts'
import { listTree } from '../install/manifest.ts'

let work: string
let remove: () => Promise<void>
let old: Machine
let blank: Machine
let file: string

beforeEach(async () => {
  ;({ path: work, remove } = await workFolder())
  old = await fullMachine(work)
  blank = await blankMachine(work)
  file = join(work, 'backup')
})
afterEach(() => remove())

const files = async ({ root }: Machine) =>
  (await listTree(root)).filter((path) => path !== 'run/sekisho.lock').sort()
/** Everything on a machine, with what it holds. */
const stateOf = async (machine: Machine) => {
  const paths = (await files(machine)).filter((path) => path !== 'etc/sekisho/current')
  return Promise.all(paths.map(async (path) => `${path} ${await text(machine, `/${path}`)}`))
}
const text = ({ root }: Machine, path: string) => readFile(root + path, 'utf8')
const identity = await generateX25519Identity()
const lock = { recipients: [await identityToRecipient(identity)] }
const key = { identities: [{ file: 'identity', text: `# mine\n${identity}\n` }] }

/** What a restored machine has, and nothing else. */
const TRAVELS = [
  'etc/sekisho/dns/root.hints',
  'etc/sekisho/modules/hello/module.ts',
  'etc/sekisho/router.yaml',
  'etc/sekisho/secrets/s3',
  'srv/keys/root.key',
  'var/lib/sekisho/agent/holders.json',
  'var/lib/sekisho/kea/leases/kea-leases4.csv',
  'var/lib/sekisho/recorder/records/state/devices.json',
]

describe('backup and restore', () => {
  test('what makes a router travels, and neither its history nor its logs', async () => {
    const before = await files(old)
    const { manifest, warnings } = await backUp(old, file, { lock })
    expect(warnings).toEqual([])
    expect(await files(old)).toEqual(before)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await readFile(file)).includes('hush')).toBe(false)
    expect(manifest.files.filter(({ kind }) => kind === 'secret').map(({ path }) => path)).toEqual([
      '/etc/sekisho/secrets/s3',
    ])

    await restoreOn(blank, file, { key })
    expect(await files(blank)).toEqual(TRAVELS)
    for (const path of TRAVELS) {
      expect(await text(blank, `/${path}`)).toBe(await text(old, `/${path}`))
      const [one, two] = await Promise.all([stat(join(old.root, path)), stat(join(blank.root, path))])
      expect([path, two.mode, two.uid, two.gid]).toEqual([path, one.mode, one.uid, one.gid])
    }
    expect((await stat(`${blank.root}/etc/sekisho/secrets`)).mode & 0o777).toBe(0o700)
    expect(blank.ran).toEqual([])
  })

  test('a passphrase opens it, another does not and says so', async () => {
    await backUp(old, file, { lock: { passphrase: 'correct horse' } })
    const with_ = (passphrase: string) => ({
      key: { identities: [], passphrase: () => Promise.resolve(passphrase) },
    })
    await expect(restoreOn(blank, file, with_('battery staple'))).rejects.toThrow('the passphrase is wrong')
    await expect(restoreOn(blank, file)).rejects.toThrow('it is encrypted with a passphrase')
    await expect(restoreOn(blank, file, { key })).rejects.toThrow('it is encrypted with a passphrase')
    expect(await files(blank)).toEqual([])
    await restoreOn(blank, file, with_('correct horse'))
    expect(await files(blank)).toEqual(TRAVELS)
  })

  test('for a key of others nobody else opens it', async () => {
    await backUp(old, file, { lock })
    const other = { identities: [{ file: 'other', text: await generateX25519Identity() }] }
    await expect(restoreOn(blank, file, { key: other })).rejects.toThrow('no identity given opens it')
    await expect(restoreOn(blank, file)).rejects.toThrow('it is encrypted for a key')
    expect(await files(blank)).toEqual([])
  })

  test('secrets are never in a readable archive: it is refused, or they are left out by name', async () => {
    await expect(backUp(old, file)).rejects.toThrow('there are secrets (/etc/sekisho/secrets/s3)')
    expect(await readdir(work)).not.toContain('backup')
    const { manifest } = await backUp(old, file, { secrets: false })
    expect(manifest.left_out).toEqual(['/etc/sekisho/secrets/s3'])
    expect((await readFile(file)).includes('hush')).toBe(false)
    // Readable with tar alone, too.
    const listed = execFileSync('tar', ['-tf', file], { encoding: 'utf8' }).trim().split('\n')
    expect(listed[0]).toBe('manifest.json')
    expect(
      listed
        .slice(1)
        .map((name) => name.replace(/^files\//, ''))
        .sort(),
    ).toEqual(TRAVELS.filter((path) => !path.includes('secrets')))
    await restoreOn(blank, file)
    expect(await text(blank, '/etc/sekisho/router.yaml')).toBe(CONFIG)
  })

  test('kept data can be secret, as the key of an authority is: it travels locked, or not at all', async () => {
    const key_ = '/var/lib/sekisho/dashboard/ca/key.pem'
    await old.write(key_, 'authority', 0o600)
    await old.write('/etc/sekisho/secrets/s3', 'hush', 0o400)
    const owned = { owner: 'dashboard', uid: 0, gid: 0, mode: 0o700, backup: true, secret: true } as const
    const volumes = [...VOLUMES, { path: '/var/lib/sekisho/dashboard/ca', ...owned }]
    await expect(backUp(old, file, { volumes })).rejects.toThrow(key_)
    const { manifest } = await backUp(old, file, { volumes, secrets: false })
    expect(manifest.left_out).toEqual(['/etc/sekisho/secrets/s3', key_])
    expect((await readFile(file)).includes('authority')).toBe(false)
    await rm(file)
    await backUp(old, file, { volumes, lock })
    await restoreOn(blank, file, { key })
    expect(await text(blank, key_)).toBe('authority')
    expect((await stat(blank.root + key_)).mode & 0o777).toBe(0o600)
  })

  test('a file that is named and that others may not read is a secret wherever it lies', async () => {
    await old.write('/srv/keys/root.key', 'hush', 0o600)
    await expect(backUp(old, file)).rejects.toThrow('/srv/keys/root.key')
  })

  test('to a stream, the same archive', async () => {
    const stream = new PassThrough()
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    await backUp(old, stream, { secrets: false })
    await backUp(old, file, { secrets: false })
    expect(Buffer.concat(chunks).equals(await readFile(file))).toBe(true)
  })

  test('the archive is the old one until the new one is whole', async () => {
    await writeFile(file, 'the one of yesterday')
    await old.write('/etc/sekisho/secrets/s3', 'hush', 0o400)
    await expect(backUp(old, file)).rejects.toThrow('there are secrets')
    expect(await readFile(file, 'utf8')).toBe('the one of yesterday')
    await backUp(old, file, { lock })
    expect(await readFile(file, 'utf8')).not.toBe('the one of yesterday')
    expect((await readdir(work)).filter((name) => name.endsWith('tmp'))).toEqual([])
    await expect(backUp(old, '/dev/null', { lock })).rejects.toThrow('is not a file')
    expect((await lstat('/dev/null')).isCharacterDevice()).toBe(true)
  })

  test('a part of the system that router.yaml names stays, with a warning', async () => {
    await old.write(
      '/etc/sekisho/router.yaml',
      `${CONFIG}    key_file: /etc/shadow\n    other_file: /srv/gone\n`,
    )
    const { manifest, warnings } = await backUp(old, file, { lock })
    expect(warnings).toEqual([
      '/etc/shadow, which router.yaml names, is a part of the system: copy it by hand',
      '/srv/gone is not there',
    ])
    expect(manifest.files.map(({ path }) => path)).not.toContain('/etc/shadow')
  })
})

describe('kept data while its program goes on', () => {
  test('lines that come meanwhile are not torn, and files that are renamed are not lost', async () => {
    const leases = `${old.root}/var/lib/sekisho/kea/leases`
    let stop = false
    // As kea does it: rows are appended, and now and then the file is tidied up and replaced.
    const program = (async () => {
      for (let i = 0; !stop; i++) {
        await appendFile(`${leases}/kea-leases4.csv`, `row ${i}\n`)
        if (i % 50 === 49) {
          await rename(`${leases}/kea-leases4.csv`, `${leases}/kea-leases4.csv.2`)
          await writeFile(`${leases}/kea-leases4.csv.new`, LEASES)
          await rename(`${leases}/kea-leases4.csv.new`, `${leases}/kea-leases4.csv`)
        }
      }
    })()
    try {
      for (let i = 0; i < 10; i++) {
        await backUp(old, file, { secrets: false })
        const machine = await blankMachine(work)
        await restoreOn(machine, file)
        const names = await readdir(`${machine.root}/var/lib/sekisho/kea/leases`)
        const all = await Promise.all(
          names.map((name) => text(machine, `/var/lib/sekisho/kea/leases/${name}`)),
        )
        expect(all.every((one) => one.endsWith('\n'))).toBe(true)
        expect(all.some((one) => one.startsWith(LEASES))).toBe(true)
      }
    } finally {
      stop = true
      await program
    }
  })
})

describe('restore on a machine that is in use', () => {
  test('is refused, and with force keeps what was there', async () => {
    await backUp(old, file, { lock })
    const used = await fullMachine(work)
    await used.write('/etc/sekisho/router.yaml', 'version: 1\nhostname: other\n')
    await used.write('/var/lib/sekisho/kea/leases/kea-leases4.csv', 'other leases\n')
    await used.write('/var/lib/sekisho/kea/leases/kea-leases4.csv.2', 'older leases\n')
    const before = await files(used)
    await expect(restoreOn(used, file, { key })).rejects.toThrow('this machine is configured already')
    expect(await files(used)).toEqual(before)

    const { kept } = await restoreOn(used, file, { key, force: true })
    expect(kept).toEqual([
      '/var/lib/sekisho/kea/leases.before-restore',
      '/etc/sekisho/router.yaml.before-restore',
    ])
    expect(await text(used, '/etc/sekisho/router.yaml')).toBe(CONFIG)
    expect(await text(used, '/etc/sekisho/router.yaml.before-restore')).toContain('hostname: other')
    expect(await readdir(`${used.root}/var/lib/sekisho/kea/leases`)).toEqual(['kea-leases4.csv'])
    expect(await text(used, '/var/lib/sekisho/kea/leases.before-restore/kea-leases4.csv')).toBe(
      'other leases\n',
    )
    // Its logs are its own.
    expect(await text(used, '/var/lib/sekisho/recorder/records/dns/2026-11-26.parquet')).toBe('records')
    expect(used.ran[0]).toBe('systemctl stop sekishod.service')
    // What was kept is no configuration, and does not travel.
    const { manifest } = await backUp(used, file, { lock })
    expect(manifest.files.filter(({ path }) => path.includes('before'))).toEqual([])
  })

  test('without router.yaml, other files in the places are a reason too; the same files are none', async () => {
    await backUp(old, file, { lock })
    await blank.write('/var/lib/sekisho/kea/leases/kea-leases4.csv', 'other leases\n')
    await expect(restoreOn(blank, file, { key })).rejects.toThrow('/var/lib/sekisho/kea/leases')
    expect(await text(blank, '/var/lib/sekisho/kea/leases/kea-leases4.csv')).toBe('other leases\n')
    // As after a restore that was cut short before router.yaml came.
    await blank.write('/var/lib/sekisho/kea/leases/kea-leases4.csv', LEASES)
    await restoreOn(blank, file, { key })
    expect(await files(blank)).toEqual(TRAVELS)
  })

  test('a router.yaml that cannot be adapted leaves everything as it was', async () => {
    await backUp(old, file, { lock })
    const adapt = () => Promise.reject(new Error('no such port'))
    await expect(restoreOn(blank, file, { key, adapt })).rejects.toThrow('no such port')
    expect(await files(blank)).toEqual([])
    await restoreOn(blank, file, { key, adapt: (yaml) => Promise.resolve(yaml.replace('wan0', 'enp1s0')) })
    expect(await text(blank, '/etc/sekisho/router.yaml')).toBe(CONFIG.replace('wan0', 'enp1s0'))
  })

  test('what goes wrong half way is taken back', async () => {
    await backUp(old, file, { lock })
    const used = await fullMachine(work)
    await used.write('/etc/sekisho/router.yaml', 'version: 1\nhostname: other\n')
    await used.write('/etc/sekisho/secrets/s3', 'other')
    await used.write('/var/lib/sekisho/kea/leases/kea-leases4.csv', 'other leases\n')
    for (const machine of [blank, used]) {
      const before = await stateOf(machine)
      const adapt = async (yaml: string) => {
        const data = `${machine.root}/var/lib/sekisho`
        const stage = (await readdir(data)).find((name) => name.startsWith('.restore-')) ?? ''
        // The disk loses the last of the files.
        await rm(`${data}/${stage}/var/lib/sekisho/agent/holders.json`)
        return yaml
      }
      await rm(`${machine.root}/var/lib/sekisho/agent`, { recursive: true, force: true })
      await expect(restoreOn(machine, file, { key, adapt, force: true })).rejects.toThrow('ENOENT')
      expect(await stateOf(machine)).toEqual(before.filter((line) => !line.includes('/agent/')))
    }
    expect(used.ran.at(-1)).toBe('systemctl start sekishod.service')
  })

  test('a file where a folder has to be is a reason as well', async () => {
    await backUp(old, file, { lock })
    await blank.write('/srv/keys', 'a file')
    await expect(restoreOn(blank, file, { key })).rejects.toThrow('other files in these places: /srv/keys')
    expect(await files(blank)).toEqual(['srv/keys'])
    expect(await restoreOn(blank, file, { key, force: true })).toMatchObject({
      kept: ['/srv/keys.before-restore'],
    })
    expect(await text(blank, '/srv/keys/root.key')).toBe('. DS')
  })
})
