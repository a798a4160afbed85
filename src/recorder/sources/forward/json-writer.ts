import { isUtf8 } from 'node:buffer'

/** A record that is longer as JSON is cut: readers of NDJSON have their limits too. */
export const MAX_LINE_BYTES = 4 * 1024 * 1024
const BUFFER_BYTES = 256 * 1024

export class LineTooLong extends Error {}

const HEX = Buffer.from('0123456789abcdef')
/** The character after the backslash for what has a short escape (RFC 8259 section 7), else 0. */
const SHORT = new Uint8Array(128)
for (const pair of ['\bb', '\tt', '\nn', '\ff', '\rr', '""', '\\\\'])
  SHORT[pair.charCodeAt(0)] = pair.charCodeAt(1)
/** Bytes that a JSON string cannot hold as they are, or that need a look at UTF-8. */
const SPECIAL = new Uint8Array(256).fill(1, 0, 0x20).fill(1, 0x80)
SPECIAL[0x22] = 1
SPECIAL[0x5c] = 1

/**
 * Writes lines of JSON into memory that is never used again: what take() gave stays as it is. Bytes go in without becoming
 * strings.
 */
export class JsonWriter {
  #out = Buffer.alloc(0)
  readonly #bytes: number
  /** Where the lines begin that were not taken yet, the line that is written, and what comes next. */
  #start = 0
  #line = 0
  #at = 0

  /** `expected` bytes of lines are to come, as far as is known. */
  constructor(expected: number) {
    this.#bytes = Math.min(expected, BUFFER_BYTES)
  }

  /** Bytes of whole lines that were not taken yet. */
  get ready(): number {
    return this.#line - this.#start
  }

  /** The whole lines since the last call. */
  take(): Buffer {
    const lines = this.#out.subarray(this.#start, this.#line)
    this.#start = this.#line
    return lines
  }

  /** Ends the line. */
  endLine(): void {
    this.byte(0x0a)
    this.#line = this.#at
  }

  /** Begins the line again; its first bytes so far, at most `max`. */
  restart(max: number): Buffer {
    const begun = Buffer.from(this.#out.subarray(this.#line, Math.min(this.#at, this.#line + max)))
    this.#at = this.#line
    return begun
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#out[this.#at++] = value
  }

  /** JSON as it is. */
  raw(bytes: Uint8Array): void {
    const { length } = bytes
    this.#reserve(length)
    const out = this.#out
    let at = this.#at
    for (let i = 0; i < length; i++) out[at++] = bytes[i] as number
    this.#at = at
  }

  /** ASCII, e.g. a number. */
  ascii(text: string): void {
    const { length } = text
    this.#reserve(length)
    for (let i = 0; i < length; i++) this.#out[this.#at++] = text.charCodeAt(i)
  }

  /** A whole number from 0 to 2^32-1. */
  small(value: number): void {
    if (value < 10) this.byte(0x30 + value)
    else this.ascii(String(value))
  }

  /** Digits with zeros before them, e.g. nanoseconds. */
  digits(value: number, width: number): void {
    this.#reserve(width)
    let left = value
    for (let i = this.#at + width - 1; i >= this.#at; i--) {
      this.#out[i] = 0x30 + (left % 10)
      left = Math.floor(left / 10)
    }
    this.#at += width
  }

  /** A text in quotes; what is no UTF-8 becomes U+FFFD. Of one that makes the line too long there is the beginning. */
  text(bytes: Buffer, start: number, end: number): void {
    if (this.#at - this.#line + end - start + 2 > MAX_LINE_BYTES && end - start > BUFFER_BYTES) {
      this.text(bytes, start, start + BUFFER_BYTES)
      throw new LineTooLong()
    }
    const before = this.#at - this.#line
    if (!this.#quote(bytes, start, end, false)) {
      this.#at = this.#line + before
      const mended = Buffer.from(bytes.toString('utf8', start, end))
      this.#quote(mended, 0, mended.length, true)
    }
  }

  /** Writes the text; false, with anything written, when it is not ASCII and turns out to be no UTF-8. */
  #quote(bytes: Buffer, start: number, end: number, checked: boolean): boolean {
    let utf8 = checked
    // Most texts need no escape, so that this is mostly enough.
    this.#reserve(end - start + 2)
    let out = this.#out
    let at = this.#at
    out[at++] = 0x22
    for (let i = start; i < end; i++) {
      const byte = bytes[i] as number
      if (SPECIAL[byte] === 0) {
        out[at++] = byte
        continue
      }
      if (byte >= 0x80) {
        if (!utf8) {
          if (!isUtf8(bytes.subarray(i, end))) return false
          utf8 = true
        }
        out[at++] = byte
        continue
      }
      this.#at = at
      // An escape has up to 6 bytes; the rest needs as much as before.
      this.#reserve(6 + end - i)
      out = this.#out
      at = this.#at
      out[at++] = 0x5c
      const short = SHORT[byte] as number
      if (short > 0) out[at++] = short
      else {
        out[at++] = 0x75
        out[at++] = 0x30
        out[at++] = 0x30
        out[at++] = HEX[byte >> 4] as number
        out[at++] = HEX[byte & 15] as number
      }
    }
    out[at++] = 0x22
    this.#at = at
    return true
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#out.length) return
    if (this.#at - this.#line + more > MAX_LINE_BYTES) throw new LineTooLong()
    const length = this.#at - this.#start
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes, (length + more) * 2))
    this.#out.copy(larger, 0, this.#start, this.#at)
    this.#out = larger
    this.#line -= this.#start
    this.#start = 0
    this.#at = length
  }
}
