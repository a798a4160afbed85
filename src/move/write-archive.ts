import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { type Pack, pack } from 'tar-stream'
import { type Bytes, bytesIn } from './bytes.ts'
import type { Source } from './collect.ts'
import { type ArchivedFile, type BackupManifest, FILES, MANIFEST } from './manifest.ts'
import { Refusal } from './refusal.ts'

const CHUNK = 256 * 1024

/** Size, owner, mode and hash of a file as it is now. */
export async function describeFile({ path, kind, from }: Source): Promise<ArchivedFile> {
  const handle = await open(from)
  try {
    const { size, mode, uid, gid } = await handle.stat()
    const hash = createHash('sha256')
    for await (const chunk of bytesOf(handle, size, path)) hash.update(chunk)
    return { path, kind, size, sha256: hash.digest('hex'), mode: mode & 0o777, uid, gid }
  } finally {
    await handle.close()
  }
}

/**
 * The archive as a stream: the manifest, then each file in its order. It never holds more than a piece of one, and
 * ends in an error when a file is no longer what the manifest says.
 */
export function archiveStream(manifest: BackupManifest, sources: readonly Source[]): Bytes {
  const archive = pack()
  // Its reader is told by the stream itself; one that went away needs no telling.
  archive.on('error', () => undefined)
  fill(archive, manifest, sources).catch((error: unknown) => archive.destroy(error as Error))
  return bytesIn(archive)
}

async function fill(archive: Pack, manifest: BackupManifest, sources: readonly Source[]): Promise<void> {
  const gone = new Promise<void>((resolve) => archive.once('close', resolve))
  const mtime = new Date(manifest.created_at)
  const text = `${JSON.stringify(manifest, null, 1)}\n`
  await pipeline([text], archive.entry({ name: MANIFEST, size: Buffer.byteLength(text), mode: 0o600, mtime }))
  const from = new Map(sources.map((source) => [source.path, source.from]))
  for (const { path, size, sha256, mode, uid, gid } of manifest.files) {
    const handle = await open(from.get(path) ?? '')
    try {
      const entry = archive.entry({ name: FILES + path, size, mode, uid, gid, mtime })
      const hash = createHash('sha256')
      for await (const chunk of bytesOf(handle, size, path)) {
        hash.update(chunk)
        if (!entry.write(chunk)) await Promise.race([once(entry, 'drain'), gone])
        if (archive.destroyed) return
      }
      if (hash.digest('hex') !== sha256) throw changed(path)
      entry.end(null)
    } finally {
      await handle.close()
    }
  }
  archive.finalize()
}

/** The first `size` bytes: what was appended since is not part of it. */
async function* bytesOf(
  handle: Awaited<ReturnType<typeof open>>,
  size: number,
  path: string,
): AsyncGenerator<Buffer> {
  for (let at = 0; at < size; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(Math.min(CHUNK, size - at)), 0, null, at)
    if (bytesRead === 0) throw changed(path)
    yield buffer.subarray(0, bytesRead)
    at += bytesRead
  }
}

function changed(path: string): Refusal {
  return new Refusal(`${path} changed while it was read`, 'run the backup again')
}
