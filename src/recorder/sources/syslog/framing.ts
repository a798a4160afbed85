/** Bytes of a message that are kept; RFC 5425 asks for 8192 at least. */
export const MAX_MESSAGE = 64 * 1024
/** A count above this is no message: the stream is out of step. */
const MAX_COUNT = 16 * 1024 * 1024
const MAX_DIGITS = 8

export interface Frame {
  readonly message: Buffer
  readonly truncated: boolean
}

const LF = 0x0a
const NUL = 0x00
const SPACE = 0x20

/**
 * Cuts a TCP stream into syslog messages (RFC 6587 section 3.4): octet counting where a frame begins with a
 * count ("5 hello"), else up to a line feed or NUL. A sender may change between the two at any frame. Holds at most
 * MAX_MESSAGE bytes; what a message has beyond is passed over.
 */
export class FrameReader {
  #held: Buffer[] = []
  #heldBytes = 0
  /** Of an octet-counted message: bytes still to come. */
  #left = 0
  #mode: 'start' | 'count' | 'counted' | 'line' = 'start'
  #truncated = false
  #digits = ''
  /** The stream cannot be followed any further: close it. */
  broken = false

  /** Takes bytes; the messages they complete. */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = []
    let at = 0
    while (at < chunk.length && !this.broken) {
      switch (this.#mode) {
        case 'start':
          at = this.#start(chunk, at)
          break
        case 'count':
          at = this.#count(chunk, at)
          break
        case 'counted':
          at = this.#counted(chunk, at, frames)
          break
        case 'line':
          at = this.#line(chunk, at, frames)
          break
      }
    }
    return frames
  }

  /** The stream has ended: an unfinished line is a message (many senders end so), an unfinished count is not. */
  end(): { readonly frame?: Frame; readonly torn: boolean } {
    const mode = this.#mode
    if (mode === 'line' && this.#heldBytes > 0) return { frame: this.#take(), torn: false }
    return { torn: this.broken || mode === 'count' || mode === 'counted' }
  }

  #start(chunk: Buffer, at: number): number {
    const byte = chunk[at] ?? 0
    // Trailers of the other framing, as some senders add to a counted frame.
    if (byte === LF || byte === NUL) return at + 1
    if (byte >= 0x31 && byte <= 0x39) this.#mode = 'count'
    else this.#mode = 'line'
    return at
  }

  #count(chunk: Buffer, start: number): number {
    for (let at = start; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      if (byte >= 0x30 && byte <= 0x39 && this.#digits.length < MAX_DIGITS) {
        this.#digits += String.fromCharCode(byte)
        continue
      }
      if (byte === SPACE) {
        this.#left = Number(this.#digits)
        this.#digits = ''
        this.#mode = 'counted'
        this.broken = this.#left > MAX_COUNT
        return at + 1
      }
      // A line that happens to begin with a digit.
      this.#keep(Buffer.from(this.#digits, 'latin1'))
      this.#digits = ''
      this.#mode = 'line'
      return at
    }
    return chunk.length
  }

  #counted(chunk: Buffer, at: number, frames: Frame[]): number {
    const end = Math.min(chunk.length, at + this.#left)
    this.#keep(chunk.subarray(at, end))
    this.#left -= end - at
    if (this.#left === 0) frames.push(this.#take())
    return end
  }

  #line(chunk: Buffer, at: number, frames: Frame[]): number {
    const end = lineEnd(chunk, at)
    this.#keep(chunk.subarray(at, end))
    if (end === chunk.length) return end
    frames.push(this.#take())
    return end + 1
  }

  #keep(bytes: Buffer): void {
    const room = MAX_MESSAGE - this.#heldBytes
    const kept = bytes.subarray(0, room)
    if (kept.length < bytes.length) this.#truncated = true
    if (kept.length === 0) return
    // A copy: the chunk's memory belongs to the socket, and a byte a time must not hold a chunk each.
    this.#held.push(Buffer.from(kept))
    this.#heldBytes += kept.length
    if (this.#held.length > 64) this.#held = [Buffer.concat(this.#held)]
  }

  #take(): Frame {
    const frame = { message: Buffer.concat(this.#held), truncated: this.#truncated }
    this.#held = []
    this.#heldBytes = 0
    this.#truncated = false
    this.#mode = 'start'
    return frame
  }
}

function lineEnd(chunk: Buffer, from: number): number {
  const newline = chunk.indexOf(LF, from)
  const end = newline < 0 ? chunk.length : newline
  const nul = chunk.subarray(from, end).indexOf(NUL)
  return nul < 0 ? end : from + nul
}
