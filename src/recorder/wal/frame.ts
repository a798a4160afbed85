import { crc32 } from 'node:zlib'
import type { KindName } from '../records/kinds.ts'

/*
 * A write-ahead segment is HEADER, then frames. A frame is what one source brought to the disk at once:
 *
 *   u32 LE  length of meta and body in bytes, plus 2
 *   u32 LE  CRC-32 (zlib's) of all that follows
 *   u16 LE  length of meta
 *   meta    JSON, UTF-8: FrameMeta
 *   body    NDJSON lines, or a raw chunk as a sender gave it
 *
 * A frame is there whole or not at all: a torn or damaged one ends the segment. Since meta may carry the source's own
 * position, records and position come to the disk together.
 */

/** "SKWAL" and the version of the format. */
export const HEADER = Buffer.from('SKWAL\x00\x00\x01', 'latin1')
export const FRAME_HEAD_BYTES = 8
/** A frame beyond this is not ours: larger input is split, or refused, by its source. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024

export interface FrameMeta {
  /** When it was taken, milliseconds since 1970. */
  readonly at: number
  /** What `body` holds: "ndjson" records of `kind`, a raw Fluentd "forward" chunk, or nothing. */
  readonly encoding: 'ndjson' | 'forward' | 'none'
  readonly kind?: KindName
  /** How many records. */
  readonly rows?: number
  /** For a source that can be read again: how far it has been stored, with this frame. */
  readonly source?: string
  readonly position?: unknown
  /** For encoding "forward". */
  readonly forward?: ForwardChunk
}

/** What a Forward message says beside its entries (Forward protocol specification v1.5). */
export interface ForwardChunk {
  readonly tag: string
  /** The entries in the body: one msgpack array of [time, record], the same entries concatenated, or those gzipped. */
  readonly mode: 'forward' | 'packed' | 'compressed'
  /** The `chunk` option, base64 as it came: the same chunk sent twice has the same id. */
  readonly chunk?: string
  readonly senderAddress: string
}

export interface Frame {
  readonly meta: FrameMeta
  readonly body: Buffer
}

/** The frame's bytes, in pieces to be written one after the other; `body` is not copied. */
export function encodeFrame(meta: FrameMeta, body: Buffer): Buffer[] {
  const text = Buffer.from(JSON.stringify(meta))
  if (text.length > 0xffff) throw new Error(`a frame's meta of ${text.length} bytes is too long`)
  const head = Buffer.alloc(FRAME_HEAD_BYTES + 2 + text.length)
  head.writeUInt32LE(2 + text.length + body.length, 0)
  head.writeUInt16LE(text.length, FRAME_HEAD_BYTES)
  text.copy(head, FRAME_HEAD_BYTES + 2)
  head.writeUInt32LE(crc32(body, crc32(head.subarray(FRAME_HEAD_BYTES))), 4)
  return [head, body]
}

/** Reads the frame at `offset`; undefined when it is torn, damaged or not there: the segment ends before it. */
export function decodeFrame(bytes: Buffer, offset: number): (Frame & { readonly end: number }) | undefined {
  const start = offset + FRAME_HEAD_BYTES
  if (start + 2 > bytes.length) return undefined
  const length = bytes.readUInt32LE(offset)
  const end = start + length
  if (length < 2 || length > MAX_FRAME_BYTES || end > bytes.length) return undefined
  const content = bytes.subarray(start, end)
  if (crc32(content) !== bytes.readUInt32LE(offset + 4)) return undefined
  const metaEnd = 2 + content.readUInt16LE(0)
  if (metaEnd > content.length) return undefined
  // The checksum says that we wrote it, so that what JSON.parse gives is a FrameMeta.
  const meta = JSON.parse(content.toString('utf8', 2, metaEnd)) as FrameMeta
  return { meta, body: content.subarray(metaEnd), end }
}
