import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { absent, exists } from './exists.ts'
import type { ArchivedFile, BackupManifest } from './manifest.ts'

/** Paths at which something else lies than what is to come: a file with other bytes, a folder with other files. */
export async function conflictsOf(
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
