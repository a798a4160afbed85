import type { LineWriter } from './line-writer.ts'

/** RFC 1035 section 2.3.4, the bytes of lengths and the root's included. */
export const MAX_NAME = 255
const MAX_LABEL = 63
const POINTER = 0xc0
const DOT = 0x2e
const BACKSLASH = 0x5c
const QUOTE = 0x22

/** What a byte is in a name's text, in lower case; 0 where it needs an escape. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte <= 0x20 || byte > 0x7e || '.\\"();@$'.includes(String.fromCharCode(byte))) return 0
  return byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte
})

const LOWER_CASE = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte,
)

/**
 * Writes the name at `at` of the message from `start` to `end`, in lower case and without the root's dot, with RFC 1035
 * section 5.1's escapes, as it stands in JSON. Returns where the name ends, or -1 when it is none: it is cut off, longer
 * than 255 bytes, has a label of unknown type, or a pointer that does not point to before the name (RFC 1035 section
 * 4.1.4: "a prior occurrence"; so there are no loops).
 */
export function writeName(
  out: LineWriter,
  bytes: Uint8Array,
  from: number,
  start: number,
  end: number,
): number {
  const target = out.bytes
  const first = out.at
  let to = first
  let at = from
  let next = -1
  let total = 1
  let lowest = from
  for (;;) {
    if (at >= end) return -1
    const length = bytes[at] ?? 0
    if (length === 0) break
    if (length >= POINTER) {
      if (at + 1 >= end) return -1
      if (next < 0) next = at + 2
      at = start + (((length & 0x3f) << 8) | (bytes[at + 1] ?? 0))
      if (at >= lowest) return -1
      lowest = at
      continue
    }
    total += length + 1
    const stop = at + 1 + length
    if (length > MAX_LABEL || total > MAX_NAME || stop > end) return -1
    if (to !== first) target[to++] = DOT
    for (let i = at + 1; i < stop; i++) {
      const byte = bytes[i] ?? 0
      const plain = PLAIN[byte] ?? 0
      if (plain !== 0) target[to++] = plain
      else to = writeEscape(target, to, byte)
    }
    at = stop
  }
  if (to === first) target[to++] = DOT
  out.at = to
  return next < 0 ? at + 1 : next
}

/** A byte as "\." or "\032", its backslash doubled for JSON. Returns where to go on. */
export function writeEscape(target: Uint8Array, at: number, byte: number): number {
  let to = at
  target[to++] = BACKSLASH
  target[to++] = BACKSLASH
  if (byte > 0x20 && byte < 0x7f) {
    if (byte === BACKSLASH || byte === QUOTE) target[to++] = BACKSLASH
    target[to++] = byte
    return to
  }
  target[to++] = 48 + ((byte / 100) | 0)
  target[to++] = 48 + (((byte / 10) | 0) % 10)
  target[to++] = 48 + (byte % 10)
  return to
}

/**
 * Copies the name at `at` to the beginning of `target` (of 255 bytes at least) without its pointers and in lower case, so
 * that names can be compared. Returns where it ends, or -1 as `writeName` does; the length is then `flatLength()`.
 */
export function flattenName(
  target: Uint8Array,
  bytes: Uint8Array,
  from: number,
  start: number,
  end: number,
): number {
  let to = 0
  let at = from
  let next = -1
  let lowest = from
  for (;;) {
    if (at >= end) return -1
    const length = bytes[at] ?? 0
    if (length >= POINTER) {
      if (at + 1 >= end) return -1
      if (next < 0) next = at + 2
      at = start + (((length & 0x3f) << 8) | (bytes[at + 1] ?? 0))
      if (at >= lowest) return -1
      lowest = at
      continue
    }
    const stop = at + 1 + length
    // The root's byte comes after this label.
    if (length > MAX_LABEL || stop > end || to + length + 2 > MAX_NAME + (length === 0 ? 1 : 0)) return -1
    target[to++] = length
    if (length === 0) break
    for (let i = at + 1; i < stop; i++) target[to++] = LOWER_CASE[bytes[i] ?? 0] ?? 0
    at = stop
  }
  flat = to
  return next < 0 ? at + 1 : next
}

let flat = 0

/** How long the name is that was flattened last. */
export function flatLength(): number {
  return flat
}

/** Where the name at `at` ends, without a look at what its pointer points to; -1 when that is beyond `end`. */
export function skipName(bytes: Uint8Array, from: number, end: number): number {
  let at = from
  for (;;) {
    if (at >= end) return -1
    const length = bytes[at] ?? 0
    if (length === 0) return at + 1
    if (length >= POINTER) return at + 2 <= end ? at + 2 : -1
    if (length > MAX_LABEL) return -1
    at += 1 + length
  }
}
