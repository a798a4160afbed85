import { Cursor } from './cursor.ts'
import type { Domain, Exporter, Exporters, Sender } from './exporters.ts'
import { readOptions } from './options.ts'
import { type DatedRecord, type Header, readFlow } from './record.ts'
import { compileTemplate, type Template } from './template.ts'
import { readOptionsTemplates, readTemplates, type TemplateSet } from './template-set.ts'

/** What a datagram brought. */
export interface Decoded {
  readonly records: DatedRecord[]
  /** Messages, sets and templates that make no sense. */
  malformed: number
  /** Sets given up because their template did not come in time: how many records they held is not known. */
  unreadable: number
  /** Records (v5, IPFIX) or datagrams (v9) missing by the sequence numbers; negative when they come late. */
  missing: number
  /** Options data records, which are used and not stored. */
  options: number
  /** Template withdrawals, which do not count over UDP (RFC 7011 section 8.4). */
  withdrawals: number
}

const V5_HEADER = 24
const V5_RECORD = 48
const V9_HEADER = 20
const IPFIX_HEADER = 16
const SET_HEADER = 4
const FIRST_DATA_SET = 256

/** NetFlow v5's record, as if a template said it: element:length. Elements 210 are padding. */
const V5 = compileTemplate(
  '8:4 12:4 15:4 10:2 14:2 2:4 1:4 22:4 21:4 7:2 11:2 210:1 6:1 4:1 5:1 16:2 17:2 9:1 13:1 210:2'
    .split(' ')
    .map((field) => {
      const [number, length] = field.split(':')
      return { enterprise: 0, number: Number(number), length: Number(length) }
    }),
  undefined,
)

/**
 * Decodes a datagram of NetFlow v5, v9 (RFC 3954) or IPFIX (RFC 7011) with what is known of its sender, and remembers
 * what it tells. Never throws: whatever cannot be read is counted.
 */
export function decodeNetflow(
  bytes: Buffer,
  sender: Sender,
  exporters: Exporters<Header>,
  nowMs: number,
): Decoded {
  const decoded: Decoded = {
    records: [],
    malformed: 0,
    unreadable: 0,
    missing: 0,
    options: 0,
    withdrawals: 0,
  }
  const version = bytes.length >= 2 ? bytes.readUInt16BE(0) : 0
  const decode = { 5: decodeV5, 9: decodeV9, 10: decodeIpfix }[version]
  if (!decode?.(bytes, exporters.get(sender, nowMs), nowMs, decoded)) decoded.malformed += 1
  if (decoded.records.length > 0) exporters.prove(sender)
  decoded.unreadable += exporters.takeLost()
  return decoded
}

type Decode = (bytes: Buffer, exporter: Exporter<Header>, nowMs: number, into: Decoded) => boolean

const decodeV5: Decode = (bytes, exporter, nowMs, into) => {
  if (bytes.length < V5_HEADER || !V5) return false
  const count = bytes.readUInt16BE(2)
  const end = V5_HEADER + count * V5_RECORD
  if (count === 0 || bytes.length < end) return false
  const uptimeMs = bytes.readUInt32BE(4)
  const header = {
    version: 5,
    domainId: bytes.readUInt16BE(20),
    exportMs: bytes.readUInt32BE(8) * 1000 + Math.floor(bytes.readUInt32BE(12) / 1_000_000),
    uptimeMs,
    arrivedMs: nowMs,
  }
  const domain = exporter.domain(5, header.domainId)
  // Two bits of mode, 14 of interval.
  const sampling = bytes.readUInt16BE(22)
  domain.sampling =
    (sampling & 0x3fff) === 0
      ? undefined
      : { interval: sampling & 0x3fff, algorithm: sampling >> 14 || undefined }
  into.missing += domain.sequence.next(bytes.readUInt32BE(16), count)
  const cursor = new Cursor(V5, bytes.subarray(V5_HEADER, end))
  while (cursor.next()) into.records.push(readFlow(cursor, header, exporter, domain))
  return true
}

const decodeV9: Decode = (bytes, exporter, nowMs, into) => {
  if (bytes.length < V9_HEADER) return false
  const header = {
    version: 9,
    domainId: bytes.readUInt32BE(16),
    exportMs: bytes.readUInt32BE(8) * 1000,
    uptimeMs: bytes.readUInt32BE(4),
    arrivedMs: nowMs,
  }
  const domain = exporter.domain(9, header.domainId)
  into.missing += domain.sequence.next(bytes.readUInt32BE(12), 1)
  decodeSets(bytes.subarray(V9_HEADER), header, exporter, domain, into)
  return true
}

const decodeIpfix: Decode = (bytes, exporter, nowMs, into) => {
  if (bytes.length < IPFIX_HEADER) return false
  const length = bytes.readUInt16BE(2)
  if (length < IPFIX_HEADER || length > bytes.length) return false
  const header = {
    version: 10,
    domainId: bytes.readUInt32BE(12),
    exportMs: bytes.readUInt32BE(4) * 1000,
    uptimeMs: undefined,
    arrivedMs: nowMs,
  }
  const domain = exporter.domain(10, header.domainId)
  const before = into.records.length
  const records = decodeSets(bytes.subarray(IPFIX_HEADER, length), header, exporter, domain, into)
  const flows = into.records.length - before
  into.missing += domain.sequence.next(bytes.readUInt32BE(8), records, flows)
  return true
}

/** Returns how many data records the sets held; undefined when that cannot be told. */
function decodeSets(
  bytes: Buffer,
  header: Header,
  exporter: Exporter<Header>,
  domain: Domain,
  into: Decoded,
): number | undefined {
  const templateSet = header.version === 9 ? 0 : 2
  const keyOf = (template: number): number => header.domainId * 65_536 + template
  let records: number | undefined = 0
  let at = 0
  // Fewer bytes than a set's header are padding.
  while (at + SET_HEADER <= bytes.length) {
    const id = bytes.readUInt16BE(at)
    const length = bytes.readUInt16BE(at + 2)
    if (length < SET_HEADER || at + length > bytes.length) {
      // Where the next set begins is not known.
      into.malformed += 1
      return undefined
    }
    const body = bytes.subarray(at + SET_HEADER, at + length)
    at += length
    if (id >= FIRST_DATA_SET) {
      const template = exporter.template(keyOf(id), header.arrivedMs)
      if (template) {
        const count = decodeData(template, body, header, exporter, domain, into)
        records = records === undefined || count === undefined ? undefined : records + count
      } else if (body.length > 0) {
        into.unreadable += exporter.hold(header, keyOf(id), body, header.arrivedMs)
        records = undefined
      }
    } else if (id === templateSet || id === templateSet + 1) {
      const read = id === templateSet ? readTemplates : readOptionsTemplates
      takeTemplates(read(header.version === 9 ? 9 : 10, body), keyOf, header, exporter, domain, into)
    } else into.malformed += 1
  }
  return records
}

function takeTemplates(
  set: TemplateSet,
  keyOf: (id: number) => number,
  { arrivedMs }: Header,
  exporter: Exporter<Header>,
  domain: Domain,
  into: Decoded,
): void {
  into.malformed += set.malformed
  into.withdrawals += set.withdrawals
  for (const { id, template } of set.definitions) {
    exporter.setTemplate(keyOf(id), template, arrivedMs)
    const { sets, stale } = exporter.release(keyOf(id), arrivedMs)
    into.unreadable += stale
    for (const { header, bytes } of sets) decodeData(template, bytes, header, exporter, domain, into)
  }
}

function decodeData(
  template: Template,
  bytes: Buffer,
  header: Header,
  exporter: Exporter<Header>,
  domain: Domain,
  into: Decoded,
): number | undefined {
  const cursor = new Cursor(template, bytes)
  let records = 0
  for (; cursor.next(); records++) {
    if (template.scopes === undefined) into.records.push(readFlow(cursor, header, exporter, domain))
    else {
      readOptions(cursor, exporter, domain)
      into.options += 1
    }
  }
  if (!cursor.broken) return records
  into.malformed += 1
  return undefined
}
