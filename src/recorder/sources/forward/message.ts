import type { ForwardChunk } from '../../wal/frame.ts'
import { countValues, unsigned, valueEnd } from './skim.ts'

/*
 * What a client says (Forward protocol specification v1.5, "Event Modes"):
 *
 *   [tag, time, record, option?]     Message
 *   [tag, [entry, …], option?]       Forward
 *   [tag, bin or str, option?]       PackedForward: entries one after the other, or these compressed
 *   nil                              a heartbeat
 */

const MAX_TAG_BYTES = 1024
const MAX_CHUNK_BYTES = 256
/** The shortest entry: an array of two, a time of one byte, an empty record. */
const ENTRY_BYTES = 3

export interface Message {
  readonly tag: string
  readonly mode: ForwardChunk['mode'] | 'message'
  /** The entries as they came; for mode "message" its time and record, one after the other. */
  readonly entries: Buffer
  /** How many entries: as the option `size` says, else as counted; 1 when they are compressed and nothing says it. */
  readonly count: number
  /** The option `chunk`: the client waits for its acknowledgement. */
  readonly chunk?: string
}

/** Takes a whole message apart without decoding its entries; a string says what is wrong with it. */
export function parseMessage(bytes: Buffer): Message | 'heartbeat' | { readonly problem: string } {
  const first = bytes[0] ?? 0
  if (first === 0xc0) return 'heartbeat'
  const parts = arrayParts(bytes)
  if (!parts) return { problem: 'no array' }
  const [tagBytes, second, ...rest] = parts
  const tag = tagBytes && textOf(tagBytes)
  if (!tag || tag.length === 0 || !second) return { problem: 'no tag' }
  if (tag.length > MAX_TAG_BYTES) return { problem: `a tag of more than ${MAX_TAG_BYTES} bytes` }
  const list = arrayLength(second)
  const text = textOf(second)
  const message = !list && !text
  const [record, option] = message ? rest : [undefined, ...rest]
  if (message && !isMap(record?.[0])) return { problem: 'neither entries nor a record' }
  if (rest.length > (message ? 2 : 1)) return { problem: 'too many elements' }
  const options = option === undefined ? {} : readOptions(option)
  if (typeof options === 'string') return { problem: options }
  const { chunk, size, compressed } = options
  const common = { tag: tag.toString('utf8'), ...(chunk !== undefined && { chunk }) }
  if (record) return { ...common, mode: 'message', entries: between(bytes, second, record), count: 1 }
  if (list && !beginsEntries(second.subarray(list.start))) return { problem: 'no entries' }
  if (list) return { ...common, mode: 'forward', entries: second, count: list.length }
  const entries = text ?? second
  if (compressed) return { ...common, mode: 'compressed', entries, count: sane(size, entries, 1032) ?? 1 }
  if (!beginsEntries(entries)) return { problem: 'no entries' }
  return { ...common, mode: 'packed', entries, count: sane(size, entries, 1) ?? countValues(entries) }
}

/** Whether the first entry, if there is one, is an array of two. */
function beginsEntries(entries: Buffer): boolean {
  return entries.length === 0 || arrayLength(entries)?.length === 2
}

interface Options {
  readonly chunk?: string
  readonly size?: number
  readonly compressed?: boolean
}

/** The options we know; others (fluent_signal, …) are passed over. */
function readOptions(option: Buffer): Options | string {
  if (option[0] === 0xc0) return {}
  const pairs = mapParts(option)
  if (!pairs) return 'options that are no map'
  let chunk: string | undefined
  let size: number | undefined
  let compressed = false
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const key = textOf(pairs[i] as Buffer)?.toString('latin1')
    const value = pairs[i + 1] as Buffer
    const text = textOf(value)
    if (key === 'size') size = unsignedOf(value)
    else if (key === 'chunk' && value[0] !== 0xc0) {
      if (!text || text.length === 0 || text.length > MAX_CHUNK_BYTES) return 'a chunk that is no short text'
      chunk = text.toString('utf8')
    } else if (key === 'compressed' && text) {
      const name = text.toString('latin1')
      if (name !== 'text' && name !== 'gzip' && name !== 'zstd') return 'an unknown compression'
      compressed = name !== 'text'
    }
  }
  return { compressed, ...(chunk !== undefined && { chunk }), ...(size !== undefined && { size }) }
}

/** A number of entries that the bytes can hold, given how much compression may gain at most (zlib: 1032 to 1). */
function sane(size: number | undefined, entries: Buffer, gain: number): number | undefined {
  return size !== undefined && size * ENTRY_BYTES <= entries.length * gain ? size : undefined
}

/** The elements of the array that these bytes are; undefined when they are none, or it has more than 8. */
export function arrayParts(bytes: Buffer): Buffer[] | undefined {
  const head = arrayLength(bytes)
  return head && head.length <= 8 ? split(bytes, head.start, head.length) : undefined
}

/** The keys and values of the map that these bytes are, in turn; undefined when they are none, or it has 256 or more. */
export function mapParts(bytes: Buffer): Buffer[] | undefined {
  const first = bytes[0] ?? 0
  if (first >= 0x80 && first < 0x90) return split(bytes, 1, (first & 0x0f) * 2)
  if (first === 0xde && bytes.length >= 3 && bytes.readUInt16BE(1) < 256)
    return split(bytes, 3, bytes.readUInt16BE(1) * 2)
  return undefined
}

function split(bytes: Buffer, start: number, count: number): Buffer[] | undefined {
  const parts: Buffer[] = []
  let at = start
  for (let i = 0; i < count; i++) {
    const end = valueEnd(bytes, at, bytes.length)
    if (end === undefined) return undefined
    parts.push(bytes.subarray(at, end))
    at = end
  }
  return parts
}

/** How many elements the array at `at` has and where the first begins; undefined when there is no array. */
export function arrayLength(
  bytes: Buffer,
  at = 0,
): { readonly length: number; readonly start: number } | undefined {
  const first = bytes[at] ?? 0
  if (first >= 0x90 && first < 0xa0) return { length: first & 0x0f, start: at + 1 }
  if (first === 0xdc && at + 3 <= bytes.length) return { length: unsigned(bytes, at + 1, 2), start: at + 3 }
  if (first === 0xdd && at + 5 <= bytes.length) return { length: unsigned(bytes, at + 1, 4), start: at + 5 }
  return undefined
}

/** The bytes of a str or bin; undefined for another type. */
export function textOf(value: Buffer): Buffer | undefined {
  const first = value[0] ?? 0
  if (first >= 0xa0 && first < 0xc0) return value.subarray(1)
  if (first === 0xd9 || first === 0xc4) return value.subarray(2)
  if (first === 0xda || first === 0xc5) return value.subarray(3)
  if (first === 0xdb || first === 0xc6) return value.subarray(5)
  return undefined
}

function unsignedOf(value: Buffer): number | undefined {
  const first = value[0] ?? 0xc0
  if (first < 0x80) return first
  if (first === 0xcf) return unsigned(value, 1, 4) * 2 ** 32 + unsigned(value, 5, 4)
  return first >= 0xcc && first <= 0xce ? unsigned(value, 1, 1 << (first - 0xcc)) : undefined
}

/** Whether a value that begins with this byte is a map. */
export function isMap(first = 0): boolean {
  return (first >= 0x80 && first < 0x90) || first === 0xde || first === 0xdf
}

/** From the beginning of one part to the end of a later one, both of the same bytes. */
function between(bytes: Buffer, from: Buffer, to: Buffer): Buffer {
  const start = from.byteOffset - bytes.byteOffset
  return bytes.subarray(start, to.byteOffset - bytes.byteOffset + to.length)
}
