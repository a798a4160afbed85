import { crc32, gunzipSync, inflateRawSync, zstdDecompressSync } from 'node:zlib'

const MiB = 1024 * 1024
/** What is decompressed at once. */
const MAX_PIECE_BYTES = 96 * MiB
/** Most chunks are less than this altogether. */
const MAX_WHOLE_BYTES = 16 * MiB
/** What a chunk may become in all: so many times its bytes (logs that repeat themselves reach 100), or MAX_WHOLE_BYTES. */
const MAX_RATIO = 250
const HEADER_BYTES = 10
const TRAILER_BYTES = 8

/**
 * Decompresses a chunk, a piece at a time: gzip (RFC 1952; Fluentd writes a member for each time it appended) or zstd. Throws
 * where it is damaged, and where it would become too large.
 */
export function* inflate(bytes: Buffer): Generator<Buffer, void, void> {
  if (bytes.length >= 4 && bytes.readUInt32LE(0) === 0xfd2fb528) {
    yield zstdDecompressSync(bytes, { maxOutputLength: pieceLimit(bytes.length) })
    return
  }
  let whole: Buffer | undefined
  try {
    whole = gunzipSync(bytes, { maxOutputLength: MAX_WHOLE_BYTES })
  } catch {
    // Too large for one piece, or damaged somewhere: a member at a time goes as far as it goes.
  }
  if (whole) yield whole
  else yield* members(bytes)
}

function* members(bytes: Buffer): Generator<Buffer, void, void> {
  const limit = Math.max(MAX_WHOLE_BYTES, bytes.length * MAX_RATIO)
  let total = 0
  let at = 0
  while (at < bytes.length) {
    const start = memberData(bytes, at)
    const rest = bytes.subarray(start)
    // With `info` zlib tells how much of its input belonged to the member.
    const options = { info: true, maxOutputLength: pieceLimit(rest.length) } as const
    const { buffer, engine } = inflateRawSync(rest, options) as unknown as Inflated
    const trailer = start + engine.bytesWritten
    if (trailer + TRAILER_BYTES > bytes.length) throw new Error('gzip: cut off')
    if (crc32(buffer) !== bytes.readUInt32LE(trailer)) throw new Error('gzip: wrong checksum')
    total += buffer.length
    if (total > limit) throw new Error(`gzip: more than ${limit} bytes`)
    yield buffer
    at = trailer + TRAILER_BYTES
  }
}

interface Inflated {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}

function pieceLimit(compressed: number): number {
  return Math.min(MAX_PIECE_BYTES, Math.max(MiB, compressed * MAX_RATIO))
}

/** Where the compressed data of the member at `at` begins (RFC 1952 section 2.3). */
function memberData(bytes: Buffer, at: number): number {
  const flags = bytes[at + 3] ?? 0
  if (bytes[at] !== 0x1f || bytes[at + 1] !== 0x8b || bytes[at + 2] !== 8) throw new Error('gzip: no member')
  let start = at + HEADER_BYTES
  if (flags & 4) start += 2 + (bytes[start] ?? 0) + (bytes[start + 1] ?? 0) * 256
  // A file name and a comment, each up to a zero.
  for (const flag of [8, 16]) if (flags & flag) start = zeroAfter(bytes, start)
  if (flags & 2) start += 2
  if (start > bytes.length) throw new Error('gzip: cut off')
  return start
}

function zeroAfter(bytes: Buffer, from: number): number {
  const zero = bytes.indexOf(0, from)
  if (zero < 0) throw new Error('gzip: cut off')
  return zero + 1
}
