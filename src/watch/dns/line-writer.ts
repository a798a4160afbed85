/**
 * Writes lines of JSON as bytes, which are all ASCII: at a million messages the strings in between, and what collects
 * them, would cost more than the decoding.
 */
export class LineWriter {
  readonly bytes: Buffer
  at = 0

  constructor(capacity: number) {
    this.bytes = Buffer.allocUnsafeSlow(capacity)
  }

  byte(code: number): void {
    this.bytes[this.at++] = code
  }

  /** Bytes as they are. */
  raw(text: Uint8Array): void {
    const { bytes } = this
    let { at } = this
    for (let i = 0; i < text.length; i++) bytes[at++] = text[i] ?? 0
    this.at = at
  }

  /** ASCII text that JSON takes as it is. */
  ascii(text: string): void {
    const { bytes } = this
    let { at } = this
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i)
    this.at = at
  }

  /** Any text, as a JSON string with its quotes. */
  json(text: string): void {
    this.ascii(
      JSON.stringify(text).replace(
        /[^ -~]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
      ),
    )
  }

  /** A whole number from 0 to 2^53. */
  number(value: number): void {
    const { bytes } = this
    let { at } = this
    if (value < 1000) {
      if (value >= 100) bytes[at++] = 48 + ((value / 100) | 0)
      if (value >= 10) bytes[at++] = 48 + (((value / 10) | 0) % 10)
      bytes[at++] = 48 + (value % 10)
      this.at = at
      return
    }
    let digits = 1
    for (let power = 10; power <= value; power *= 10) digits++
    at += digits
    this.at = at
    let rest = value
    for (; rest > 0x7fffffff; rest = Math.floor(rest / 10)) bytes[--at] = 48 + (rest % 10)
    for (let i = rest | 0; i > 0; i = (i / 10) | 0) bytes[--at] = 48 + (i % 10)
  }

  /** The last `digits` decimal digits. */
  digits(value: number, digits: number): void {
    let at = this.at + digits
    this.at = at
    let rest = value
    for (let i = 0; i < digits; i++) {
      this.bytes[--at] = 48 + (rest % 10)
      rest = (rest / 10) | 0
    }
  }

  /** Hexadecimal digits, `alphabet` being those of the one case or the other. */
  hex(from: Uint8Array, at: number, end: number, alphabet: Uint8Array = UPPER): void {
    for (let i = at; i < end; i++) {
      const value = from[i] ?? 0
      this.byte(alphabet[value >> 4] ?? 0)
      this.byte(alphabet[value & 15] ?? 0)
    }
  }

  base64(from: Buffer, at: number, end: number): void {
    this.ascii(from.toString('base64', at, end))
  }

  ipv4(from: Uint8Array, at: number): void {
    this.number(from[at] ?? 0)
    this.byte(DOT)
    this.number(from[at + 1] ?? 0)
    this.byte(DOT)
    this.number(from[at + 2] ?? 0)
    this.byte(DOT)
    this.number(from[at + 3] ?? 0)
  }

  /** RFC 5952: lower case, the longest run of zero groups (the first of equals, two at least) shortened. */
  ipv6(from: Uint8Array, at: number): void {
    const { bytes } = this
    let best = -1
    let bestLength = 1
    let length = 0
    for (let group = 0; group < 8; group++) {
      const zero = from[at + group * 2] === 0 && from[at + group * 2 + 1] === 0
      length = zero ? length + 1 : 0
      if (length > bestLength) {
        best = group + 1 - length
        bestLength = length
      }
    }
    let to = this.at
    for (let group = 0; group < 8; group++) {
      if (group === best) {
        bytes[to++] = COLON
        bytes[to++] = COLON
        group += bestLength - 1
        continue
      }
      if (group > 0 && group !== best + bestLength) bytes[to++] = COLON
      const high = from[at + group * 2] ?? 0
      const low = from[at + group * 2 + 1] ?? 0
      if (high >= 16) bytes[to++] = LOWER[high >> 4] ?? 0
      if (high > 0) bytes[to++] = LOWER[high & 15] ?? 0
      if (high > 0 || low >= 16) bytes[to++] = LOWER[low >> 4] ?? 0
      bytes[to++] = LOWER[low & 15] ?? 0
    }
    this.at = to
  }

  /** What was written from `from` on. */
  text(from: number): string {
    return this.bytes.toString('latin1', from, this.at)
  }
}

const DOT = 0x2e
const COLON = 0x3a
const UPPER = Buffer.from('0123456789ABCDEF')
export const LOWER = Buffer.from('0123456789abcdef')
