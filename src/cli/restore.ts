import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import type { Key } from '../move/cipher.ts'
import { Refusal } from '../move/refusal.ts'
import { restore } from '../move/restore.ts'
import { createHost } from '../router/host.ts'
import { adaptPorts } from './adapt-ports.ts'
import { askPassphrase, canAsk, passphraseFrom } from './passphrase.ts'
import { hostPorts } from './ports.ts'
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
      adapt: (text, found) => adaptPorts(text, found, { file, maps: options.map ?? [], ports: hostPorts() }),
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

function applyNow(): Promise<number> {
  const child = spawn(process.execPath, [process.argv[1] ?? '', 'apply'], { stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 1))
  })
}
