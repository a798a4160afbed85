import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { withFileLock } from '../lib/file-lock.ts'
import { run, runOk } from '../lib/run.ts'
import { toTrixie } from './apt-sources.ts'
import { cached, cacheRoot } from './cache.ts'

type Progress = (line: string) => void

/**
 * Installs those of the named Debian packages that this machine lacks, with apt-get and without recommended
 * packages. It needs root only when something is missing, and throws with apt's own words when it fails.
 */
export async function ensurePackages(names: readonly string[], onProgress?: Progress): Promise<void> {
  if ((await missingPackages(names)).length === 0) return
  await withFileLock(
    join(cacheRoot(), 'apt.lock'),
    async () => {
      const missing = await missingPackages(names)
      if (missing.length === 0) return
      if (process.getuid?.() !== 0) {
        throw new Error(
          `missing on this machine: ${missing.join(' ')}. Fix: run as root, or apt-get install them`,
        )
      }
      onProgress?.(`installing ${missing.join(' ')}`)
      const options = { env: { DEBIAN_FRONTEND: 'noninteractive' } }
      const apt = ['apt-get', '-qq', '-o', 'DPkg::Lock::Timeout=300']
      await runOk([...apt, 'update'], options)
      await runOk([...apt, 'install', '-y', '--no-install-recommends', ...missing], options)
    },
    { onWait: () => onProgress?.('waiting for another installation') },
  )
}

async function missingPackages(names: readonly string[]): Promise<string[]> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders
  const query = ['dpkg-query', '--show', '--showformat=${db:Status-Status} ${Package}\n', ...names]
  const { stdout } = await run(query)
  const installed = new Set(
    stdout
      .split('\n')
      .filter((line) => line.startsWith('installed '))
      .map((line) => line.slice('installed '.length)),
  )
  return names.filter((name) => !installed.has(name))
}

/**
 * This machine's own sources of the Debian archive, rewritten to trixie as one deb822 text; undefined when it has
 * none (another distribution), where mmdebstrap's own default serves.
 */
export async function trixieSources(): Promise<string | undefined> {
  const codename = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1]
  if (codename === undefined) return undefined
  const folder = '/etc/apt/sources.list.d'
  const names = (await readdir(folder).catch(() => []))
    .filter((name) => /\.(list|sources)$/.test(name))
    .sort()
  const paths = ['/etc/apt/sources.list', ...names.map((name) => join(folder, name))]
  const files = await Promise.all(
    paths.map(async (path) => ({ path, text: await readFile(path, 'utf8').catch(() => '') })),
  )
  return toTrixie(files, codename)
}

export interface BootstrapOptions {
  /** The cache's kind, such as `router-rootfs`. */
  readonly kind: string
  /** `tar` for `docker import`, `directory` for a tree to boot or chroot into. */
  readonly format: 'tar' | 'directory'
  /** mmdebstrap's variant; `minbase` unless told. */
  readonly variant?: 'minbase' | 'important' | 'standard'
  /** Shell lines for mmdebstrap's customize hooks; the tree is `$1`. Written by us, never built from data. */
  readonly customize?: readonly string[]
  readonly onProgress?: Progress
}

/**
 * Bootstraps Debian 13 with these packages once per content hash and returns the path of the tar archive or of
 * the directory tree. The machine's own apt sources, and its apt proxy, are the ones used.
 */
export async function bootstrap(packages: readonly string[], options: BootstrapOptions): Promise<string> {
  const { kind, format, variant = 'minbase', customize = [], onProgress } = options
  const sorted = [...new Set(packages)].sort()
  const name = format === 'tar' ? 'base.tar' : 'rootfs'
  const recipe = JSON.stringify({ version: 1, arch: process.arch, sorted, format, variant, customize, trim })
  const hash = createHash('sha256').update(recipe).digest('hex').slice(0, 16)
  const entry = await cached(
    kind,
    hash,
    async (directory) => {
      await ensurePackages(['mmdebstrap', 'debian-archive-keyring'], onProgress)
      onProgress?.(`bootstrapping Debian 13 with ${sorted.length} packages (once)`)
      const sources = await trixieSources()
      const list = join(directory, 'apt.sources')
      if (sources !== undefined) await writeFile(list, sources)
      await runOk(
        [
          'mmdebstrap',
          '--quiet',
          `--variant=${variant}`,
          `--format=${format}`,
          ...(sorted.length === 0 ? [] : [`--include=${sorted.join(',')}`]),
          ...trim,
          ...(await aptNetworkOptions()),
          ...customize.map((line) => `--customize-hook=${line}`),
          // Our options were for the building; they are no part of what is built.
          '--customize-hook=rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap',
          'trixie',
          join(directory, name),
          ...(sources === undefined ? [] : [list]),
        ],
        { env: { DEBIAN_FRONTEND: 'noninteractive' } },
      )
    },
    onProgress === undefined
      ? {}
      : { onWait: () => onProgress('waiting for another build of the same tree') },
  )
  return join(entry, name)
}

/** Manuals and translations are most of the files and none of the function; the licences stay. */
const trim = [
  '--dpkgopt=force-unsafe-io',
  '--dpkgopt=path-exclude=/usr/share/man/*',
  '--dpkgopt=path-exclude=/usr/share/locale/*',
  '--dpkgopt=path-exclude=/usr/share/doc/*',
  '--dpkgopt=path-include=/usr/share/doc/*/copyright',
  '--aptopt=Acquire::Languages "none"',
]

async function aptNetworkOptions(): Promise<string[]> {
  return (await aptNetworkSettings()).map((line) => `--aptopt=${line}`)
}

/** How this machine's apt reaches the archive (proxy, own CA), as lines of apt.conf(5). */
export async function aptNetworkSettings(): Promise<string[]> {
  const { stdout } = await run(['apt-config', 'dump', '--format', '%F "%v";%n', 'Acquire'])
  return stdout
    .split('\n')
    .filter((line) =>
      /^Acquire::https?::([^ ]*::)?(Proxy|CaInfo|Verify-Peer|Verify-Host)\b.* ".+";$/i.test(line),
    )
}
