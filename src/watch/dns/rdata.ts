import { u16, u32 } from './bytes.ts'
import { type LineWriter, LOWER } from './line-writer.ts'
import { writeName } from './name.ts'
import { writeLocation } from './rdata-loc.ts'
import { writeServiceParameters } from './rdata-svcb.ts'
import { typeName } from './registry.ts'
import { writeQuoted } from './text.ts'

/** A part of record data in the order of the wire, as the types' own RFCs write it. */
type Field =
  | 'u8'
  | 'u16'
  | 'u32'
  /** RFC 1035 section 3.3, with compression where the type is old enough for it. */
  | 'name'
  /** One <character-string>. */
  | 'string'
  /** One and more of them, up to the end. */
  | 'strings'
  /** What is left, as one string in quotes (RFC 8659 section 4.1, RFC 7553 section 4.4). */
  | 'text'
  /** What is left: in hexadecimal digits, which may be none, or in base64. */
  | 'hex'
  | 'base64'
  /** A byte of length, then so much: "-" when it is none (RFC 5155 section 3.3). */
  | 'salt'
  /** A byte of length, then so much, in base32 (RFC 5155 section 3.3). */
  | 'hash'
  /** The mnemonic of a type (RFC 4034 section 3.2). */
  | 'type'
  /** RFC 4034 section 4.1.2. */
  | 'types'
  /** YYYYMMDDHHmmSS (RFC 4034 section 3.2). */
  | 'time'
  | 'ipv4'
  | 'ipv6'
  /** Two digits a byte, with "-" between (RFC 7043). */
  | 'eui'
  /** An address and what is after it in RFC 9460 section 2.1. */
  | 'svcb'
  /** RFC 1876. */
  | 'loc'
  /** A byte of length, then a name without quotes (RFC 8659 section 4.1). */
  | 'tag'

const SOA: readonly Field[] = ['name', 'name', 'u32', 'u32', 'u32', 'u32', 'u32']
const DS: readonly Field[] = ['u16', 'u8', 'u8', 'hex']
const DNSKEY: readonly Field[] = ['u16', 'u8', 'u8', 'base64']
const RRSIG: readonly Field[] = ['type', 'u8', 'u8', 'u32', 'time', 'time', 'u16', 'name', 'base64']
const NAME: readonly Field[] = ['name']
const PREFERENCE_NAME: readonly Field[] = ['u16', 'name']
const STRINGS: readonly Field[] = ['strings']
const CERTIFICATE: readonly Field[] = ['u8', 'u8', 'u8', 'hex']
const SERVICE: readonly Field[] = ['u16', 'name', 'svcb']

/** By type; all others are written as RFC 3597 section 5 says. */
const FORMATS: readonly (readonly Field[] | undefined)[] = table({
  1: ['ipv4'],
  2: NAME,
  3: NAME,
  4: NAME,
  5: NAME,
  6: SOA,
  7: NAME,
  8: NAME,
  9: NAME,
  12: NAME,
  13: ['string', 'string'],
  14: ['name', 'name'],
  15: PREFERENCE_NAME,
  16: STRINGS,
  17: ['name', 'name'],
  18: PREFERENCE_NAME,
  19: ['string'],
  20: STRINGS,
  21: PREFERENCE_NAME,
  24: RRSIG,
  25: DNSKEY,
  26: ['u16', 'name', 'name'],
  28: ['ipv6'],
  29: ['loc'],
  33: ['u16', 'u16', 'u16', 'name'],
  35: ['u16', 'u16', 'string', 'string', 'string', 'name'],
  36: PREFERENCE_NAME,
  37: ['u16', 'u16', 'u8', 'base64'],
  39: NAME,
  43: DS,
  44: ['u8', 'u8', 'hex'],
  46: RRSIG,
  47: ['name', 'types'],
  48: DNSKEY,
  49: ['base64'],
  50: ['u8', 'u8', 'u16', 'salt', 'hash', 'types'],
  51: ['u8', 'u8', 'u16', 'salt'],
  52: CERTIFICATE,
  53: CERTIFICATE,
  56: STRINGS,
  57: DNSKEY,
  59: DS,
  60: DNSKEY,
  61: ['base64'],
  62: ['u32', 'u16', 'types'],
  63: ['u32', 'u8', 'u8', 'hex'],
  64: SERVICE,
  65: SERVICE,
  99: STRINGS,
  105: ['u16', 'ipv4'],
  107: PREFERENCE_NAME,
  108: ['eui'],
  109: ['eui'],
  256: ['u16', 'u16', 'text'],
  257: ['u8', 'tag', 'text'],
  258: STRINGS,
  261: STRINGS,
  262: STRINGS,
  32768: DS,
  32769: DS,
})

function table(formats: Readonly<Record<number, readonly Field[]>>): (readonly Field[] | undefined)[] {
  const list: (readonly Field[] | undefined)[] = []
  for (const [type, fields] of Object.entries(formats)) list[Number(type)] = fields
  return Array.from({ length: list.length }, (_, type) => list[type])
}

const IN = 1
const A = 1
const AAAA = 28
/** Types whose data are of the class IN; others have their own there (RFC 1035 section 3.4). */
const IN_ONLY = new Set([A, 11, AAAA, 33, 35, 36, 49, 64, 65])
/** Fields that come out shorter than nothing else says: these may be empty. */
const MAY_BE_EMPTY: ReadonlySet<Field> = new Set(['hex', 'base64', 'text', 'types', 'svcb'])
const SPACE = 0x20
const BACKSLASH = 0x5c
const BASE32 = Buffer.from('0123456789abcdefghijklmnopqrstuv')

/**
 * Writes record data in presentation format, as it stands in a JSON string. `bytes` is the message from `start`, the data
 * are those from `at` to `end`. Data that are not what their type says are written as RFC 3597 has it for unknown types.
 * Returns whether they were right.
 */
export function writeRdata(
  out: LineWriter,
  type: number,
  inClass: number,
  bytes: Buffer,
  start: number,
  at: number,
  end: number,
): boolean {
  if (inClass === IN) {
    if (type === A && end - at === 4) {
      out.ipv4(bytes, at)
      return true
    }
    if (type === AAAA && end - at === 16) {
      out.ipv6(bytes, at)
      return true
    }
  }
  const format = inClass === IN || !IN_ONLY.has(type) ? FORMATS[type] : undefined
  const first = out.at
  // An UPDATE's records have no data where they stand for all (RFC 2136 section 2.4).
  if (format && at < end) {
    if (writeFields(out, format, bytes, start, at, end)) return true
    out.at = first
  }
  writeUnknown(out, bytes, at, end)
  return !format || at === end
}

/** RFC 3597 section 5: "\# 2 abcd". */
function writeUnknown(out: LineWriter, bytes: Buffer, at: number, end: number): void {
  out.byte(BACKSLASH)
  out.byte(BACKSLASH)
  out.byte(0x23)
  out.byte(SPACE)
  out.number(end - at)
  if (at === end) return
  out.byte(SPACE)
  out.hex(bytes, at, end, LOWER)
}

function writeFields(
  out: LineWriter,
  format: readonly Field[],
  bytes: Buffer,
  start: number,
  from: number,
  end: number,
): boolean {
  let at = from
  for (let i = 0; i < format.length; i++) {
    const field = format[i] ?? 'hex'
    if (at >= end && !MAY_BE_EMPTY.has(field)) return false
    // Lists bring their own spaces, so that an empty one leaves none behind.
    if (i > 0 && (at < end || field === 'text')) out.byte(SPACE)
    at = writeField(out, field, bytes, start, at, end)
    if (at < 0) return false
  }
  return at === end
}

function writeField(
  out: LineWriter,
  field: Field,
  bytes: Buffer,
  start: number,
  at: number,
  end: number,
): number {
  switch (field) {
    case 'u8':
      return writeNumber(out, bytes[at] ?? 0, at + 1, end)
    case 'u16':
      return writeNumber(out, u16(bytes, at), at + 2, end)
    case 'u32':
      return writeNumber(out, u32(bytes, at), at + 4, end)
    case 'name':
      return writeName(out, bytes, at, start, end)
    case 'string':
      return writeString(out, bytes, at, end)
    case 'strings':
      return writeStrings(out, bytes, at, end)
    case 'text':
      writeQuoted(out, bytes, at, end)
      return end
    case 'tag':
      return writeTag(out, bytes, at, end)
    case 'hex':
      out.hex(bytes, at, end)
      return end
    case 'base64':
      out.base64(bytes, at, end)
      return end
    case 'salt':
      return writeSalt(out, bytes, at, end)
    case 'hash':
      return writeHash(out, bytes, at, end)
    case 'type':
      out.ascii(typeName(u16(bytes, at)))
      return at + 2 <= end ? at + 2 : -1
    case 'types':
      return writeTypes(out, bytes, at, end)
    case 'time':
      return writeTime(out, bytes, at, end)
    case 'ipv4':
      if (at + 4 > end) return -1
      out.ipv4(bytes, at)
      return at + 4
    case 'ipv6':
      if (at + 16 > end) return -1
      out.ipv6(bytes, at)
      return at + 16
    case 'eui':
      for (let i = at; i < end; i++) {
        if (i > at) out.byte(0x2d)
        out.hex(bytes, i, i + 1, LOWER)
      }
      return end - at === 6 || end - at === 8 ? end : -1
    case 'svcb':
      return writeServiceParameters(out, bytes, at, end)
    case 'loc':
      return writeLocation(out, bytes, at, end)
  }
}

function writeNumber(out: LineWriter, value: number, next: number, end: number): number {
  if (next > end) return -1
  out.number(value)
  return next
}

function writeString(out: LineWriter, bytes: Uint8Array, at: number, end: number): number {
  const next = at + 1 + (bytes[at] ?? 0)
  if (at >= end || next > end) return -1
  writeQuoted(out, bytes, at + 1, next)
  return next
}

function writeStrings(out: LineWriter, bytes: Uint8Array, from: number, end: number): number {
  let at = from
  while (at < end && at >= 0) {
    if (at > from) out.byte(SPACE)
    at = writeString(out, bytes, at, end)
  }
  return at
}

/** Letters and digits (RFC 8659 section 4.1). */
function writeTag(out: LineWriter, bytes: Uint8Array, at: number, end: number): number {
  const next = at + 1 + (bytes[at] ?? 0)
  if (next > end) return -1
  for (let i = at + 1; i < next; i++) {
    const byte = bytes[i] ?? 0
    const alphanumeric =
      (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)
    if (!alphanumeric) return -1
    out.byte(byte)
  }
  return next
}

function writeSalt(out: LineWriter, bytes: Uint8Array, at: number, end: number): number {
  const next = at + 1 + (bytes[at] ?? 0)
  if (next > end) return -1
  if (next === at + 1) out.byte(0x2d)
  out.hex(bytes, at + 1, next)
  return next
}

/** Base32 with RFC 4648's extended hex alphabet and no padding. */
function writeHash(out: LineWriter, bytes: Uint8Array, at: number, end: number): number {
  const next = at + 1 + (bytes[at] ?? 0)
  if (next > end) return -1
  let bits = 0
  let held = 0
  for (let i = at + 1; i < next; i++) {
    held = ((held << 8) | (bytes[i] ?? 0)) & 0xffff
    bits += 8
    for (; bits >= 5; bits -= 5) out.byte(BASE32[(held >> (bits - 5)) & 31] ?? 0)
  }
  if (bits > 0) out.byte(BASE32[(held << (5 - bits)) & 31] ?? 0)
  return next
}

/** Windows of 256 types: number, bytes of the bitmap (1 to 32), bitmap; the windows' numbers rise. */
function writeTypes(out: LineWriter, bytes: Uint8Array, from: number, end: number): number {
  let before = -1
  let first = true
  for (let at = from; at < end; ) {
    const window = bytes[at] ?? 0
    const length = bytes[at + 1] ?? 0
    if (window <= before || length < 1 || length > 32 || at + 2 + length > end) return -1
    before = window
    for (let bit = 0; bit < length * 8; bit++) {
      if ((((bytes[at + 2 + (bit >> 3)] ?? 0) << (bit & 7)) & 0x80) === 0) continue
      if (!first) out.byte(SPACE)
      first = false
      out.ascii(typeName(window * 256 + bit))
    }
    at += 2 + length
  }
  return end
}

function writeTime(out: LineWriter, bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) return -1
  out.ascii(new Date(u32(bytes, at) * 1000).toISOString().slice(0, 19).replace(/[-T:]/g, ''))
  return at + 4
}
