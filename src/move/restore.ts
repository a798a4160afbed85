import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import {
  chmod,
  chown,
  copyFile,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncPath } from '../lib/sync-path.ts'
import { type Host, hasCode } from '../router/host.ts'
import { PATHS } from '../router/paths.ts'
import type { Bytes } from './bytes.ts'
import { decrypt, isEncrypted, type Key, MAX_HEADER } from './cipher.ts'
import type { ArchivedFile, BackupManifest } from './manifest.ts'
import { namedFiles } from './named-files.ts'
import { readArchive } from './read-archive.ts'
import { Refusal } from './refusal.ts'
import { CONFIG_FOLDER, isOutside } from './travel.ts'

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
  if (conflicts.some((path) => path.startsWith(`${PATHS.data}/`))) await stopServices(host, onProgress)
  const undo: (() => Promise<void>)[] = []
  try {
    const kept = await placeAll({ manifest, root, stage, conflicts, undo })
    return { manifest, kept }
  } catch (error) {
    for (const step of undo.reverse()) await step().catch(() => undefined)
    throw error
  }
}

interface Placing {
  readonly manifest: BackupManifest
  readonly root: string
  readonly stage: string
  readonly conflicts: readonly string[]
  /** What takes back what was done so far, in the order in which it was done. */
  readonly undo: (() => Promise<void>)[]
}

/** Moves everything into its place, router.yaml last; returns where that is now which was there. */
async function placeAll({ manifest, root, stage, conflicts, undo }: Placing): Promise<string[]> {
  const kept: string[] = []
  for (const path of conflicts) {
    const beside = await freeName(`${root}${path}.before-restore`)
    await rename(root + path, beside)
    undo.push(async () => {
      await rm(root + path, { recursive: true, force: true })
      await rename(beside, root + path)
    })
    kept.push(beside.slice(root.length))
  }
  for (const { path, mode, uid, gid } of manifest.folders) {
    await makeFolder(root, dirname(path))
    await mkdir(root + path, { recursive: true })
    await chown(root + path, uid, gid)
    await chmod(root + path, mode)
  }
  const last = ({ path }: ArchivedFile) => (path === PATHS.config ? 1 : 0)
  for (const file of manifest.files.toSorted((a, b) => last(a) - last(b))) {
    // The same bytes are there already, as after a restore that was cut short: they stay if this one is taken back.
    if (!(await exists(root + file.path))) undo.push(() => rm(root + file.path, { force: true }))
    await place(file, root, stage)
  }
  return kept
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

/** Paths at which something else lies than what is to come: a file with other bytes, a folder with other files. */
async function conflictsOf(
  { files, folders }: BackupManifest,
  root: string,
  stage: string,
): Promise<string[]> {
  const conflicts: string[] = []
  const within = (path: string) => conflicts.some((folder) => path.startsWith(`${folder}/`))
  for (const path of ancestorsOf([...files, ...folders])) {
    const found = await stat(root + path).catch(absent)
    if (found && !found.isDirectory() && !within(path)) conflicts.push(path)
  }
  for (const { path, whole } of folders) {
    const found = await lstat(root + path).catch(absent)
    if (within(path) || found === undefined) continue
    if (!found.isDirectory()) conflicts.push(path)
    else if (whole && !(await hasNothingElse(root, path, files, stage))) conflicts.push(path)
  }
  for (const { path } of files) {
    if (!within(path) && (await exists(root + path)) && !(await sameBytes(root + path, stage + path)))
      conflicts.push(path)
  }
  return conflicts
}

/** The folders that these paths need, from the top. */
function ancestorsOf(placed: readonly { readonly path: string }[]): string[] {
  const all = placed.flatMap(({ path }) => {
    const parts = path.split('/').slice(1, -1)
    return parts.map((_, i) => `/${parts.slice(0, i + 1).join('/')}`)
  })
  return [...new Set(all)].sort()
}

async function hasNothingElse(
  root: string,
  path: string,
  files: readonly ArchivedFile[],
  stage: string,
): Promise<boolean> {
  const entries = await readdir(root + path, { withFileTypes: true, recursive: true })
  for (const entry of entries.filter((one) => !one.isDirectory())) {
    const inside = join(entry.parentPath, entry.name)
    const wanted = files.find((file) => root + file.path === inside)
    if (!wanted || !entry.isFile() || !(await sameBytes(inside, stage + wanted.path))) return false
  }
  return true
}

async function sameBytes(a: string, b: string): Promise<boolean> {
  const found = await lstat(a)
  if (!found.isFile() || found.size !== (await lstat(b)).size) return false
  const [one, two] = await Promise.all([hashOf(a), hashOf(b)])
  return one === two
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** Whoever still has the old files open would write into what was put aside. The next apply starts them again. */
async function stopServices(host: Host, onProgress: (line: string) => void): Promise<void> {
  onProgress('stopping the services, which have files open that are replaced')
  await host.exec(['systemctl', 'stop', 'sekishod.service'])
  const filter = 'label=com.docker.compose.project=sekisho'
  const { stdout } = await host.exec(['docker', 'ps', '--quiet', '--filter', filter])
  const running = stdout.split('\n').filter((id) => id !== '')
  if (running.length > 0)
    await host.exec(['docker', 'stop', '--time', '20', ...running], { timeoutMs: 120_000 })
}

async function place({ path, mode, uid, gid }: ArchivedFile, root: string, stage: string): Promise<void> {
  const from = stage + path
  const to = root + path
  await makeFolder(root, dirname(path))
  await chown(from, uid, gid)
  await chmod(from, mode)
  await rename(from, to).catch(async (error: unknown) => {
    if (!hasCode(error, 'EXDEV')) throw error
    const beside = join(dirname(to), `.sekisho-restore-${process.pid}`)
    try {
      await copyFile(from, beside)
      await chown(beside, uid, gid)
      await chmod(beside, mode)
      await syncPath(beside)
      await rename(beside, to)
    } catch (failure) {
      await rm(beside, { force: true })
      throw failure
    }
  })
  await syncPath(dirname(to))
}

async function makeFolder(root: string, path: string): Promise<void> {
  if (path === PATHS.secrets) {
    await mkdir(root + path, { recursive: true, mode: 0o700 })
    await chmod(root + path, 0o700)
  } else if (path.startsWith(`${PATHS.secrets}/`)) await mkdir(root + path, { recursive: true, mode: 0o700 })
  else if (path.startsWith(CONFIG_FOLDER)) await mkdir(root + path, { recursive: true, mode: 0o755 })
  else await mkdir(root + path, { recursive: true, mode: 0o750 })
}

async function freeName(path: string): Promise<string> {
  for (let i = 1; ; i++) {
    const name = i === 1 ? path : `${path}.${i}`
    if (!(await exists(name))) return name
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

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(absent)) !== undefined
}

function absent(error: unknown): undefined {
  if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
  throw error
}
