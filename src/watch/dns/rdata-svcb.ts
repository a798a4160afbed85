import { u16 } from './bytes.ts'
import type { LineWriter } from './line-writer.ts'
import { writeQuoted, writeText } from './text.ts'

const KEYS = [
  'mandatory',
  'alpn',
  'no-default-alpn',
  'port',
  'ipv4hint',
  'ech',
  'ipv6hint',
  'dohpath',
  'ohttp',
  'tls-supported-groups',
] as const
const SPACE = 0x20
const EQUALS = 0x3d
const COMMA = 0x2c
const BACKSLASH = 0x5c

/**
 * RFC 9460 section 2.1: " key=value" for each parameter, whose numbers rise. Values are without quotes where they need
 * none. Returns `end`, or -1 for no such data.
 */
export function writeServiceParameters(out: LineWriter, bytes: Buffer, from: number, end: number): number {
  let before = -1
  for (let at = from; at < end; ) {
    const key = u16(bytes, at)
    const value = at + 4
    const next = value + u16(bytes, at + 2)
    if (value > end || next > end || key <= before) return -1
    before = key
    if (at > from) out.byte(SPACE)
    out.ascii(keyName(key))
    if (!writeValue(out, key, bytes, value, next)) return -1
    at = next
  }
  return end
}

function keyName(key: number): string {
  return KEYS[key] ?? `key${key}`
}

function writeValue(out: LineWriter, key: number, bytes: Buffer, at: number, end: number): boolean {
  switch (KEYS[key]) {
    case 'no-default-alpn':
    case 'ohttp':
      return at === end
    case 'mandatory':
      return writeNumbers(out, bytes, at, end, (number) => out.ascii(keyName(number)))
    case 'tls-supported-groups':
      return writeNumbers(out, bytes, at, end, (number) => out.number(number))
    case 'port':
      out.byte(EQUALS)
      out.number(u16(bytes, at))
      return end - at === 2
    case 'alpn':
      return writeAlpn(out, bytes, at, end)
    case 'ipv4hint':
      return writeList(out, at, end, 4, (i) => out.ipv4(bytes, i))
    case 'ipv6hint':
      return writeList(out, at, end, 16, (i) => out.ipv6(bytes, i))
    case 'ech':
      out.byte(EQUALS)
      out.base64(bytes, at, end)
      return true
    default:
      // A key without a value has no "=" (section 2.1).
      if (at === end) return true
      out.byte(EQUALS)
      writeMaybeQuoted(out, bytes, at, end)
      return true
  }
}

function writeNumbers(
  out: LineWriter,
  bytes: Buffer,
  at: number,
  end: number,
  write: (number: number) => void,
): boolean {
  return writeList(out, at, end, 2, (i) => write(u16(bytes, i)))
}

function writeList(
  out: LineWriter,
  from: number,
  end: number,
  size: number,
  write: (at: number) => void,
): boolean {
  if (end === from || (end - from) % size !== 0) return false
  for (let at = from; at < end; at += size) {
    out.byte(at === from ? EQUALS : COMMA)
    write(at)
  }
  return true
}

/** Section 7.1.1: ids with a byte of length each; a comma or backslash within one is escaped once more (appendix A.1). */
function writeAlpn(out: LineWriter, bytes: Buffer, from: number, end: number): boolean {
  const ids: Buffer[] = []
  for (let at = from; at < end; ) {
    const next = at + 1 + (bytes[at] ?? 0)
    if (next > end || next === at + 1) return false
    if (ids.length > 0) ids.push(Buffer.from(','))
    ids.push(escapedItem(bytes.subarray(at + 1, next)))
    at = next
  }
  if (ids.length === 0) return false
  const list = Buffer.concat(ids)
  out.byte(EQUALS)
  writeMaybeQuoted(out, list, 0, list.length)
  return true
}

function escapedItem(id: Buffer): Buffer {
  if (!id.includes(COMMA) && !id.includes(BACKSLASH)) return id
  return Buffer.from(
    [...id].flatMap((byte) => (byte === COMMA || byte === BACKSLASH ? [BACKSLASH, byte] : [byte])),
  )
}

/** With quotes only where the text would end too soon without. */
function writeMaybeQuoted(out: LineWriter, bytes: Uint8Array, at: number, end: number): void {
  let special = false
  for (let i = at; i < end; i++) special ||= ' ();'.includes(String.fromCharCode(bytes[i] ?? 0))
  if (special) writeQuoted(out, bytes, at, end)
  else writeText(out, bytes, at, end)
}
