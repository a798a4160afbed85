import { u32 } from './bytes.ts'
import type { LineWriter } from './line-writer.ts'

const BYTES = 16
const EQUATOR = 2 ** 31
const DEGREE = 3_600_000
const MINUTE = 60_000
/** Altitudes count in centimetres from 100,000 m below the reference. */
const DEEPEST_CM = 10_000_000

/** RFC 1876 section 3: "35 39 30.000 N 139 44 40.000 E 40.00m 1m 10000m 10m". Returns `end`, or -1 for no such data. */
export function writeLocation(out: LineWriter, bytes: Uint8Array, at: number, end: number): number {
  // Only version 0 is known.
  if (end - at !== BYTES || bytes[at] !== 0) return -1
  const sizes = [1, 2, 3].map((i) => sizeText(bytes[at + i] ?? 0))
  const latitude = u32(bytes, at + 4) - EQUATOR
  const longitude = u32(bytes, at + 8) - EQUATOR
  if (sizes.includes('') || Math.abs(latitude) > 90 * DEGREE || Math.abs(longitude) > 180 * DEGREE) return -1
  const centimetres = u32(bytes, at + 12) - DEEPEST_CM
  out.ascii(
    [
      angleText(latitude, 'N', 'S'),
      angleText(longitude, 'E', 'W'),
      `${(centimetres / 100).toFixed(2)}m`,
      ...sizes,
    ].join(' '),
  )
  return end
}

/** Thousandths of a second of arc. */
function angleText(value: number, positive: string, negative: string): string {
  const size = Math.abs(value)
  const seconds = ((size % MINUTE) / 1000).toFixed(3)
  return `${Math.floor(size / DEGREE)} ${Math.floor((size % DEGREE) / MINUTE)} ${seconds} ${value < 0 ? negative : positive}`
}

/** Four bits of mantissa, four of a power of ten, in centimetres; empty when one of them is no digit. */
function sizeText(byte: number): string {
  const mantissa = byte >> 4
  const exponent = byte & 15
  if (mantissa > 9 || exponent > 9) return ''
  const centimetres = mantissa * 10 ** exponent
  return `${centimetres % 100 === 0 ? centimetres / 100 : (centimetres / 100).toFixed(2)}m`
}
