import { createHash } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { extract } from 'tar-stream'
import { type Bytes, bytesIn } from './bytes.ts'
import {
  type ArchivedFile,
  type BackupManifest,
  FILES,
  MANIFEST,
  MAX_MANIFEST,
  parseBackup,
} from './manifest.ts'
import { Refusal } from './refusal.ts'

/**
 * Unpacks an archive into `stage`, each file at its path below it, and checks every byte against the manifest. What
 * is not exactly what the manifest says (another member, another order, a link, a size, a hash, an end too early) is
 * a Refusal; `stage` is the caller's to remove. `accept` sees the manifest before anything is unpacked.
 */
export async function readArchive(
  bytes: Bytes,
  stage: string,
  accept: (manifest: BackupManifest) => Promise<void>,
): Promise<BackupManifest> {
  const archive = extract()
  const source = Readable.from(bytes)
  source.on('error', (error: Error) => archive.destroy(error))
  source.pipe(archive)
  let manifest: BackupManifest | undefined
  let next = 0
  try {
    for await (const entry of archive) {
      const { name, type, size } = entry.header
      if (manifest === undefined) {
        if (name !== MANIFEST || type !== 'file') throw notOurs()
        if (size > MAX_MANIFEST) throw damaged('its manifest is too large')
        const parsed = parseBackup(await textOf(bytesIn(entry)))
        if (typeof parsed === 'string') throw damaged(parsed)
        manifest = parsed
        await accept(manifest)
        continue
      }
      const wanted = manifest.files[next++]
      if (wanted === undefined || name !== FILES + wanted.path || type !== 'file' || size !== wanted.size)
        throw damaged(
          `it holds ${JSON.stringify(name.slice(0, 200))}, which its manifest does not list there`,
        )
      await unpack(bytesIn(entry), wanted, stage + wanted.path)
    }
  } catch (error) {
    if (error instanceof Refusal || isOfTheDisk(error)) throw error
    if (manifest === undefined && /tar header|end of data/.test(wordsOf(error))) throw notOurs()
    throw damaged(wordsOf(error) || 'it ends too early', error)
  } finally {
    source.destroy()
  }
  if (manifest === undefined) throw notOurs()
  if (next < manifest.files.length) throw damaged('it ends too early')
  return manifest
}

async function textOf(entry: Bytes): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of entry) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

async function unpack(entry: Bytes, { path, sha256, size }: ArchivedFile, to: string) {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 })
  const handle = await open(to, 'wx', 0o600)
  try {
    const hash = createHash('sha256')
    let length = 0
    for await (const chunk of entry) {
      hash.update(chunk)
      length += chunk.length
      await handle.writeFile(chunk)
    }
    if (length !== size || hash.digest('hex') !== sha256) throw damaged(`${path} is not what was backed up`)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function notOurs(): Refusal {
  return new Refusal(
    'it is not a backup of sekisho, or not the whole of one',
    'name a file that "sekisho backup" wrote',
  )
}

function damaged(what: string, cause?: unknown): Refusal {
  return new Refusal(`it is damaged: ${what}`, 'copy it again from where it is kept', { cause })
}

/** An error of this machine's disk says nothing about the archive. */
function isOfTheDisk(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
