import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncPath } from '../lib/sync-path.ts'
import { Refusal } from '../move/refusal.ts'
import { hasCode } from '../router/host.ts'

/** A file to be written. */
export interface OutFile {
  readonly path: string
  readonly text: string
  readonly mode: number
}

const IN_THE_WAY = 'name another file with --out, or say --force: the old one is kept beside it'

/**
 * Writes files, all of them or, when one is there already, none. With `force` the old ones stay beside under another name,
 * which comes back. Each appears whole.
 */
export async function writeImported(files: readonly OutFile[], force: boolean): Promise<string[]> {
  const kept: string[] = []
  const ready: { readonly beside: string; readonly file: OutFile; readonly isThere: boolean }[] = []
  try {
    for (const file of files) {
      const old = await contentOf(file.path)
      if (old?.equals(Buffer.from(file.text))) continue
      if (old && !force) throw new Refusal(`${file.path} is there already`, IN_THE_WAY)
      ready.push({ beside: await prepare(file), file, isThere: old !== undefined })
    }
    for (const { beside, file, isThere } of ready) {
      if (isThere) kept.push(await keep(file.path))
      await rename(beside, file.path)
      await syncPath(dirname(file.path))
    }
    return kept
  } finally {
    for (const { beside } of ready) await rm(beside, { force: true })
  }
}

async function prepare({ path, text, mode }: OutFile): Promise<string> {
  const folder = dirname(path)
  const isSecret = (mode & 0o077) === 0
  await mkdir(dirname(folder), { recursive: true })
  await mkdir(folder, { recursive: true, mode: isSecret ? 0o700 : 0o755 })
  const beside = `${path}.${process.pid}.tmp`
  const handle = await open(beside, 'wx', mode)
  try {
    await handle.writeFile(text)
    await handle.chmod(mode)
    await handle.sync()
  } finally {
    await handle.close()
  }
  return beside
}

async function contentOf(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

/** Gives a file a second name that nothing else has. */
async function keep(path: string): Promise<string> {
  for (let i = 1; ; i++) {
    const kept = `${path}.old${i === 1 ? '' : `.${i}`}`
    try {
      await link(path, kept)
      return kept
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
    }
  }
}
