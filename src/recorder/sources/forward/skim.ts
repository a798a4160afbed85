/*
 * Where a MessagePack value ends (msgpack specification, "Formats"), without decoding it: only headers are looked at.
 */

/** Header bytes and bytes of content of the types 0xc0 to 0xdf with a fixed length; 0 for the others. */
const FIXED = Uint8Array.from([
  1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 5, 9, 2, 3, 5, 9, 2, 3, 5, 9, 3, 4, 6, 10, 18, 0, 0, 0, 0, 0, 0, 0,
])
/** Of those with a length of their own: bytes of that length. */
const LENGTH_BYTES = Uint8Array.from([
  0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4,
])

/**
 * Follows one value through bytes that come in pieces, each byte looked at once. It holds two numbers and no stack: a
 * value is whole when none is owed any more, however deep it is nested.
 */
export class Skimmer {
  /** Offset from the value's first byte up to which it was passed over: its end when whole, else maybe beyond the bytes. */
  at = 0
  /** Values still to come; each has a byte at least. */
  owed = 1
  /** The bytes are no MessagePack. */
  broken = false

  reset(): void {
    this.at = 0
    this.owed = 1
    this.broken = false
  }

  /** Goes on; the value's first byte is at `start`, and there are bytes up to `end`. True when it is whole. */
  run(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start + this.at
    let owed = this.owed
    while (owed > 0 && at < end) {
      const first = bytes[at] as number
      if (first < 0x80 || first >= 0xe0) at += 1
      else if (first >= 0xa0 && first < 0xc0) at += 1 + (first & 0x1f)
      else if (first < 0x90) {
        owed += (first & 0x0f) * 2
        at += 1
      } else if (first < 0xa0) {
        owed += first & 0x0f
        at += 1
      } else {
        const fixed = FIXED[first - 0xc0] as number
        if (fixed > 0) at += fixed
        else {
          const width = LENGTH_BYTES[first - 0xc0] as number
          if (width === 0) {
            this.broken = true
            break
          }
          if (at + 1 + width > end) break
          const length = unsigned(bytes, at + 1, width)
          at += 1 + width
          if (first >= 0xde) owed += length * 2
          else if (first >= 0xdc) owed += length
          // An extension's type is one more byte.
          else at += first >= 0xc7 && first <= 0xc9 ? length + 1 : length
        }
      }
      owed -= 1
    }
    this.at = at - start
    this.owed = owed
    return owed === 0 && at <= end
  }
}

const once = new Skimmer()

/** The end of the value at `start`; undefined when it is cut off or no MessagePack. */
export function valueEnd(bytes: Uint8Array, start: number, end: number): number | undefined {
  const skimmer = once
  skimmer.reset()
  return skimmer.run(bytes, start, end) ? start + skimmer.at : undefined
}

/** How many whole values there are one after the other. */
export function countValues(bytes: Uint8Array): number {
  const skimmer = new Skimmer()
  let count = 0
  let start = 0
  while (start < bytes.length && skimmer.run(bytes, start, bytes.length)) {
    start += skimmer.at
    count += 1
    skimmer.reset()
  }
  return count
}

/** An unsigned integer of 1, 2 or 4 bytes, big-endian. */
export function unsigned(bytes: Uint8Array, at: number, width: number): number {
  let value = 0
  for (let i = 0; i < width; i++) value = value * 256 + (bytes[at + i] as number)
  return value
}
