import { u16 } from './bytes.ts'
import { LineWriter } from './line-writer.ts'
import type { Message } from './message.ts'
import { HEADER_BYTES } from './message.ts'
import { skipName } from './name.ts'
import { TYPE } from './registry.ts'

/** A part of a message, in dns-gazer's own words and order of keys. */
export interface GazerRecord {
  readonly data?: string
  readonly name: string
  readonly section: 'question' | 'answer' | 'authority' | 'additional'
  readonly type: string
}

/** Types that dns-gazer has names for; it writes the number of others. */
const NAMES = new Map<number, string>([
  [TYPE.A, 'A'],
  [TYPE.NS, 'NS'],
  [TYPE.CNAME, 'CNAME'],
  [TYPE.SOA, 'SOA'],
  [TYPE.PTR, 'PTR'],
  [TYPE.MX, 'MX'],
  [TYPE.TXT, 'TXT'],
  [TYPE.AAAA, 'AAAA'],
  [TYPE.SRV, 'SRV'],
])
const text = new LineWriter(64)

/** All questions and records of a message, as dns-gazer has them in `query` and `reply`. */
export function gazerRecords(message: Message): GazerRecord[] {
  const { bytes, start, end, recordAt, typeAt, answers, authorities, additionals } = message
  const records = questions(message)
  for (let i = 0; i < additionals; i++) {
    const fixed = typeAt[i] ?? 0
    const data = fixed + 10
    const type = u16(bytes, fixed)
    records.push({
      data: dataText(message, type, data, data + u16(bytes, fixed + 8)),
      name: nameText(bytes, recordAt[i] ?? 0, start, end) ?? '?',
      section: i < answers ? 'answer' : i < authorities ? 'authority' : 'additional',
      type: NAMES.get(type) ?? String(type),
    })
  }
  return records
}

function questions({ bytes, start, end }: Message): GazerRecord[] {
  const records: GazerRecord[] = []
  let at = start + HEADER_BYTES
  for (let left = u16(bytes, start + 4); left > 0; left--) {
    const next = skipName(bytes, at, end)
    if (next < 0 || next + 4 > end) break
    const type = u16(bytes, next)
    records.push({
      name: nameText(bytes, at, start, end) ?? '?',
      section: 'question',
      type: NAMES.get(type) ?? String(type),
    })
    at = next + 4
  }
  return records
}

/**
 * What dns-gazer makes of record data. Of SOA, MX and SRV it reads a name where the data begin: that is SOA's primary
 * server, and nothing where a number begins with a zero.
 */
function dataText({ bytes, start }: Message, type: number, at: number, end: number): string {
  switch (type) {
    case TYPE.A:
      if (end - at !== 4) return ''
      text.at = 0
      text.ipv4(bytes, at)
      return text.text(0)
    case TYPE.AAAA:
      if (end - at !== 16) return ''
      text.at = 0
      text.ipv6(bytes, at)
      return text.text(0)
    case TYPE.NS:
    case TYPE.CNAME:
    case TYPE.SOA:
    case TYPE.PTR:
    case TYPE.MX:
    case TYPE.SRV:
      return nameText(bytes, at, start, end) ?? ''
    case TYPE.TXT:
      return strings(bytes, at, end).join(',')
    default:
      return bytes.toString('latin1', at, end).replace(/[^ -~]/g, '.')
  }
}

function strings(bytes: Buffer, from: number, end: number): string[] {
  const found: string[] = []
  for (let at = from; at < end; ) {
    const next = at + 1 + (bytes[at] ?? 0)
    if (next > end) break
    found.push(bytes.toString('utf8', at + 1, next))
    at = next
  }
  return found
}

/** The name as it is on the wire, every label with a dot after it; the root is empty. */
function nameText(bytes: Buffer, from: number, start: number, end: number): string | undefined {
  const labels: Buffer[] = []
  let at = from
  let lowest = from
  for (let total = 1; ; ) {
    const length = bytes[at] ?? 0
    if (at >= end) return undefined
    if (length === 0) break
    if (length >= 0xc0) {
      at = start + (u16(bytes, at) & 0x3fff)
      if (at >= lowest) return undefined
      lowest = at
      continue
    }
    total += length + 1
    if (length > 63 || total > 255 || at + 1 + length > end) return undefined
    labels.push(bytes.subarray(at + 1, at + 1 + length), DOT)
    at += 1 + length
  }
  return Buffer.concat(labels).toString('utf8')
}

const DOT = Buffer.from('.')
