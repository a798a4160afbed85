import {
  chmod,
  constants,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  statfs,
  symlink,
  utimes,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { withFileLock } from '../lib/file-lock.ts'
import { run, runOk } from '../lib/run.ts'
import { syncPath } from '../lib/sync-path.ts'
import { PROJECT_ROOT } from '../router/image-ref.ts'
import { PATHS } from '../router/paths.ts'
import { MANIFEST, type Manifest, parseManifest, verifyTree } from './manifest.ts'

type Progress = (line: string) => void

export interface InstallOptions {
  /** A bundle, `sekisho-<version>-<hash>.tar`; without it, the unpacked bundle that this program runs from. */
  readonly bundle?: string
  /** The unpacked bundle to install from, when it is not the running one. */
  readonly source?: string
  /** A folder that stands for "/" (tests). */
  readonly root?: string
  readonly onProgress?: Progress
}

export type InstallResult =
  | { readonly status: 'installed' | 'already'; readonly release: string; readonly images: readonly string[] }
  | { readonly status: 'refused'; readonly message: string; readonly fix: string }

/** How many releases stay: the one in use, and the one to go back to. */
const KEEP = 2

/**
 * Puts a release in place: /opt/sekisho/<release>, /opt/sekisho/current, the command on the PATH, and the empty
 * folders of the configuration. It starts nothing and needs no network. A damaged bundle is refused before
 * anything that is in use changes; interrupted at any point, it can be run again.
 */
export async function installRelease(options: InstallOptions = {}): Promise<InstallResult> {
  const { root = '', onProgress } = options
  const home = join(root, PATHS.install)
  await mkdir(home, { recursive: true, mode: 0o755 })
  return withFileLock(join(home, '.lock'), () => install(options, root, home), {
    onWait: () => onProgress?.('waiting for another installation'),
  })
}

/** Makes an installed release the one in use, and the newest of those that are kept. */
export async function activateRelease(release: string, root = ''): Promise<void> {
  const home = join(root, PATHS.install)
  await withFileLock(join(home, '.lock'), async () => {
    await pointTo(join(home, 'current'), release)
    const now = new Date()
    await utimes(join(home, release), now, now)
  })
}

async function install(options: InstallOptions, root: string, home: string): Promise<InstallResult> {
  const { bundle, source = PROJECT_ROOT, onProgress } = options
  const manifest = parseManifest(
    bundle === undefined
      ? await readFile(join(source, MANIFEST), 'utf8').catch(() => '')
      : await manifestText(bundle),
  )
  if (manifest === undefined) {
    return bundle === undefined
      ? refused(
          `${source} is not an unpacked bundle`,
          'make one with `sekisho bundle`, then install --bundle FILE',
        )
      : refused(
          `${bundle} is not a whole sekisho bundle`,
          'copy it again, or make it again with `sekisho bundle`',
        )
  }
  if (bundle !== undefined && (await stat(bundle)).size < archiveSize(manifest)) {
    return refused(`${bundle} is cut short`, 'copy it again, or make it again with `sekisho bundle`')
  }
  const { release, arch, images } = manifest
  if (arch !== process.arch) {
    return refused(
      `the bundle is for ${arch} and this machine is ${process.arch}`,
      `make it on a ${process.arch} machine`,
    )
  }
  const command = join(root, '/usr/local/bin/sekisho')
  if (!(await isOursOrAbsent(command))) {
    return refused(`${command} is there and is not ours`, 'move it away')
  }
  const target = join(home, release)
  await removeLeftovers(home)
  const installed = await stat(target).then(
    () => true,
    () => false,
  )
  const whole = installed && (await verifyTree(target, manifest)).length === 0
  const inPlace = bundle === undefined && (await sameFolder(source, target))
  if (inPlace && !whole)
    return refused(`${target} is damaged`, 'install it again from its bundle: install --bundle FILE')
  if (!whole) {
    const needed = manifest.parts.reduce((sum, part) => sum + part.size, 0) * 1.1
    const { bavail, bsize } = await statfs(home)
    if (bavail * bsize < needed) {
      return refused(`${home} has no room for ${Math.ceil(needed / 1e6)} MB`, 'free some space there')
    }
    onProgress?.(`copying ${release}`)
    const incoming = join(home, `${release}.tmp`)
    const failure =
      bundle === undefined ? await copyTree(source, incoming, manifest) : await unpack(bundle, home, manifest)
    onProgress?.('verifying it')
    const problems = failure === undefined ? await verifyTree(incoming, manifest) : [failure]
    if (problems.length > 0) {
      await rm(incoming, { recursive: true, force: true })
      return refused(
        `the bundle is damaged: ${problems.join(', ')}`,
        'copy it again, or make it again with `sekisho bundle`',
      )
    }
    // A rename must never be on the disk before what it names.
    await runOk(['sync', '--file-system', incoming])
    if (installed) await rename(target, join(home, `${release}.old`))
    await rename(incoming, target)
    await syncPath(home)
  }
  const current = join(home, 'current')
  const already = whole && (await readlink(current).catch(() => '')) === release
  await pointTo(current, release)
  await mkdir(dirname(command), { recursive: true })
  await pointTo(command, join(PATHS.install, 'current/sekisho'))
  await mkdir(join(root, dirname(PATHS.config)), { recursive: true, mode: 0o755 })
  await mkdir(join(root, PATHS.secrets), { recursive: true, mode: 0o700 })
  await chmod(join(root, PATHS.secrets), 0o700)
  const now = new Date()
  await utimes(target, now, now)
  await removeLeftovers(home)
  await prune(home, release)
  return { status: already ? 'already' : 'installed', release, images }
}

function refused(message: string, fix: string): InstallResult {
  return { status: 'refused', message, fix }
}

/** The manifest is a bundle's first member: this reads no further. */
async function manifestText(bundle: string): Promise<string> {
  const { code, stdout } = await run([
    'tar',
    '--extract',
    '--to-stdout',
    '--occurrence=1',
    '--wildcards',
    '--no-wildcards-match-slash',
    '--file',
    bundle,
    '--force-local',
    `*/${MANIFEST}`,
  ])
  return code === 0 ? stdout : ''
}

/** The least a whole archive has in bytes: tar has a header of 512 for each member and fills blocks of 512. */
function archiveSize({ parts }: Manifest): number {
  return parts.reduce(
    (sum, { kind, size }) => sum + 512 + (kind === 'link' ? 0 : Math.ceil(size / 512) * 512),
    0,
  )
}

async function copyTree(source: string, target: string, { parts }: Manifest): Promise<string | undefined> {
  try {
    await mkdir(target, { mode: 0o755 })
    for (const { path, kind } of [...parts, { path: MANIFEST, kind: 'file' as const }]) {
      const to = join(target, path)
      await mkdir(dirname(to), { recursive: true, mode: 0o755 })
      if (kind === 'link') {
        await symlink(await readlink(join(source, path)), to)
      } else {
        await copyFile(join(source, path), to, constants.COPYFILE_FICLONE)
        await chmod(to, kind === 'executable' ? 0o755 : 0o644)
      }
    }
    return undefined
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EINVAL' || code === 'EISDIR') return message
    throw error
  }
}

async function unpack(bundle: string, home: string, { release }: Manifest): Promise<string | undefined> {
  const incoming = join(home, `${release}.tmp`)
  await mkdir(incoming, { mode: 0o755 })
  const { code, stderr } = await run([
    'tar',
    '--extract',
    '--file',
    bundle,
    '--force-local',
    '--directory',
    incoming,
    '--strip-components=1',
    '--no-same-owner',
    '--same-permissions',
    '--delay-directory-restore',
  ])
  return code === 0 ? undefined : (stderr.trim().split('\n')[0] ?? 'tar failed')
}

async function sameFolder(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([a, b].map((path) => stat(path).catch(() => undefined)))
  return left !== undefined && right !== undefined && left.ino === right.ino && left.dev === right.dev
}

async function isOursOrAbsent(command: string): Promise<boolean> {
  const found = await lstat(command).catch(() => undefined)
  if (found === undefined) return true
  return found.isSymbolicLink() && (await readlink(command)).startsWith(`${PATHS.install}/`)
}

/** Makes or moves a symbolic link in one step: at every moment it is the old one or the new one. */
async function pointTo(path: string, target: string): Promise<void> {
  if ((await readlink(path).catch(() => undefined)) === target) return
  const next = `${path}.next`
  await rm(next, { force: true })
  await symlink(target, next)
  await rename(next, path)
  await syncPath(dirname(path))
}

async function removeLeftovers(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    if (/^\d.*\.(tmp|old)$/.test(name)) await rm(join(home, name), { recursive: true, force: true })
  }
}

async function prune(home: string, current: string): Promise<void> {
  const others = (await readdir(home)).filter((name) => /^\d/.test(name) && name !== current)
  const dated = await Promise.all(
    others.map(async (name) => ({ name, time: (await stat(join(home, name))).mtimeMs })),
  )
  dated.sort((a, b) => b.time - a.time)
  for (const { name } of dated.slice(KEEP - 1)) await rm(join(home, name), { recursive: true, force: true })
}
