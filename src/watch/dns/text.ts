import type { LineWriter } from './line-writer.ts'
import { writeEscape } from './name.ts'

const SPACE = 0x20
const BACKSLASH = 0x5c
const QUOTE = 0x22

/** Text in quotes (RFC 1035 section 5.1); both are escaped for JSON. */
export function writeQuoted(out: LineWriter, bytes: Uint8Array, at: number, end: number): void {
  out.byte(BACKSLASH)
  out.byte(QUOTE)
  writeText(out, bytes, at, end)
  out.byte(BACKSLASH)
  out.byte(QUOTE)
}

/** Text within quotes: what is not printable is "\DDD". */
export function writeText(out: LineWriter, bytes: Uint8Array, from: number, end: number): void {
  const target = out.bytes
  let to = out.at
  for (let at = from; at < end; at++) {
    const byte = bytes[at] ?? 0
    if (byte >= SPACE && byte <= 0x7e && byte !== QUOTE && byte !== BACKSLASH) target[to++] = byte
    else to = writeEscape(target, to, byte)
  }
  out.at = to
}
