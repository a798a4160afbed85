import { isUtf8 } from 'node:buffer'
import type { JsonWriter } from './json-writer.ts'
import { unsigned, valueEnd } from './skim.ts'
import { readTime, writeTime } from './time.ts'

/*
 * MessagePack to JSON text, from bytes to bytes: nothing becomes an object, so that no key can do harm. JSON has no bytes,
 * no extensions and no NaN: bytes that are no text become {"base64": "…"}, an extension {"ext": type, "base64": "…"}, NaN and
 * the infinities their names. Integers keep all their digits. Times (EventTime and MessagePack's own) become RFC 3339 text.
 */

/** Beyond this depth a value is kept as the base64 of its MessagePack: readers of JSON have their limits too. */
const MAX_DEPTH = 64

const NULL = Buffer.from('null')
const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')

/** Writes the value at `at`, which must be whole (valueEnd), as JSON; where it ends. */
export function writeJson(out: JsonWriter, bytes: Buffer, at: number, depth = 0): number {
  const first = bytes[at] as number
  if (first < 0x80) {
    out.small(first)
    return at + 1
  }
  if (first >= 0xe0) {
    out.ascii(String(first - 0x100))
    return at + 1
  }
  if (first >= 0xa0 && first < 0xc0) return writeText(out, bytes, at + 1, first & 0x1f)
  if (first < 0x90) return writeMap(out, bytes, at, at + 1, first & 0x0f, depth)
  if (first < 0xa0) return writeArray(out, bytes, at, at + 1, first & 0x0f, depth)
  switch (first) {
    case 0xc0:
      out.raw(NULL)
      return at + 1
    case 0xc2:
      out.raw(FALSE)
      return at + 1
    case 0xc3:
      out.raw(TRUE)
      return at + 1
    case 0xc4:
    case 0xc5:
    case 0xc6: {
      const width = 1 << (first - 0xc4)
      return writeBinary(out, bytes, at + 1 + width, unsigned(bytes, at + 1, width))
    }
    case 0xc7:
    case 0xc8:
    case 0xc9: {
      const width = 1 << (first - 0xc7)
      return writeExtension(out, bytes, at + 1 + width, unsigned(bytes, at + 1, width))
    }
    case 0xca:
    case 0xcb:
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return writeNumber(out, bytes, at, first)
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return writeExtension(out, bytes, at + 1, 1 << (first - 0xd4))
    case 0xd9:
    case 0xda:
    case 0xdb: {
      const width = 1 << (first - 0xd9)
      return writeText(out, bytes, at + 1 + width, unsigned(bytes, at + 1, width))
    }
    case 0xdc:
      return writeArray(out, bytes, at, at + 3, unsigned(bytes, at + 1, 2), depth)
    case 0xdd:
      return writeArray(out, bytes, at, at + 5, unsigned(bytes, at + 1, 4), depth)
    case 0xde:
      return writeMap(out, bytes, at, at + 3, unsigned(bytes, at + 1, 2), depth)
    case 0xdf:
      return writeMap(out, bytes, at, at + 5, unsigned(bytes, at + 1, 4), depth)
    default:
      throw new Error(`0x${first.toString(16)} is no MessagePack`)
  }
}

function writeText(out: JsonWriter, bytes: Buffer, start: number, length: number): number {
  const end = start + length
  out.text(bytes, start, end)
  return end
}

function writeArray(
  out: JsonWriter,
  bytes: Buffer,
  from: number,
  start: number,
  count: number,
  depth: number,
): number {
  if (depth >= MAX_DEPTH) return writeDeep(out, bytes, from)
  let at = start
  out.byte(0x5b)
  for (let i = 0; i < count; i++) {
    if (i > 0) out.byte(0x2c)
    at = writeJson(out, bytes, at, depth + 1)
  }
  out.byte(0x5d)
  return at
}

function writeMap(
  out: JsonWriter,
  bytes: Buffer,
  from: number,
  start: number,
  count: number,
  depth: number,
): number {
  if (depth >= MAX_DEPTH) return writeDeep(out, bytes, from)
  let at = start
  out.byte(0x7b)
  for (let i = 0; i < count; i++) {
    if (i > 0) out.byte(0x2c)
    at = writeKey(out, bytes, at)
    out.byte(0x3a)
    at = writeJson(out, bytes, at, depth + 1)
  }
  out.byte(0x7d)
  return at
}

/** A key is a text; a number becomes one, and anything else that is no text is the base64 of its MessagePack. */
function writeKey(out: JsonWriter, bytes: Buffer, at: number): number {
  const first = bytes[at] as number
  if ((first >= 0xa0 && first < 0xc0) || (first >= 0xd9 && first <= 0xdb)) return writeJson(out, bytes, at)
  const end = wholeEnd(bytes, at)
  if (first >= 0xc4 && first <= 0xc6) out.text(bytes, at + 1 + (1 << (first - 0xc4)), end)
  else {
    const integer = first < 0x80 || first >= 0xe0 || (first >= 0xcc && first <= 0xd3)
    out.byte(0x22)
    if (integer) writeJson(out, bytes, at)
    else out.ascii(bytes.toString('base64', at, end))
    out.byte(0x22)
  }
  return end
}

function writeBinary(out: JsonWriter, bytes: Buffer, start: number, length: number): number {
  const end = start + length
  if (isUtf8(bytes.subarray(start, end))) out.text(bytes, start, end)
  else out.ascii(`{"base64":"${bytes.toString('base64', start, end)}"}`)
  return end
}

/** `at` is behind the length: at the extension's type. */
function writeExtension(out: JsonWriter, bytes: Buffer, at: number, length: number): number {
  const end = at + 1 + length
  const time = readTime(bytes, at, length)
  if (time) {
    out.byte(0x22)
    writeTime(out, time.seconds, time.nanoseconds)
    out.byte(0x22)
  } else {
    out.ascii(`{"ext":${bytes.readInt8(at)},"base64":"${bytes.toString('base64', at + 1, end)}"}`)
  }
  return end
}

function writeNumber(out: JsonWriter, bytes: Buffer, at: number, first: number): number {
  const width = first === 0xca ? 4 : first === 0xcb ? 8 : 1 << ((first - 0xcc) & 3)
  const end = at + 1 + width
  if (first === 0xca || first === 0xcb) {
    const value = first === 0xca ? bytes.readFloatBE(at + 1) : bytes.readDoubleBE(at + 1)
    out.ascii(Number.isFinite(value) ? String(value) : `"${value}"`)
  } else if (first === 0xcf) out.ascii(String(bytes.readBigUInt64BE(at + 1)))
  else if (first === 0xd3) out.ascii(String(bytes.readBigInt64BE(at + 1)))
  else if (first < 0xcf) out.small(unsigned(bytes, at + 1, width))
  else out.ascii(String(bytes.readIntBE(at + 1, width)))
  return end
}

function writeDeep(out: JsonWriter, bytes: Buffer, at: number): number {
  const end = wholeEnd(bytes, at)
  out.ascii(`{"base64":"${bytes.toString('base64', at, end)}"}`)
  return end
}

function wholeEnd(bytes: Buffer, at: number): number {
  return valueEnd(bytes, at, bytes.length) ?? bytes.length
}
