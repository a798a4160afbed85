import { lstat, mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { syncPath } from '../lib/sync-path.ts'
import type { OwnedVolume } from '../router/desired.ts'
import type { Host } from '../router/host.ts'
import { hasCode } from '../router/host.ts'
import { PATHS } from '../router/paths.ts'
import { type Bytes, drained } from './bytes.ts'
import { encrypt, type Lock } from './cipher.ts'
import { collect } from './collect.ts'
import { type ArchivedPort, type BackupManifest, sealBackup } from './manifest.ts'
import { Refusal } from './refusal.ts'
import { archiveStream, describeFile } from './write-archive.ts'

export interface BackupOptions {
  readonly host: Host
  /** A folder that stands for "/" (tests). */
  readonly root?: string
  /** Kept data of the modules, those with `backup: false` too. */
  readonly volumes: readonly OwnedVolume[]
  readonly release: string
  readonly hostname: string
  readonly ports: readonly ArchivedPort[]
  /** For whom it is encrypted; absent: for everyone to read. */
  readonly lock?: Lock
  /** Whether secrets go along. */
  readonly secrets: boolean
  /** A file, replaced when the archive is whole, or a stream. */
  readonly output: string | NodeJS.WritableStream
  readonly now?: Date
}

export interface BackupResult {
  readonly manifest: BackupManifest
  readonly warnings: readonly string[]
}

const LOCK_SECS = 120

/** Writes one archive with all that makes this router this router. Throws a Refusal when it cannot; nothing is left then. */
export async function backup(options: BackupOptions): Promise<BackupResult> {
  const { host, output } = options
  if (typeof output === 'string') await refuseOdd(output)
  // No apply in between: what is configured and what is kept belong together.
  const release = await host.lock(PATHS.lock, LOCK_SECS)
  if (!release)
    throw new Refusal(
      `an apply is running, and did not end within ${LOCK_SECS} s`,
      'wait for it, then try again',
    )
  try {
    return await backupLocked(options)
  } finally {
    await release()
  }
}

async function backupLocked(options: BackupOptions): Promise<BackupResult> {
  const { root = '', secrets, lock, output, now = new Date() } = options
  const config = await readFile(root + PATHS.config, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  })
  if (config === undefined)
    throw new Refusal(`there is no ${PATHS.config}: nothing to back up`, 'run "sekisho init" first')
  const data = root + PATHS.data
  const existed = (await mkdir(data, { recursive: true, mode: 0o755 })) === undefined
  await removeScratch(data)
  const scratch = join(data, `${SCRATCH}${process.pid}`)
  await mkdir(scratch, { mode: 0o700 })
  try {
    const { sources, folders, leftOut, warnings } = await collect({
      root,
      config,
      volumes: options.volumes,
      secrets,
      scratch,
    })
    const hidden = sources.filter(({ kind }) => kind === 'secret').map(({ path }) => path)
    if (hidden.length > 0 && lock === undefined)
      throw new Refusal(
        `there are secrets (${shorten(hidden)}), and the archive would be readable`,
        'encrypt it with --passphrase-file FILE or --recipient KEY, or leave them out with --no-secrets',
      )
    const files = []
    for (const source of sources) files.push(await describeFile(source))
    const manifest = sealBackup({
      release: options.release,
      created_at: now.toISOString(),
      hostname: options.hostname,
      ports: [...options.ports],
      folders: [...folders],
      files,
      left_out: [...leftOut],
    })
    const plain = archiveStream(manifest, sources)
    const bytes = lock ? await encrypt(plain, lock) : plain
    if (typeof output === 'string') await writeWhole(output, bytes)
    else await pour(bytes, output)
    return { manifest, warnings }
  } finally {
    await rm(scratch, { recursive: true, force: true })
    if (!existed) await rmdir(data).catch(() => undefined)
  }
}

const SCRATCH = '.backup-'

/** What a backup that was killed left; only one runs at a time. */
async function removeScratch(data: string): Promise<void> {
  for (const name of await readdir(data))
    if (name.startsWith(SCRATCH)) await rm(join(data, name), { recursive: true, force: true })
}

function shorten(paths: readonly string[]): string {
  const more = paths.length > 3 ? ` and ${paths.length - 3} more` : ''
  return `${paths.slice(0, 3).join(', ')}${more}`
}

/** Only a regular file is replaced: a rename onto /dev/stdout would take the device away. */
async function refuseOdd(file: string): Promise<void> {
  const found = await lstat(file).catch(() => undefined)
  if (found && !found.isFile())
    throw new Refusal(`${file} is there and is not a file`, 'name a file, or "-" for standard output')
  const folder = await lstat(dirname(file)).catch(() => undefined)
  if (!folder) throw new Refusal(`${dirname(file)} does not exist`, 'name a file in a folder that does')
}

/** The file is the old one or the whole new one, also after a power cut; root's alone to read. */
async function writeWhole(file: string, bytes: Bytes): Promise<void> {
  // Always the same name, since only one backup runs: what one left that was killed goes with the next.
  const beside = join(dirname(file), `.${basename(file)}.sekisho-tmp`)
  try {
    await rm(beside, { force: true })
    const handle = await open(beside, 'wx', 0o600)
    try {
      await handle.chmod(0o600)
      for await (const chunk of bytes) await handle.writeFile(chunk)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(beside, file)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
  await syncPath(dirname(file))
}

async function pour(bytes: Bytes, to: NodeJS.WritableStream): Promise<void> {
  let failed: Error | undefined
  to.on('error', (error: Error) => {
    failed = error
  })
  for await (const chunk of Readable.from(bytes)) {
    if (failed) throw new Refusal(`it cannot be written: ${failed.message}`, 'look at who reads it')
    if (!to.write(chunk as Uint8Array)) await drained(to)
  }
}
