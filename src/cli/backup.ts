import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { loadRouter } from '../load-router.ts'
import { type BackupResult, backup } from '../move/backup.ts'
import { type Lock, recipientProblem } from '../move/cipher.ts'
import { Refusal } from '../move/refusal.ts'
import type { OwnedVolume } from '../router/desired.ts'
import { linkedGeneration, readGeneration } from '../router/generation/generation.ts'
import { createHost, type Host } from '../router/host.ts'
import { PATHS } from '../router/paths.ts'
import { releaseName } from '../router/release-name.ts'
import { askNewPassphrase, canAsk, passphraseFrom } from './passphrase.ts'
import { hostPorts } from './ports.ts'
import { refused } from './refused.ts'
import { repeatable } from './repeatable.ts'

interface Options {
  readonly passphraseFile?: string
  readonly recipient?: readonly string[]
  readonly secrets: boolean
  readonly plain?: boolean
}

/** `sekisho backup FILE`: one archive with all that makes this router this router. */
export function backupCommand(): Command {
  return new Command('backup')
    .description('write one archive with configuration, secrets, leases, device names and kept data; no logs')
    .argument('<file>', 'the archive to write, or "-" for standard output')
    .option('--passphrase-file <file>', 'encrypt with the passphrase in this file')
    .option(
      '--recipient <key>',
      'encrypt for an age recipient (age1…) or an SSH public key (ssh-ed25519 …); repeat it',
      repeatable,
    )
    .option('--no-secrets', 'leave the secrets out, and say which')
    .option(
      '--plain',
      'do not encrypt: whoever has the file reads it; with --no-secrets where there are secrets',
    )
    .addHelpText(
      'after',
      `
On a terminal it asks for a passphrase, twice, unless told otherwise. The archive is a tar in the age format: without
sekisho, "age --decrypt FILE | tar --extract" opens it. SSH keys need Debian's package age.`,
    )
    .action(async (file: string, options: Options) => {
      process.exitCode = await run(file, options)
    })
}

async function run(file: string, options: Options): Promise<number> {
  try {
    if (process.getuid?.() !== 0) throw new Refusal('backup reads secrets and leases', 'run it as root')
    process.umask(0o022)
    if (file === '-' && process.stdout.isTTY)
      throw new Refusal('a terminal is no place for an archive', 'name a file, or pipe it somewhere')
    const lock = await lockOf(options)
    if (lock === 'cancelled') return 1
    const host = createHost()
    const { manifest, warnings } = await backup({
      host,
      volumes: await volumesOf(host),
      release: await releaseName(),
      hostname: hostname(),
      ports: hostPorts().map(({ name, mac, driver, bus }) => ({
        name,
        mac,
        ...(driver !== undefined && { driver }),
        ...(bus !== undefined && { bus }),
      })),
      ...(lock && { lock }),
      secrets: options.secrets,
      output: file === '-' ? process.stdout : resolve(file),
    })
    report(file, manifest, warnings, lock !== undefined)
    return 0
  } catch (error) {
    return refused(error)
  }
}

async function lockOf({
  passphraseFile,
  recipient,
  plain,
  secrets,
}: Options): Promise<Lock | 'cancelled' | undefined> {
  const ways = [passphraseFile !== undefined, recipient !== undefined, plain === true].filter(Boolean)
  if (ways.length > 1)
    throw new Refusal(
      'an archive is closed in one way',
      'say one of --passphrase-file, --recipient and --plain',
    )
  if (recipient !== undefined) {
    const problem = recipient.map(recipientProblem).find((text) => text !== undefined)
    if (problem !== undefined) throw new Refusal(problem, 'copy the whole key, in quotes')
    return { recipients: recipient }
  }
  if (passphraseFile !== undefined) return { passphrase: await passphraseFrom(passphraseFile) }
  if (plain || !secrets || !canAsk()) return undefined
  const passphrase = await askNewPassphrase(
    'A passphrase for the backup (without it nobody can open it, you included)',
  )
  return passphrase === undefined ? 'cancelled' : { passphrase }
}

/** Kept data of what is applied, and of what router.yaml says now. */
async function volumesOf(host: Host): Promise<readonly OwnedVolume[]> {
  const number = await linkedGeneration(host, PATHS.current)
  const applied = number === undefined ? undefined : await readGeneration(host, number)
  const loaded = await loadRouter(PATHS.config)
  const volumes = [...(applied?.manifest.volumes ?? []), ...(loaded.ok ? loaded.desired.volumes : [])]
  return [...new Map(volumes.map((volume) => [volume.path, volume])).values()]
}

function report(
  file: string,
  manifest: BackupResult['manifest'],
  warnings: readonly string[],
  encrypted: boolean,
): void {
  const say = (line: string) => process.stderr.write(`${line}\n`)
  const count = (kind: string) => manifest.files.filter((one) => one.kind === kind).length
  for (const warning of warnings) say(`warning: ${warning}`)
  if (!encrypted) say('warning: it is not encrypted: whoever has it reads names, leases and kept data')
  for (const path of manifest.left_out) say(`left out, a secret: ${path}`)
  const bytes = manifest.files.reduce((sum, { size }) => sum + size, 0)
  const parts = [
    `${count('config')} files of the configuration`,
    `${count('secret')} secrets`,
    `${count('data')} of kept data`,
  ]
  say(
    `wrote ${file === '-' ? 'the archive' : file}: ${parts.join(', ')}, ${bytes} bytes${encrypted ? ', encrypted' : ''}`,
  )
}
