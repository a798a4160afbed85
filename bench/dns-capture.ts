import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import {
  type Captured,
  ethernet,
  FIRST_NAME,
  ipv4,
  ipv6,
  message,
  name,
  opt,
  pcapHeader,
  pcapRecord,
  QUERY,
  RESPONSE,
  u8,
  u16,
  udp,
  type WireRecord,
} from '../tests/dns-wire.ts'
import { type DnsRow, dnsRows } from './dns-rows.ts'

/*
 * A household's DNS as a packet capture: the rows of dns-rows.ts as queries and responses, with EDNS, cookies, some TXT, and
 * some queries that are sent twice or get no response. The same for the same number of messages.
 */

const TYPES: Readonly<Record<string, number>> = { A: 1, CNAME: 5, PTR: 12, TXT: 16, AAAA: 28, HTTPS: 65 }
const RCODES: Readonly<Record<string, number>> = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3 }
const CHUNK_BYTES = 1024 * 1024
const NO_RESPONSE = 0.002
const SENT_AGAIN = 0.003

/** Writes a capture (pcap, Ethernet) of so many messages, two a transaction. */
export async function writeDnsCapture(file: string, messages: number): Promise<void> {
  await pipeline(chunks(messages), createWriteStream(file))
}

function* chunks(messages: number): Generator<Buffer> {
  let parts: Buffer[] = [pcapHeader(1)]
  let bytes = 0
  for (const packet of packets(messages)) {
    const record = pcapRecord(packet)
    parts.push(record)
    bytes += record.length
    if (bytes < CHUNK_BYTES) continue
    yield Buffer.concat(parts)
    parts = []
    bytes = 0
  }
  yield Buffer.concat(parts)
}

/** In the order of time: a response may come after later queries. */
function* packets(messages: number): Generator<Captured> {
  const waiting: Captured[] = []
  let made = 0
  let index = 0
  for (const row of dnsRows({ rows: messages, days: 1 })) {
    const micros = Date.parse(row.time) * 1000 + Number(row.time.slice(23, 26))
    while (waiting[0] && waiting[0].micros <= micros && made < messages) {
      made += 1
      yield waiting.shift() as Captured
    }
    const chance = ((index * 2654435761) >>> 0) / 2 ** 32
    const { query, response } = exchange(row, index++)
    const sent = chance < SENT_AGAIN ? [micros, micros + 1] : [micros]
    for (const at of sent) {
      if (made === messages) return
      made += 1
      yield { bytes: query, micros: at }
    }
    if (chance > 1 - NO_RESPONSE) continue
    const after = { bytes: response, micros: micros + row.responseTimeMicroseconds }
    let place = waiting.length
    while (place > 0 && (waiting[place - 1]?.micros ?? 0) > after.micros) place--
    waiting.splice(place, 0, after)
  }
}

/** The packets of a row: its query and its response. */
export function exchange(row: DnsRow, index: number): { query: Buffer; response: Buffer } {
  const id = (index * 40_503) & 0xffff
  const port = 1024 + ((index * 7919) % 64_000)
  const asksText = index % 60 === 59
  const type = asksText ? 16 : (TYPES[row.queryType] ?? 1)
  const questions = [{ name: row.queryName, type }]
  const cookie = Buffer.alloc(8, index & 255)
  const edns = index % 5 === 0 ? [] : [opt(index % 3 === 0 ? [[10, cookie]] : [])]
  const query = message({ id, flags: QUERY | 0x20, questions, additionals: edns })
  const answers = asksText ? [text(index)] : row.answers.map((answer) => record(row, answer))
  const response = message({
    id,
    flags: RESPONSE | (RCODES[row.responseCode] ?? 0) | (index % 7 === 0 ? 0x20 : 0),
    questions,
    answers,
    authorities: answers.length === 0 ? [soa()] : [],
    additionals: edns.length > 0 ? [opt()] : [],
  })
  const [client, server] = [row.clientAddress, row.serverAddress]
  return {
    query: ethernet(udp({ from: client, to: server, fromPort: port, toPort: 53 }, query)),
    response: ethernet(udp({ from: server, to: client, fromPort: 53, toPort: port }, response)),
  }
}

function record(row: DnsRow, answer: DnsRow['answers'][number]): WireRecord {
  return {
    name: answer.name === row.queryName ? FIRST_NAME : answer.name,
    type: TYPES[answer.type] ?? 1,
    ttl: answer.ttl,
    data: data(answer),
  }
}

function data({ type, data: text }: DnsRow['answers'][number]): Buffer {
  switch (type) {
    case 'A':
      return ipv4(text)
    case 'AAAA':
      return ipv6(text)
    case 'HTTPS':
      return Buffer.concat([u16(1), u8(0), u16(1, 6), u8(2), Buffer.from('h3'), u8(2), Buffer.from('h2')])
    default:
      return name(text)
  }
}

function text(index: number): WireRecord {
  const value = Buffer.from(`v=spf1 ip4:192.0.2.${index & 255} include:_spf.example.net -all`)
  return { name: FIRST_NAME, type: 16, ttl: 3600, data: Buffer.concat([u8(value.length), value]) }
}

function soa(): WireRecord {
  const numbers = Buffer.from('000000010000070800000384000927c000000384', 'hex')
  return {
    name: 'example.net',
    type: 6,
    ttl: 900,
    data: Buffer.concat([name('ns1.example.net'), name('hostmaster.example.net'), numbers]),
  }
}
