import type { JsonWriter } from './json-writer.ts'
import { unsigned } from './skim.ts'

export interface Time {
  readonly seconds: number
  readonly nanoseconds: number
}

/** Years 0001 to 9999: what RFC 3339 can say. */
const MIN_SECONDS = -62_135_596_800
const MAX_SECONDS = 253_402_300_799
const POINT = 0x2e
const ZULU = 0x5a

/**
 * The time of an entry: seconds, an EventTime, or one of these with metadata, [time, {…}]. Undefined when there is none: nil,
 * 0 or nothing that could be a time.
 */
export function timeOf(bytes: Buffer, at: number, inArray = false): Time | undefined {
  const first = bytes[at] as number
  if (first === 0xd7) return readTime(bytes, at + 1, 8)
  if (first === 0xd6) return readTime(bytes, at + 1, 4)
  if (first === 0xc7) return readTime(bytes, at + 2, bytes[at + 1] as number)
  if (first === 0x92 && !inArray) return timeOf(bytes, at + 1, true)
  const seconds = secondsAt(bytes, at, first)
  if (!seconds) return undefined
  const whole = Math.floor(seconds)
  return possible(whole, Math.floor((seconds - whole) * 1e9))
}

function secondsAt(bytes: Buffer, at: number, first: number): number | undefined {
  if (first < 0x80) return first
  switch (first) {
    case 0xca:
      return bytes.readFloatBE(at + 1)
    case 0xcb:
      return bytes.readDoubleBE(at + 1)
    case 0xcc:
    case 0xcd:
    case 0xce:
      return unsigned(bytes, at + 1, 1 << (first - 0xcc))
    case 0xcf:
      return Number(bytes.readBigUInt64BE(at + 1))
    case 0xd2:
      return bytes.readInt32BE(at + 1)
    case 0xd3:
      return Number(bytes.readBigInt64BE(at + 1))
    default:
      return undefined
  }
}

/**
 * The time in an extension of `length` bytes whose type is at `at`: Fluentd's EventTime (type 0: seconds and nanoseconds, 32
 * bits each) or MessagePack's timestamp (type -1; 32, 64 or 96 bits). Undefined when it is another, or no possible time.
 */
export function readTime(bytes: Buffer, at: number, length: number): Time | undefined {
  const type = bytes[at]
  const start = at + 1
  if (type === 0 && length === 8) return possible(unsigned(bytes, start, 4), unsigned(bytes, start + 4, 4))
  if (type !== 0xff) return undefined
  if (length === 4) return possible(unsigned(bytes, start, 4), 0)
  if (length === 8) {
    const high = unsigned(bytes, start, 4)
    return possible((high & 3) * 2 ** 32 + unsigned(bytes, start + 4, 4), high >>> 2)
  }
  if (length === 12) return possible(Number(bytes.readBigInt64BE(start + 4)), unsigned(bytes, start, 4))
  return undefined
}

/** A time, unless it has more than 9 digits of nanoseconds or a year of more than 4. */
function possible(seconds: number, nanoseconds: number): Time | undefined {
  return seconds >= MIN_SECONDS && seconds <= MAX_SECONDS && nanoseconds < 1e9
    ? { seconds, nanoseconds }
    : undefined
}

let lastSeconds = Number.NaN
let lastText = Buffer.alloc(0)

/** Writes "2026-11-23T01:02:03Z" or "2026-11-23T01:02:03.000004000Z" (RFC 3339, UTC), without quotes. */
export function writeTime(out: JsonWriter, seconds: number, nanoseconds: number): void {
  // Events come in the order of their times, mostly.
  if (seconds !== lastSeconds) {
    lastText = Buffer.from(new Date(seconds * 1000).toISOString().slice(0, 19), 'latin1')
    lastSeconds = seconds
  }
  out.raw(lastText)
  if (nanoseconds > 0) {
    out.byte(POINT)
    out.digits(nanoseconds, 9)
  }
  out.byte(ZULU)
}
