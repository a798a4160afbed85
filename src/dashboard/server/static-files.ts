import { readdir, readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'

/** A file of the pages, ready to be sent. */
export interface StaticFile {
  readonly type: string
  readonly plain: Uint8Array<ArrayBuffer>
  /** Absent where it would be no smaller. */
  readonly gzipped?: Uint8Array<ArrayBuffer>
  /** Its name has a hash of what it holds: a browser need never ask again. */
  readonly immutable: boolean
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
}

/**
 * Reads the built pages into memory, by their paths in a URL: a few hundred kilobytes, packed once. Of what a browser asks
 * for nothing becomes a path of the file system.
 */
export async function readStaticFiles(folder: string): Promise<ReadonlyMap<string, StaticFile>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = new Map<string, StaticFile>()
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    const path = file.slice(folder.replace(/\/+$/, '').length)
    const type = TYPES[extname(entry.name)] ?? 'application/octet-stream'
    const plain = new Uint8Array(await readFile(file))
    const gzipped = new Uint8Array(await promisify(gzip)(plain, { level: constants.Z_BEST_COMPRESSION }))
    files.set(path, {
      type,
      plain,
      ...(gzipped.length < plain.length && { gzipped }),
      immutable: path.startsWith('/assets/'),
    })
  }
  return files
}
