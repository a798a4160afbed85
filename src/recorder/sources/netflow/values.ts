import { ipv4Text, ipv6Text } from '../../records/address.ts'
import type { ElementValue } from '../../records/netflow.ts'
import type { DataType } from './elements.ts'

/** Reads a value of `length` bytes from `at`; undefined when the bytes are no value of the type. */
export type Reader = (bytes: Buffer, at: number, length: number) => ElementValue | undefined

/** NTP's era 0 begins in 1900; its times with the highest bit clear are of era 1, from 2036 on (RFC 4330 section 3). */
const NTP_TO_UNIX = 2_208_988_800
const NTP_ERA = 2 ** 32

/**
 * How to read a data type in so many bytes (RFC 7011 section 6), undefined when it cannot have that length. Integers may
 * be shorter than their type (section 6.2), and a NetFlow v9 exporter's also longer.
 */
export function readerOf(type: DataType, length: number): Reader | undefined {
  switch (type) {
    case 'unsigned8':
    case 'unsigned16':
    case 'unsigned32':
    case 'unsigned64':
      return length <= 8 ? unsignedAt : undefined
    case 'unsigned256':
      return length <= 32 ? bigUnsignedAt : undefined
    case 'signed32':
      return length <= 4 ? signedAt : undefined
    case 'float64':
      return length === 8 ? doubleAt : length === 4 ? floatAt : undefined
    case 'boolean':
      return length === 1 ? booleanAt : undefined
    case 'macAddress':
      return length === 6 ? macAt : undefined
    case 'ipv4Address':
      return length === 4 ? ipv4Text : undefined
    case 'ipv6Address':
      return length === 16 ? ipv6Text : undefined
    case 'string':
      return stringAt
    case 'dateTimeSeconds':
    case 'dateTimeMilliseconds':
    case 'dateTimeMicroseconds':
    case 'dateTimeNanoseconds':
      return isTime(type, length) ? (bytes, at) => timeText(microsAt(type, bytes, at, length)) : undefined
    case 'octetArray':
    case 'basicList':
    case 'subTemplateList':
    case 'subTemplateMultiList':
      return hexAt
  }
}

/** Bytes as they are: what has no other text. */
export function hexAt(bytes: Buffer, at: number, length: number): string {
  return bytes.toString('hex', at, at + length)
}

/** An unsigned integer of 1 to 8 bytes. */
export function unsignedAt(bytes: Buffer, at: number, length: number): number | string {
  if (length <= 6) return bytes.readUIntBE(at, length)
  const high = bytes.readUIntBE(at, length - 4)
  const low = bytes.readUInt32BE(at + length - 4)
  const value = high * NTP_ERA + low
  return value <= Number.MAX_SAFE_INTEGER ? value : String((BigInt(high) << 32n) | BigInt(low))
}

/** A time in microseconds since 1970; undefined when it is beyond what a number tells exactly (year 2255). */
export function microsAt(type: DataType, bytes: Buffer, at: number, length: number): number | undefined {
  if (type === 'dateTimeSeconds' || type === 'dateTimeMilliseconds') {
    const micros = Number(unsignedAt(bytes, at, length)) * (type === 'dateTimeSeconds' ? 1_000_000 : 1000)
    return micros <= Number.MAX_SAFE_INTEGER ? micros : undefined
  }
  // RFC 7011 sections 6.1.9 and 6.1.10: NTP's format, seconds and their fraction.
  const seconds = bytes.readUInt32BE(at)
  const era = seconds < NTP_ERA / 2 ? NTP_ERA : 0
  const fraction = Math.round((bytes.readUInt32BE(at + 4) / NTP_ERA) * 1_000_000)
  return (seconds + era - NTP_TO_UNIX) * 1_000_000 + fraction
}

/** Whether a field of this type and length is a time. */
export function isTime(type: DataType, length: number): boolean {
  switch (type) {
    case 'dateTimeSeconds':
      return length === 4 || length === 8
    case 'dateTimeMilliseconds':
    case 'dateTimeMicroseconds':
    case 'dateTimeNanoseconds':
      return length === 8
    default:
      return false
  }
}

const MAX_SECONDS = 4096
/** The text of whole seconds: the flows of a message share them, and Date is slow. */
const seconds = new Map<number, string>()

/** RFC 3339 text in UTC of microseconds since 1970, with six digits where three do not do. */
export function timeText(micros: number | undefined): string | undefined {
  if (micros === undefined) return undefined
  const second = Math.floor(micros / 1_000_000)
  let text = seconds.get(second)
  if (text === undefined) {
    if (seconds.size >= MAX_SECONDS) seconds.clear()
    text = new Date(second * 1000).toISOString().slice(0, 19)
    seconds.set(second, text)
  }
  const fraction = micros - second * 1_000_000
  const digits = fraction % 1000 === 0 ? padded(fraction / 1000, 3) : padded(fraction, 6)
  return `${text}.${digits}Z`
}

function padded(number: number, digits: number): string {
  return String(number).padStart(digits, '0')
}

function bigUnsignedAt(bytes: Buffer, at: number, length: number): number | string {
  return length <= 8 ? unsignedAt(bytes, at, length) : String(BigInt(`0x${hexAt(bytes, at, length)}`))
}

function signedAt(bytes: Buffer, at: number, length: number): number {
  return bytes.readIntBE(at, length)
}

function floatAt(bytes: Buffer, at: number): number | string {
  return finite(bytes.readFloatBE(at))
}

function doubleAt(bytes: Buffer, at: number): number | string {
  return finite(bytes.readDoubleBE(at))
}

/** JSON has no word for infinity. */
function finite(value: number): number | string {
  return Number.isFinite(value) ? value : String(value)
}

/** RFC 7011 section 6.1.5: 1 is true, 2 is false. */
function booleanAt(bytes: Buffer, at: number): boolean | undefined {
  const value = bytes[at]
  return value === 1 ? true : value === 2 ? false : undefined
}

function macAt(bytes: Buffer, at: number): string {
  return hexAt(bytes, at, 6).replace(/..(?!$)/g, '$&:')
}

/** Fields of a fixed length are padded with NUL. */
function stringAt(bytes: Buffer, at: number, length: number): string {
  const end = bytes.subarray(at, at + length).indexOf(0)
  return bytes.toString('utf8', at, at + (end < 0 ? length : end))
}
