import { crc32 } from 'node:zlib'
import type { ForwardChunk } from '../../wal/frame.ts'

/**
 * The same for a chunk that was sent again, and for no other chunk; undefined for one without an id, which nobody sends
 * again. The id alone would trust senders to have made it well. What gzip says of the time of compression (RFC 1952
 * section 2.3) is left out: Fluentd compresses anew when it sends again.
 */
export function duplicateKey({ chunk, tag, mode }: ForwardChunk, body: Buffer): string | undefined {
  if (chunk === undefined) return undefined
  const gzip = mode === 'compressed' && body[0] === 0x1f
  return `${chunk}\0${tag}\0${body.length}\0${crc32(gzip ? body.subarray(10) : body)}`
}
