import { u16, u32 } from './bytes.ts'
import type { DnsCounts } from './counts.ts'
import { HEADER_BYTES } from './message.ts'

/** Takes a whole DNS message; `direction` is that of the segments which brought it. */
export type TakeMessage = (bytes: Buffer, start: number, end: number, direction: Direction) => void

export type Direction = 0 | 1

/** One direction of a connection. */
interface Stream {
  readonly direction: Direction
  /** The sequence number that comes next; undefined until it is known. */
  next: number | undefined
  /** The beginning of a message whose rest has not come, its length first; `held` bytes of it count. */
  buffer: Buffer
  held: number
  /** What came too early, by sequence number. */
  readonly early: Early[]
  /** Where the next message begins is not known. */
  lost: boolean
  finished: boolean
}

interface Early {
  readonly sequence: number
  readonly bytes: Buffer
}

interface Connection {
  readonly streams: readonly [Stream, Stream]
  lastMicros: number
}

export interface Segment {
  /** What both directions of the connection have in common. */
  readonly key: string
  /** Which of them: 0 or 1. */
  readonly direction: Direction
  readonly sequence: number
  readonly acknowledged: number
  readonly flags: number
  readonly timeMicros: number
}

const FIN = 0x01
const SYN = 0x02
const RST = 0x04
const ACK = 0x10

const MAX_CONNECTIONS = 4096
const MAX_EARLY = 256
/** What a piece takes besides its bytes. */
const EARLY_BYTES = 128
const MAX_BYTES = 16 * 1024 * 1024
const MAX_AGE_MICROS = 120_000_000
/** Of the first piece of a message: most are small. */
const FIRST_BUFFER = 512
const MAX_FRAME = 2 + 65_535

/**
 * Finds the DNS messages in TCP streams (RFC 1035 section 4.2.2: each has its length in two bytes before it), whatever the
 * order of the segments, within bounds. Where a piece is missing that the other side has acknowledged, the capture has
 * lost it: then a message is taken up again at a segment that looks like the beginning of one.
 */
export class Streams {
  readonly #connections = new Map<string, Connection>()
  readonly #counts: DnsCounts
  readonly #take: TakeMessage
  #bytes = 0

  constructor(counts: DnsCounts, take: TakeMessage) {
    this.#counts = counts
    this.#take = take
  }

  segment(segment: Segment, bytes: Buffer, start: number, end: number): void {
    const { key, direction, flags, timeMicros } = segment
    this.#expire(timeMicros)
    let connection = this.#connections.get(key)
    if (flags & RST) {
      if (connection) this.#remove(key, connection)
      return
    }
    if (!connection) {
      if (start === end && !(flags & SYN)) return
      if (this.#connections.size >= MAX_CONNECTIONS) this.#removeOldest()
      connection = { streams: [newStream(0), newStream(1)], lastMicros: timeMicros }
    } else this.#connections.delete(key)
    // The last used are the last in the map.
    this.#connections.set(key, connection)
    connection.lastMicros = timeMicros
    const stream = connection.streams[direction]
    let { sequence } = segment
    if (flags & SYN) {
      sequence = (sequence + 1) >>> 0
      // A port that is used again.
      if (stream.next !== sequence || stream.finished) this.#restart(stream, sequence)
    }
    if (flags & ACK) this.#acknowledged(connection.streams[direction === 0 ? 1 : 0], segment.acknowledged)
    if (start < end) this.#data(stream, sequence, bytes, start, end)
    if (flags & FIN) {
      stream.finished = true
      const [one, other] = connection.streams
      if (one.finished && other.finished && one.early.length + other.early.length === 0)
        this.#remove(key, connection)
    }
    while (this.#bytes > MAX_BYTES) this.#removeOldest()
  }

  /** What is held, for tests of the bounds. */
  sizes(): { readonly connections: number; readonly bytes: number } {
    return { connections: this.#connections.size, bytes: this.#bytes }
  }

  #data(stream: Stream, sequence: number, bytes: Buffer, start: number, end: number): void {
    if (stream.next === undefined) {
      stream.next = sequence
      stream.lost = true
    }
    const ahead = (sequence - stream.next) | 0
    if (ahead > 0) {
      this.#keepEarly(stream, sequence, bytes.subarray(start, end))
      return
    }
    // What was sent again.
    if (start - ahead < end) this.#advance(stream, bytes, start - ahead, end)
    this.#takeEarly(stream)
  }

  #keepEarly(stream: Stream, sequence: number, bytes: Buffer): void {
    const { early } = stream
    let i = early.length
    while (i > 0 && (((early[i - 1]?.sequence ?? 0) - sequence) | 0) > 0) i--
    const twin = early[i - 1]
    if (twin && twin.sequence === sequence && twin.bytes.length >= bytes.length) return
    early.splice(i, 0, { sequence, bytes: Buffer.from(bytes) })
    this.#bytes += bytes.length + EARLY_BYTES
    // So many behind a gap: what is missing does not come any more.
    if (early.length > MAX_EARLY) this.#skipGap(stream)
  }

  #takeEarly(stream: Stream): void {
    const { early } = stream
    for (let first = early[0]; first; first = early[0]) {
      const ahead = (first.sequence - (stream.next ?? 0)) | 0
      if (ahead > 0) return
      early.shift()
      this.#bytes -= first.bytes.length + EARLY_BYTES
      if (-ahead < first.bytes.length) this.#advance(stream, first.bytes, -ahead, first.bytes.length)
    }
  }

  /** The other side has everything up to `number`. */
  #acknowledged(stream: Stream, number: number): void {
    for (let first = stream.early[0]; first; first = stream.early[0]) {
      if (((number - first.sequence) | 0) <= 0) return
      this.#skipGap(stream)
    }
    // Nothing after the gap yet. Whatever comes next is taken, as the number may be a lie.
    if (stream.next !== undefined && ((number - stream.next) | 0) > (stream.finished ? 1 : 0)) {
      this.#lose(stream)
      stream.next = undefined
    }
  }

  #skipGap(stream: Stream): void {
    this.#lose(stream)
    stream.next = stream.early[0]?.sequence
    this.#takeEarly(stream)
  }

  #lose(stream: Stream): void {
    this.#counts.streamGaps += 1
    this.#forget(stream)
    stream.lost = true
  }

  /** Goes on with bytes that come next. */
  #advance(stream: Stream, bytes: Buffer, from: number, end: number): void {
    stream.next = ((stream.next ?? 0) + (end - from)) >>> 0
    let at = from
    if (stream.lost) {
      if (!looksLikeMessage(bytes, at, end)) return
      stream.lost = false
    }
    if (stream.held > 0) {
      at = this.#complete(stream, bytes, at, end)
      if (at < 0) return
    }
    while (at + 2 <= end) {
      const next = at + 2 + u16(bytes, at)
      if (next > end) break
      this.#take(bytes, at + 2, next, stream.direction)
      at = next
    }
    if (at < end) this.#hold(stream, bytes, at, end)
  }

  /** Adds to the message that has begun. Returns where the next one begins, or -1 when there is still not enough. */
  #complete(stream: Stream, bytes: Buffer, from: number, end: number): number {
    let at = from
    if (stream.held === 1) {
      this.#hold(stream, bytes, at, at + 1)
      at += 1
    }
    const missing = 2 + u16(stream.buffer, 0) - stream.held
    if (end - at < missing) {
      if (at < end) this.#hold(stream, bytes, at, end)
      return -1
    }
    this.#hold(stream, bytes, at, at + missing)
    const { buffer, held } = stream
    this.#forget(stream)
    this.#take(buffer, 2, held, stream.direction)
    return at + missing
  }

  #hold(stream: Stream, bytes: Buffer, at: number, end: number): void {
    const needed = stream.held + end - at
    if (needed > stream.buffer.length) {
      // Grows with what has come, not with what was announced.
      const larger = Buffer.alloc(Math.min(MAX_FRAME, Math.max(FIRST_BUFFER, needed * 2)))
      stream.buffer.copy(larger, 0, 0, stream.held)
      this.#bytes += larger.length - stream.buffer.length
      stream.buffer = larger
    }
    bytes.copy(stream.buffer, stream.held, at, end)
    stream.held = needed
  }

  #forget(stream: Stream): void {
    this.#bytes -= stream.buffer.length
    stream.buffer = NOTHING
    stream.held = 0
  }

  #restart(stream: Stream, next: number): void {
    this.#release(stream)
    stream.next = next
    stream.lost = false
    stream.finished = false
  }

  #release(stream: Stream): void {
    if (stream.held > 0 || stream.early.length > 0) this.#counts.streamGaps += 1
    for (const { bytes } of stream.early) this.#bytes -= bytes.length + EARLY_BYTES
    stream.early.length = 0
    this.#forget(stream)
  }

  #remove(key: string, connection: Connection): void {
    this.#connections.delete(key)
    for (const stream of connection.streams) this.#release(stream)
  }

  #expire(nowMicros: number): void {
    for (const [key, connection] of this.#connections) {
      if (nowMicros - connection.lastMicros < MAX_AGE_MICROS) return
      this.#remove(key, connection)
    }
  }

  #removeOldest(): void {
    for (const [key, connection] of this.#connections) {
      this.#remove(key, connection)
      return
    }
  }
}

const NOTHING = Buffer.alloc(0)

function newStream(direction: Direction): Stream {
  return { direction, next: undefined, buffer: NOTHING, held: 0, early: [], lost: false, finished: false }
}

/**
 * Whether a message could begin here, in a stream that is seen from the middle on: a length that has room for a header,
 * one question at most, and an opcode and a zero bit that are in use.
 */
function looksLikeMessage(bytes: Buffer, at: number, end: number): boolean {
  if (end - at < 2 + HEADER_BYTES)
    return end - at >= 2 && u16(bytes, at) >= HEADER_BYTES && u16(bytes, at) < 4096
  const flags = u16(bytes, at + 4)
  const opcode = (flags >> 11) & 15
  return (
    u16(bytes, at) >= HEADER_BYTES &&
    opcode <= 6 &&
    (flags & 0x40) === 0 &&
    u16(bytes, at + 6) <= 1 &&
    // Records of a message of this length.
    (u32(bytes, at + 8) >>> 16) * 11 <= u16(bytes, at) &&
    (u32(bytes, at + 8) & 0xffff) * 11 <= u16(bytes, at)
  )
}
