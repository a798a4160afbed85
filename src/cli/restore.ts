import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { intro, outro, select } from '@clack/prompts'
import { Command } from 'commander'
import { z } from 'zod'
import { formatIssues } from '../config/format.ts'
import { migrate } from '../config/migrate.ts'
import { userModules, validate } from '../config/validate.ts'
import { MODULES } from '../modules.ts'
import type { Key } from '../move/cipher.ts'
import type { BackupManifest } from '../move/manifest.ts'
import { completeMap, type PortMap, readMaps } from '../move/port-map.ts'
import { otherMentions, renamePorts, type UsedPort, usedPorts } from '../move/port-names.ts'
import { Refusal } from '../move/refusal.ts'
import { restore } from '../move/restore.ts'
import { createHost } from '../router/host.ts'
import { PATHS } from '../router/paths.ts'
import { choice, given } from './init.ts'
import { askPassphrase, canAsk, passphraseFrom } from './passphrase.ts'
import { type HostPort, hostPorts } from './ports.ts'
import { refused } from './refused.ts'
import { repeatable } from './repeatable.ts'

interface Options {
  readonly map?: readonly string[]
  readonly passphraseFile?: string
  readonly identity?: readonly string[]
  readonly force?: boolean
  readonly apply?: boolean
}

/** `sekisho restore FILE`: makes this machine the one that was backed up, up to the apply. */
export function restoreCommand(): Command {
  return new Command('restore')
    .description('put what a backup holds in its places on this machine; then plan and apply as always')
    .argument('<file>', 'the archive that "sekisho backup" wrote')
    .option(
      '--map <new=old>',
      'which port is which: enp2s0=lan0 makes enp2s0 here what lan0 was there; repeat it',
      repeatable,
    )
    .option('--passphrase-file <file>', 'the passphrase is in this file')
    .option('--identity <file>', 'an age identity or an SSH private key that opens it; repeat it', repeatable)
    .option('--force', 'also over a configuration that is there; what it replaces is kept beside it')
    .option('--apply', 'apply at once')
    .addHelpText(
      'after',
      `
Ports whose names are the same here need no --map. For the others it asks on a terminal. --map is read as NEW=OLD; it
is understood the other way round where only that makes sense, and where both do, mark the old name: enp2s0=old:eth0.`,
    )
    .action(async (file: string, options: Options) => {
      process.exitCode = await run(file, options)
    })
}

async function run(file: string, options: Options): Promise<number> {
  try {
    if (process.getuid?.() !== 0) throw new Refusal('restore writes to /etc and /var', 'run it as root')
    process.umask(0o022)
    const say = (line: string) => process.stderr.write(`  ${line}\n`)
    const { manifest, kept } = await restore({
      host: createHost(),
      file,
      key: await keyOf(options),
      force: options.force === true,
      adapt: (text, found) => adapt(text, found, file, options.map ?? []),
      onProgress: say,
    })
    for (const path of kept) say(`what was there is now ${path}`)
    for (const path of manifest.left_out) say(`not in the backup, write it yourself: ${path}`)
    process.stdout.write(
      `restored ${manifest.files.length} files of ${manifest.hostname}, backed up ${manifest.created_at} by ${manifest.release}\n`,
    )
    if (options.apply) return await applyNow()
    process.stdout.write('next: sekisho plan, sekisho apply\n')
    return 0
  } catch (error) {
    return refused(error)
  }
}

async function keyOf({ passphraseFile, identity = [] }: Options): Promise<Key> {
  const identities = await Promise.all(
    identity.map(async (file) => ({
      file,
      text: await readFile(file, 'utf8').catch((error: unknown) => {
        throw new Refusal(`${file} cannot be read: ${(error as Error).message}`, 'name another file', {
          cause: error,
        })
      }),
    })),
  )
  if (passphraseFile !== undefined) {
    const passphrase = await passphraseFrom(passphraseFile)
    return { identities, passphrase: () => Promise.resolve(passphrase) }
  }
  if (!canAsk()) return { identities }
  return {
    identities,
    async passphrase() {
      const answer = await askPassphrase("The backup's passphrase")
      if (answer === undefined) throw new Refusal('nothing was restored', 'run it again with the passphrase')
      return answer
    },
  }
}

/** router.yaml for this machine: its ports get the names that they have here. */
async function adapt(
  archived: string,
  manifest: BackupManifest,
  file: string,
  maps: readonly string[],
): Promise<string> {
  const migrated = migrate(archived, PATHS.config)
  if (!migrated.ok) {
    const [issue] = migrated.issues
    throw new Refusal(`its router.yaml cannot be used: ${issue?.message}`, issue?.fix ?? 'upgrade Sekisho')
  }
  // The names of ports are found in the format that we know.
  const text = migrated.migration?.text ?? archived
  const before = judge(text)
  const ports = hostPorts()
  const here = ports.map(({ name }) => name)
  const used = usedPorts(text)
  const given = readMaps(
    maps,
    used.map(({ name }) => name),
    here,
  )
  const { map, missing } = completeMap(given, used, here)
  const names = missing.length === 0 ? map : await askOrRefuse(map, missing, ports, manifest, file)
  for (const [old, now] of names) process.stderr.write(`  ${old} of the backup is ${now} here\n`)
  const renamed = renamePorts(text, names)
  const moved = new Set([...names].filter(([old, now]) => old !== now).map(([old]) => old))
  for (const path of otherMentions(text, moved))
    process.stderr.write(`warning: router.yaml names an old port at ${path} too: look whether it is meant\n`)
  const after = judge(renamed)
  if (after.ok) return renamed
  process.stderr.write(formatIssues(after.issues, renamed, { color: process.stderr.isTTY }))
  if (before.ok) throw new Refusal('with these ports router.yaml is wrong', 'choose other ports')
  process.stderr.write(
    'warning: router.yaml had mistakes when it was backed up; mend them before you apply\n',
  )
  return renamed
}

/** Whether the file is right, as far as that can be said without running modules that came with the archive. */
function judge(text: string): ReturnType<typeof validate> {
  const own = userModules(text, PATHS.config).map(({ name }) => ({ name, config: z.unknown() }))
  return validate(text, PATHS.config, [...MODULES, ...own])
}

async function askOrRefuse(
  map: PortMap,
  missing: readonly UsedPort[],
  ports: readonly HostPort[],
  manifest: BackupManifest,
  file: string,
): Promise<PortMap> {
  const free = (names: PortMap) => ports.filter(({ name }) => ![...names.values()].includes(name))
  if (!canAsk() || !process.stdout.isTTY || free(map).length < missing.length) {
    for (const { name, uses } of missing)
      process.stderr.write(`in the backup: ${oldPort(name, uses, manifest)}\n`)
    for (const port of free(map)) process.stderr.write(`on this machine: ${choice(port).label}\n`)
    const options = missing.map(
      ({ name }) => `--map ${likely(name, free(map), manifest)?.name ?? 'PORT'}=${name}`,
    )
    throw new Refusal(
      `this machine has no port ${missing.map(({ name }) => name).join(', ')}`,
      free(map).length < missing.length
        ? 'add network ports to this machine, or take networks out of router.yaml before the backup'
        : `say which port is which: sekisho restore ${file} ${options.join(' ')}`,
    )
  }
  intro('sekisho restore')
  const chosen = new Map(map)
  for (const { name, uses } of missing) {
    const choices = free(chosen)
    const initial = likely(name, choices, manifest)?.name
    const answer = given(
      await select({
        message: `Which port is ${oldPort(name, uses, manifest)}?`,
        options: choices.map(choice),
        ...(initial !== undefined && { initialValue: initial }),
      }),
    )
    if (answer === undefined) throw new Refusal('nothing was restored', 'run it again, or say --map NEW=OLD')
    chosen.set(name, answer)
  }
  outro('Every port has its place.')
  return chosen
}

function oldPort(name: string, uses: readonly string[], { ports }: BackupManifest): string {
  const port = ports.find((one) => one.name === name)
  const words = [uses.join(', '), port?.mac, port?.driver, port?.bus].filter(
    (word) => word !== undefined && word !== '',
  )
  return `${name} (${words.join(', ')})`
}

/** The same hardware under another name; it is suggested, and never taken without a word. */
function likely(name: string, ports: readonly HostPort[], manifest: BackupManifest): HostPort | undefined {
  const mac = manifest.ports.find((port) => port.name === name)?.mac
  return ports.find((port) => mac !== undefined && mac !== '' && port.mac === mac)
}

function applyNow(): Promise<number> {
  const child = spawn(process.execPath, [process.argv[1] ?? '', 'apply'], { stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 1))
  })
}
