/*
 * What the watchers send (src/watch/deliver.ts), a stream of frames:
 *
 *   u32 LE  length of all that follows
 *   u32 LE  length of meta
 *   meta    JSON: FrameMeta
 *   body    `rows` lines, each a JSON object and a newline
 *
 * and what they get back: u32 LE, the id of each frame that is on the disk. Ids grow within a session, the life of a
 * sender: a frame that comes again, because its answer was lost, is known by them.
 */

/** Larger than any that our sender makes: it closes one at 256 KiB, and a line is far smaller. */
export const MAX_FRAME_BYTES = 4 * 1024 * 1024
const MAX_META_BYTES = 1024
const LENGTH_BYTES = 4
const NEWLINE = 0x0a
const OPEN = 0x7b
const CLOSE = 0x7d
const MAX_ID = 2 ** 32 - 1

const WATCHED = ['dns', 'flows', 'events'] as const

interface FrameMeta {
  readonly session: string
  readonly id: number
  readonly kind: (typeof WATCHED)[number]
  readonly rows: number
  /** The earliest and the latest time of its records, milliseconds since 1970. */
  readonly times: readonly [number, number]
}

export interface WatchFrame extends FrameMeta {
  readonly body: Buffer
}

/** The frames of a stream that comes in pieces. After `broken` is set nothing more is to be had from it. */
export class FrameReader {
  #pieces: Buffer[] = []
  #held = 0
  /** Why the stream cannot go on. */
  broken: string | undefined

  push(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#held += piece.length
  }

  /** The next frame that is whole. */
  next(): WatchFrame | undefined {
    if (this.broken !== undefined || this.#held < LENGTH_BYTES) return undefined
    const length = this.#first(LENGTH_BYTES).readUInt32LE(0)
    if (length < LENGTH_BYTES || length > MAX_FRAME_BYTES) {
      this.#break(`a frame of ${length} bytes`)
      return undefined
    }
    const end = LENGTH_BYTES + length
    if (this.#held < end) return undefined
    const bytes = this.#first(end)
    this.#pieces = bytes.length > end ? [bytes.subarray(end)] : []
    this.#held -= end
    const frame = decodeFrame(bytes.subarray(LENGTH_BYTES, end))
    if (typeof frame !== 'string') return frame
    this.#break(frame)
    return undefined
  }

  /** Joins pieces until the first has so many bytes, and returns it; they are there. */
  #first(bytes: number): Buffer {
    const [first = Buffer.alloc(0)] = this.#pieces
    if (first.length >= bytes) return first
    const all = Buffer.concat(this.#pieces)
    this.#pieces = [all]
    return all
  }

  #break(problem: string): void {
    this.broken = problem
    this.#pieces = []
    this.#held = 0
  }
}

/** A frame without its length, or what is wrong with it. */
export function decodeFrame(bytes: Buffer): WatchFrame | string {
  if (bytes.length < LENGTH_BYTES) return 'a frame without meta'
  const metaBytes = bytes.readUInt32LE(0)
  const bodyAt = LENGTH_BYTES + metaBytes
  if (metaBytes > MAX_META_BYTES || bodyAt > bytes.length) return `meta of ${metaBytes} bytes`
  const meta = parseMeta(bytes.toString('utf8', LENGTH_BYTES, bodyAt))
  if (!meta) return 'meta that is none of ours'
  const body = bytes.subarray(bodyAt)
  const rows = countLines(body)
  return rows === meta.rows ? { ...meta, body } : `${rows ?? 'no'} lines in a frame of ${meta.rows} rows`
}

function parseMeta(text: string): FrameMeta | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { session, id, kind, rows, times } = value as Partial<Record<keyof FrameMeta, unknown>>
  const known = WATCHED.find((name) => name === kind)
  if (typeof session !== 'string' || !/^[0-9a-f]{16}$/.test(session) || !known) return undefined
  if (!isCount(id) || id > MAX_ID || !isCount(rows) || !Array.isArray(times)) return undefined
  const [first, last, ...more] = times as unknown[]
  if (!isTime(first) || !isTime(last) || last < first || more.length > 0) return undefined
  return { session, id, kind: known, rows, times: [first, last] }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** How many lines there are, when each could be a JSON object; what is in it is for who reads the log. */
function countLines(body: Buffer): number | undefined {
  let lines = 0
  for (let at = 0; at < body.length; lines++) {
    const end = body.indexOf(NEWLINE, at)
    if (end < at + 2 || body[at] !== OPEN || body[end - 1] !== CLOSE) return undefined
    at = end + 1
  }
  return lines
}
