import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

export interface FileHash {
  readonly bytes: number
  /** Hexadecimal. */
  readonly sha256: string
  readonly md5: string
}

/** The length and checksums of a file, which is never in memory as a whole. */
export async function hashFile(path: string): Promise<FileHash> {
  const sha256 = createHash('sha256')
  const md5 = createHash('md5')
  let bytes = 0
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    sha256.update(chunk)
    md5.update(chunk)
    bytes += chunk.length
  }
  return { bytes, sha256: sha256.digest('hex'), md5: md5.digest('hex') }
}

export function base64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}
