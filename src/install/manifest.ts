import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

/** The name of the manifest in a release; it lists every other file. */
export const MANIFEST = 'manifest.json'

const Path = z.string().refine((path) => !path.split('/').some((part) => ['', '.', '..'].includes(part)), {
  error: 'a path must stay inside the release',
})

const Part = z.strictObject({
  path: Path,
  kind: z.enum(['file', 'executable', 'link']),
  /** Bytes of the file, or of the link's target. */
  size: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})

const Manifest = z.strictObject({
  format: z.literal(1),
  /** `<version>-<12 hex digits>`, the release's folder name. */
  release: z.string().regex(/^\d+\.\d+\.\d+[0-9a-z.-]*-[0-9a-f]{12}$/),
  arch: z.enum(['x64', 'arm64']),
  /** The images of images/images.tar.zst. */
  images: z.array(z.string()),
  parts: z.array(Part),
  /** sha256 of the manifest's other fields, so that a flipped bit here shows as well. */
  digest: z.string(),
})

/** A file of a release. */
export type Part = z.infer<typeof Part>
/** What a release consists of. */
export type Manifest = z.infer<typeof Manifest>

/** Completes a manifest with its digest, parts sorted by path. */
export function sealManifest(content: Omit<Manifest, 'format' | 'digest'>): Manifest {
  const parts = content.parts.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const body = { format: 1 as const, ...content, parts }
  return { ...body, digest: digestOf(body) }
}

/** Reads a manifest's text; undefined when it is not one, or was changed after it was sealed. */
export function parseManifest(text: string): Manifest | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const parsed = Manifest.safeParse(value)
  if (!parsed.success) return undefined
  const { digest, ...body } = parsed.data
  return digest === digestOf(body) ? parsed.data : undefined
}

function digestOf({ release, arch, images, parts }: Omit<Manifest, 'digest'>): string {
  const lines = parts.map(({ path, kind, size, sha256 }) => [path, kind, size, sha256])
  return createHash('sha256')
    .update(JSON.stringify([release, arch, images, lines]))
    .digest('hex')
}

/**
 * Compares a folder with its manifest: every part there, of its kind, size and sha256, and nothing else. Returns
 * what differs as sentences, at most `limit` of them; none means that the folder is whole.
 */
export async function verifyTree(folder: string, manifest: Manifest, limit = 5): Promise<string[]> {
  const found = new Set(await listTree(folder))
  found.delete(MANIFEST)
  const problems: string[] = []
  for (const part of manifest.parts) {
    if (problems.length >= limit) break
    if (!found.delete(part.path)) problems.push(`${part.path} is missing`)
    else if (!(await isWhole(folder, part))) problems.push(`${part.path} is damaged`)
  }
  if (problems.length < limit) {
    problems.push(
      ...[...found].slice(0, limit - problems.length).map((path) => `${path} does not belong there`),
    )
  }
  return problems
}

async function isWhole(folder: string, part: Part): Promise<boolean> {
  const stat = await lstat(join(folder, part.path))
  // A device or a pipe is not opened, and a file of another size not read.
  if (part.kind === 'link' ? !stat.isSymbolicLink() : !stat.isFile() || stat.size !== part.size) return false
  const { kind, size, sha256 } = await describePart(folder, part.path)
  return kind === part.kind && size === part.size && sha256 === part.sha256
}

/** Every file and link under a folder, as paths relative to it, in no order. */
export async function listTree(folder: string, prefix = ''): Promise<string[]> {
  const entries = await readdir(join(folder, prefix), { withFileTypes: true })
  const nested = entries.map(async (entry) => {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`
    return entry.isDirectory() ? listTree(folder, path) : [path]
  })
  return (await Promise.all(nested)).flat()
}

/** Kind, size and sha256 of one file as it lies on the disk. */
export async function describePart(folder: string, path: string): Promise<Part> {
  const stat = await lstat(join(folder, path))
  const hash = createHash('sha256')
  if (stat.isSymbolicLink()) {
    const target = await readlink(join(folder, path))
    return { path, kind: 'link', size: Buffer.byteLength(target), sha256: hash.update(target).digest('hex') }
  }
  if (!stat.isFile()) throw new Error(`${join(folder, path)} is neither a file nor a link`)
  // A stream costs more than a small file's whole reading.
  if (stat.size < 1 << 20) hash.update(await readFile(join(folder, path)))
  else
    for await (const chunk of createReadStream(join(folder, path), { highWaterMark: 1 << 20 }))
      hash.update(chunk)
  return {
    path,
    kind: stat.mode & 0o100 ? 'executable' : 'file',
    size: stat.size,
    sha256: hash.digest('hex'),
  }
}
