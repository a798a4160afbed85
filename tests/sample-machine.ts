import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type BackupOptions, backup } from '../src/move/backup.ts'
import type { Key } from '../src/move/cipher.ts'
import { restore } from '../src/move/restore.ts'
import type { OwnedVolume } from '../src/router/desired.ts'
import { createHost, type ExecResult } from '../src/router/host.ts'

/** The folder that stands for a machine's "/", and programs that all succeed. */
export interface Machine {
  readonly root: string
  readonly ran: string[]
  write(path: string, text: string | Buffer, mode?: number): Promise<void>
}

export async function blankMachine(work: string): Promise<Machine> {
  const root = await mkdtemp(join(work, 'machine-'))
  return {
    root,
    ran: [],
    async write(path, text, mode = 0o644) {
      await mkdir(dirname(root + path), { recursive: true })
      await writeFile(root + path, text)
      await chmod(root + path, mode)
    },
  }
}

/** A folder that is gone after the test. */
export async function workFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'sekisho-move-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

export const CONFIG = `# my router
version: 1
hostname: gate
ula_prefix: fd4b:7a11:9c02::/48
wan: { interface: wan0, mode: dhcp } # the ONU
networks:
  home:
    interfaces:
      - lan0 # the switch
      - { name: "lan1", vlan: 30 }
    address: 10.0.0.1/24
modules:
  unbound:
    trust_anchor_file: /srv/keys/root.key
  hello:
    path: ./modules/hello
`

const volume = (path: string, backup: OwnedVolume['backup']): OwnedVolume => ({
  path: `/var/lib/sekisho/${path}`,
  owner: path.split('/')[0] ?? '',
  uid: 0,
  gid: 0,
  mode: 0o750,
  backup,
})
export const VOLUMES = [
  volume('kea/leases', true),
  volume('unbound/anchor', false),
  volume('recorder/records', ['state/devices.json']),
]

export const LEASES = 'address,hwaddr\n10.0.0.130,02:00:5e:30:00:01\n'

/** A machine with a little of everything that a backup has to decide about. */
export async function fullMachine(work: string): Promise<Machine> {
  const machine = await blankMachine(work)
  await machine.write('/etc/sekisho/router.yaml', CONFIG)
  await machine.write('/etc/sekisho/modules/hello/module.ts', 'export {}')
  await machine.write('/etc/sekisho/dns/root.hints', 'hints')
  await machine.write('/etc/sekisho/secrets/s3', 'aws_secret_access_key = hush', 0o400)
  await machine.write('/etc/sekisho/generations/1/manifest.json', '{}')
  await machine.write('/etc/sekisho/saved/files/etc/hosts', '127.0.0.1')
  await symlink('generations/1', `${machine.root}/etc/sekisho/current`)
  await machine.write('/srv/keys/root.key', '. DS')
  await machine.write('/var/lib/sekisho/kea/leases/kea-leases4.csv', LEASES, 0o640)
  await machine.write('/var/lib/sekisho/kea/leases/kea-leases4.csv.pid', '1')
  await machine.write('/var/lib/sekisho/unbound/anchor/root.key', 'anchor')
  await machine.write('/var/lib/sekisho/recorder/records/state/devices.json', '{"known":[]}')
  await machine.write('/var/lib/sekisho/recorder/records/dns/2026-11-26.parquet', 'records')
  await machine.write('/var/lib/sekisho/agent/holders.json', '{"laptop":"02:00:5e:30:00:01"}', 0o600)
  return machine
}

/** `sekisho backup` of a machine, without its command line. */
export function backUp(
  { root }: Machine,
  output: BackupOptions['output'],
  options: Partial<BackupOptions> = {},
): ReturnType<typeof backup> {
  return backup({
    host: createHost({ root, durable: false }),
    root,
    volumes: VOLUMES,
    release: '1.0.0-aaaaaaaaaaaa',
    hostname: 'gate',
    ports: [{ name: 'lan0', mac: '02:00:5e:10:00:10', driver: 'igc', bus: '0000:01:00.0' }],
    secrets: true,
    output,
    now: new Date('2026-11-26T12:00:00Z'),
    ...options,
  })
}

/** `sekisho restore` on a machine, without its command line. */
export function restoreOn(
  { root, ran }: Machine,
  file: string,
  options: { key?: Key; force?: boolean; adapt?: (text: string) => Promise<string> } = {},
): ReturnType<typeof restore> {
  const done: ExecResult = { code: 0, stdout: '', stderr: '' }
  const exec = (argv: readonly string[]) => {
    ran.push(argv.join(' '))
    return Promise.resolve(done)
  }
  return restore({
    host: createHost({ root, durable: false, exec }),
    root,
    file,
    key: { identities: [], ...options.key },
    force: options.force === true,
    adapt: options.adapt ?? ((text) => Promise.resolve(text)),
  })
}
