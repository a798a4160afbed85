import { crc32 } from 'node:zlib'
import type { KindName } from '../records/kinds.ts'

/*
 * A write-ahead segment is HEADER, then frames. A frame is what one source brought to the disk at once:
 *
 *   u32 LE  length of meta and body in bytes, plus 4
 *   u32 LE  CRC-32 (zlib's) of all that follows
 *   u32 LE  length of meta
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
/** Bytes of the field that holds the length of meta. */
const META_LENGTH_BYTES = 4

export interface FrameMeta {
  /** When it was taken, milliseconds since 1970. */
  readonly at: number
  /** What `body` holds: "ndjson" records of `kind`, a raw Fluentd "forward" chunk, or nothing. */
  readonly encoding: 'ndjson' | 'forward' | 'none'
  readonly kind?: KindName
  /** How many records. */
  readonly rows?: number
  /** The earliest and the latest time of its records, milliseconds since 1970: who asks for others passes it over. */
  readonly times?: readonly [number, number]
  /** For a source that can be read again: how far it has been stored, with this frame. */
  readonly source?: string
  readonly position?: unknown
  /** In the first frame of a segment: the position of every source when the segment began. */
  readonly positions?: Readonly<Record<string, unknown>>
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

/** The frame's bytes, in pieces to be written one after the other; `body` is not copied. Throws when it is too large. */
export function encodeFrame(meta: FrameMeta, body: Buffer): Buffer[] {
  const text = Buffer.from(JSON.stringify(meta))
  const length = META_LENGTH_BYTES + text.length + body.length
  if (length > MAX_FRAME_BYTES) throw new Error(`a frame of ${length} bytes is too large`)
  const head = Buffer.alloc(FRAME_HEAD_BYTES + META_LENGTH_BYTES + text.length)
  head.writeUInt32LE(length, 0)
  head.writeUInt32LE(text.length, FRAME_HEAD_BYTES)
  text.copy(head, FRAME_HEAD_BYTES + META_LENGTH_BYTES)
  head.writeUInt32LE(crc32(body, crc32(head.subarray(FRAME_HEAD_BYTES))), 4)
  return body.length === 0 ? [head] : [head, body]
}

/** The bytes that the frame at `offset` has by its own account, when its head is there and is possible. */
export function frameBytes(bytes: Buffer, offset: number): number | undefined {
  if (offset + FRAME_HEAD_BYTES > bytes.length) return undefined
  const length = bytes.readUInt32LE(offset)
  return length < META_LENGTH_BYTES || length > MAX_FRAME_BYTES ? undefined : FRAME_HEAD_BYTES + length
}

/** Reads the frame at `offset`; undefined when it is torn, damaged or not there: the segment ends before it. */
export function decodeFrame(bytes: Buffer, offset: number): (Frame & { readonly end: number }) | undefined {
  const whole = frameBytes(bytes, offset)
  if (whole === undefined || offset + whole > bytes.length) return undefined
  const content = bytes.subarray(offset + FRAME_HEAD_BYTES, offset + whole)
  if (crc32(content) !== bytes.readUInt32LE(offset + 4)) return undefined
  const metaEnd = META_LENGTH_BYTES + content.readUInt32LE(0)
  if (metaEnd > content.length) return undefined
  // The checksum says that we wrote it, so that what JSON.parse gives is a FrameMeta.
  const meta = JSON.parse(content.toString('utf8', META_LENGTH_BYTES, metaEnd)) as FrameMeta
  return { meta, body: content.subarray(metaEnd), end: offset + whole }
}
