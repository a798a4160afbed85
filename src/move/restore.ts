import { mkdir, open, readdir, readFile, rm, rmdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Host } from '../router/host.ts'
import { COMPOSE_PROJECT, PATHS } from '../router/paths.ts'
import type { Bytes } from './bytes.ts'
import { decrypt, isEncrypted, type Key, MAX_HEADER } from './cipher.ts'
import { conflictsOf } from './conflicts.ts'
import { exists } from './exists.ts'
import type { BackupManifest } from './manifest.ts'
import { namedFiles } from './named-files.ts'
import { placeAll } from './place.ts'
import { readArchive } from './read-archive.ts'
import { Refusal } from './refusal.ts'
import { isOutside } from './travel.ts'

export interface RestoreOptions {
  readonly host: Host
  /** A folder that stands for "/" (tests). */
  readonly root?: string
  readonly file: string
  readonly key: Key
  /** Restore over a configuration that is there; what it replaces is kept beside it. */
  readonly force: boolean
  /** Gives router.yaml its text for this machine; a Refusal that it throws leaves everything as it is. */
  readonly adapt: (text: string, manifest: BackupManifest) => Promise<string>
  readonly onProgress?: (line: string) => void
}

export interface RestoreResult {
  readonly manifest: BackupManifest
  /** Where what was replaced is now. */
  readonly kept: readonly string[]
}

const STAGE = '.restore-'
const AGENT = 'sekishod.service'
const LOCK_SECS = 120

/**
 * Puts what a backup holds in its places. The whole archive is read, decrypted and compared with its manifest in a
 * folder of its own first; router.yaml comes last, so that a machine has one only when everything else is there.
 */
export async function restore(options: RestoreOptions): Promise<RestoreResult> {
  const { host, root = '', force } = options
  if (!force && (await exists(root + PATHS.config)))
    throw new Refusal(
      `${PATHS.config} is there: this machine is configured already`,
      'restore on a blank machine, or say --force (what is there is kept beside)',
    )
  const release = await host.lock(PATHS.lock, LOCK_SECS)
  if (!release)
    throw new Refusal(
      `an apply is running, and did not end within ${LOCK_SECS} s`,
      'wait for it, then try again',
    )
  const data = root + PATHS.data
  // On the disk of the kept data, which is most of it: there it only has to be renamed.
  const stage = join(data, `${STAGE}${process.pid}`)
  const existed = await exists(data)
  try {
    await mkdir(data, { recursive: true, mode: 0o755 })
    for (const name of await readdir(data))
      if (name.startsWith(STAGE)) await rm(join(data, name), { recursive: true, force: true })
    await mkdir(stage, { mode: 0o700 })
    return await unpackAndPlace(options, stage)
  } finally {
    await rm(stage, { recursive: true, force: true })
    if (!existed) await rmdir(data).catch(() => undefined)
    await release()
  }
}

async function unpackAndPlace(options: RestoreOptions, stage: string): Promise<RestoreResult> {
  const { host, root = '', force, onProgress = () => {} } = options
  const manifest = await readArchive(await openArchive(options), stage, (found) => hasRoom(found, stage))
  if (!manifest.files.some(({ path }) => path === PATHS.config))
    throw new Refusal('it holds no router.yaml', 'make the backup again')
  const text = await readFile(stage + PATHS.config, 'utf8')
  refuseStrangers(manifest, text)
  await writeDurably(stage + PATHS.config, await options.adapt(text, manifest))
  const conflicts = await conflictsOf(manifest, root, stage)
  if (conflicts.length > 0 && !force)
    throw new Refusal(
      `this machine has other files in these places: ${conflicts.slice(0, 5).join(', ')}`,
      'move them away, or say --force (what is there is kept beside)',
    )
  const undo: (() => Promise<void>)[] = []
  try {
    if (conflicts.some((path) => path.startsWith(`${PATHS.data}/`))) {
      onProgress('stopping the services, which have files open that are replaced')
      undo.push(await stopServices(host))
    }
    const kept = await placeAll({ manifest, root, stage, conflicts, undo })
    return { manifest, kept }
  } catch (error) {
    for (const step of undo.reverse()) await step().catch(() => undefined)
    throw error
  }
}

async function openArchive({ file, key }: RestoreOptions): Promise<Bytes> {
  const unreadable = (error: unknown) => {
    const words = error instanceof Error ? error.message : String(error)
    return new Refusal(`${file} cannot be read: ${words}`, 'name the file of the backup', { cause: error })
  }
  const handle = await open(file).catch((error: unknown) => {
    throw unreadable(error)
  })
  const { bytesRead, buffer } = await handle
    .read(Buffer.alloc(MAX_HEADER), 0, MAX_HEADER, 0)
    .catch(async (error: unknown) => {
      await handle.close()
      throw unreadable(error)
    })
  const head = buffer.subarray(0, bytesRead)
  const bytes = handle.createReadStream({ start: 0, highWaterMark: 256 * 1024 })
  if (!isEncrypted(head)) return bytes
  try {
    return await decrypt(bytes, head, key)
  } catch (error) {
    bytes.destroy()
    throw error
  }
}

/** An archive says how large it is before the first byte of it is written. */
async function hasRoom({ files }: BackupManifest, stage: string): Promise<void> {
  const needed = files.reduce((sum, { size }) => sum + size + 4096, 0)
  const { bavail, bsize } = await statfs(stage)
  if (needed > bavail * bsize * 0.95)
    throw new Refusal(
      `it has ${Math.ceil(needed / 1e6)} MB, and ${PATHS.data} has no room for it`,
      'free some space there',
    )
}

/** What is neither configuration nor kept data must be named by router.yaml: no archive writes where it likes. */
function refuseStrangers({ files }: BackupManifest, text: string): void {
  const named = namedFiles(text)
  const stranger = files.find(
    ({ path }) =>
      isOutside(path) &&
      !named.files.includes(path) &&
      !named.folders.some((folder) => path.startsWith(`${folder}/`)),
  )
  if (stranger)
    throw new Refusal(`it holds ${stranger.path}, which its router.yaml does not name`, 'use another backup')
}

/**
 * Whoever still has the old files open would write into what was put aside. The next apply starts them again; what is
 * returned does it at once.
 */
async function stopServices(host: Host): Promise<() => Promise<void>> {
  await host.exec(['systemctl', 'stop', AGENT])
  const filter = `label=com.docker.compose.project=${COMPOSE_PROJECT}`
  const { stdout } = await host.exec(['docker', 'ps', '--quiet', '--filter', filter])
  const running = stdout.split('\n').filter((id) => id !== '')
  const docker = (...argv: string[]) => host.exec(['docker', ...argv, ...running], { timeoutMs: 120_000 })
  if (running.length > 0) await docker('stop', '--time', '20')
  return async () => {
    if (running.length > 0) await docker('start')
    await host.exec(['systemctl', 'start', AGENT])
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const handle = await open(path, 'w')
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
