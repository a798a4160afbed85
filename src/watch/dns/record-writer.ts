import { u16, u32 } from './bytes.ts'
import type { LineWriter } from './line-writer.ts'
import type { Message } from './message.ts'
import { writeName } from './name.ts'
import type { Transaction } from './pairs.ts'
import { writeRdata } from './rdata.ts'
import { className, opcodeName, rcodeName, typeName } from './registry.ts'
import { TimeWriter } from './time-writer.ts'

const text = (ascii: string): Uint8Array => Uint8Array.from(Buffer.from(ascii, 'latin1'))

const TIME = text('{"time":"')
const CLIENT = text('Z","clientAddress":"')
const CLIENT_PORT = text('","clientPort":')
const SERVER = text(',"serverAddress":"')
const LOCAL = [text('","localResolver":false'), text('","localResolver":true'), text('"')] as const
const ID = [text(',"transport":"udp","messageId":'), text(',"transport":"tcp","messageId":')] as const
const NAME = text(',"queryName":"')
const QUOTE_TYPE = text('","queryType":"')
const CLASS = text('","queryClass":"')
const STATUS = {
  answered: text('","status":"answered","answers":['),
  unasked: text('","status":"unasked","answers":['),
  timeout: text(',"status":"timeout"'),
} as const
const ANSWER_NAME = text('{"name":"')
const ANSWER_TYPE = text('","type":"')
const ANSWER_TTL = text('","ttl":')
const ANSWER_DATA = text(',"data":"')
const ANSWER_END = text('"}')
const SUBNET = text(',"ednsClientSubnet":"')
const COOKIE = text(',"ednsCookie":true')
const QUERY_BYTES = text(',"queryBytes":')
const RESPONSE_BYTES = text(',"responseBytes":')
const RESPONSE_TIME = text(',"responseTimeMicroseconds":')
const INTERFACE = text(',"interface":')
const COMMA = 0x2c
const QUOTE = 0x22
const END_LIST = 0x5d
const END = 0x7d
const UINTEGER = 0xffff_ffff

/** dig's names of header bits in its order: QR, AA, TC, RD, RA, AD, CD. */
const FLAGS: readonly (readonly [bit: number, name: string])[] = [
  [0x8000, 'qr'],
  [0x0400, 'aa'],
  [0x0200, 'tc'],
  [0x0100, 'rd'],
  [0x0080, 'ra'],
  [0x0020, 'ad'],
  [0x0010, 'cd'],
]
const flagTexts = new Map<number, Uint8Array>()
const TYPES = Array.from({ length: 300 }, (_, type) => text(typeName(type)))
const CLASSES = Array.from({ length: 5 }, (_, number) => text(className(number)))
const RCODES = Array.from({ length: 24 }, (_, rcode) => text(`,"responseCode":"${rcodeName(rcode)}`))

/** What a record takes at most: an answer section may point to the same long names again and again. */
export const MAX_ANSWERS_BYTES = 1024 * 1024
/** Above it, what one answer more and the rest of the record may take: 65,535 bytes, each as "\\255" or as types. */
export const RECORD_ROOM = 2 * MAX_ANSWERS_BYTES

/** Writes a transaction as a record of kind "dns" (DnsRecord): one JSON object, without a newline. */
export class RecordWriter {
  readonly #out: LineWriter
  readonly #time: TimeWriter
  readonly #isLocal: ((address: string) => boolean) | undefined
  /** Where the addresses of the last record stand in the output, and what `isLocal` said of the server's. */
  clientAt = 0
  clientEnd = 0
  serverAt = 0
  serverEnd = 0
  local: boolean | undefined

  constructor(out: LineWriter, isLocal?: (address: string) => boolean) {
    this.#out = out
    this.#time = new TimeWriter()
    this.#isLocal = isLocal
  }

  /** Returns false where some of the answers make no sense, or are too many: those are not in it. */
  write(transaction: Transaction): boolean {
    const { status, queries, slot, response, flow } = transaction
    const out = this.#out
    const asked = slot >= 0
    const responded = status !== 'timeout'
    const tcp = asked ? queries.isTcp(slot) : flow.tcp
    out.raw(TIME)
    this.#time.write(out, asked ? (queries.timeMicros[slot] ?? 0) : flow.timeMicros)
    this.#addresses(transaction)
    out.raw(ID[tcp ? 1 : 0])
    out.number(asked ? (queries.id[slot] ?? 0) : response.id)
    const flags = responded ? response.flags : (queries.flags[slot] ?? 0)
    if ((flags & 0x7800) !== 0) out.ascii(`,"opcode":"${opcodeName((flags >> 11) & 15)}"`)
    const questionLength = asked ? queries.questionLength(slot) : 0
    if (questionLength > 0) {
      this.#question(queries.bytes, queries.questionAt(slot), questionLength)
    } else if (responded && response.questionLength > 0) {
      this.#question(response.question, 0, response.questionLength)
    }
    out.raw(flagText(flags))
    let whole = true
    if (status === 'timeout') out.raw(STATUS.timeout)
    else {
      const rcode = RCODES[response.rcode]
      if (rcode) out.raw(rcode)
      else out.ascii(`,"responseCode":"${rcodeName(response.rcode)}`)
      out.raw(STATUS[status])
      if (response.answers > 0) whole = this.#answers(response)
      out.byte(END_LIST)
    }
    this.#numbers(transaction, responded)
    const interfaceName = asked ? queries.interfaceName[slot] : flow.interfaceName
    if (interfaceName !== undefined) {
      out.raw(INTERFACE)
      out.json(interfaceName)
    }
    out.byte(END)
    return whole
  }

  #addresses({ queries, slot, flow }: Transaction): void {
    const out = this.#out
    const asked = slot >= 0
    const ipv6 = asked ? queries.isIpv6(slot) : flow.addressBytes === 16
    out.raw(CLIENT)
    this.clientAt = out.at
    writeAddress(out, ipv6, asked ? queries.bytes : flow.destination, asked ? queries.clientAt(slot) : 0)
    this.clientEnd = out.at
    out.raw(CLIENT_PORT)
    out.number(asked ? queries.clientPort(slot) : flow.destinationPort)
    out.raw(SERVER)
    this.serverAt = out.at
    writeAddress(out, ipv6, asked ? queries.bytes : flow.source, asked ? queries.serverAt(slot) : 0)
    this.serverEnd = out.at
    if (!this.#isLocal) {
      out.raw(LOCAL[2])
      return
    }
    this.local = this.#isLocal(out.text(this.serverAt))
    out.raw(LOCAL[this.local ? 1 : 0])
  }

  #question(bytes: Uint8Array, at: number, length: number): void {
    const out = this.#out
    const end = at + length
    out.raw(NAME)
    writeName(out, bytes, at, at, end)
    out.raw(QUOTE_TYPE)
    writeType(out, u16(bytes, end - 4))
    out.raw(CLASS)
    const number = u16(bytes, end - 2)
    const known = CLASSES[number]
    if (known) out.raw(known)
    else out.ascii(className(number))
    out.byte(QUOTE)
  }

  #answers(response: Message): boolean {
    const out = this.#out
    const { bytes, start, end, answers, recordAt, typeAt } = response
    const first = out.at
    let whole = true
    for (let i = 0; i < answers; i++) {
      const before = out.at
      if (before - first > MAX_ANSWERS_BYTES) return false
      if (i > 0 && before > first) out.byte(COMMA)
      const fixed = typeAt[i] ?? 0
      const type = u16(bytes, fixed)
      out.raw(ANSWER_NAME)
      if (writeName(out, bytes, recordAt[i] ?? 0, start, end) < 0) {
        out.at = before
        whole = false
        continue
      }
      out.raw(ANSWER_TYPE)
      writeType(out, type)
      out.raw(ANSWER_TTL)
      out.number(u32(bytes, fixed + 4))
      out.raw(ANSWER_DATA)
      const data = fixed + 10
      const right = writeRdata(
        out,
        type,
        u16(bytes, fixed + 2),
        bytes,
        start,
        data,
        data + u16(bytes, fixed + 8),
      )
      whole &&= right
      out.raw(ANSWER_END)
    }
    return whole
  }

  #numbers({ queries, slot, response, flow }: Transaction, responded: boolean): void {
    const out = this.#out
    const asked = slot >= 0
    const subnet =
      (asked ? queries.clientSubnet[slot] : undefined) ?? (responded ? response.clientSubnet : undefined)
    if (subnet !== undefined) {
      out.raw(SUBNET)
      out.ascii(subnet)
      out.byte(QUOTE)
    }
    if (asked) {
      if (queries.cookie[slot] !== 0) out.raw(COOKIE)
      out.raw(QUERY_BYTES)
      out.number(queries.length[slot] ?? 0)
    }
    if (!responded) return
    out.raw(RESPONSE_BYTES)
    out.number(response.length)
    if (!asked) return
    out.raw(RESPONSE_TIME)
    // Packets may be captured in another order than they came.
    out.number(Math.min(UINTEGER, Math.max(0, flow.timeMicros - (queries.timeMicros[slot] ?? 0))))
  }
}

function writeAddress(out: LineWriter, ipv6: boolean, bytes: Uint8Array, at: number): void {
  if (ipv6) out.ipv6(bytes, at)
  else out.ipv4(bytes, at)
}

function writeType(out: LineWriter, type: number): void {
  const known = TYPES[type]
  if (known) out.raw(known)
  else out.ascii(typeName(type))
}

function flagText(flags: number): Uint8Array {
  const known = flagTexts.get(flags & 0x87b0)
  if (known) return known
  const names = FLAGS.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name)
  const made = text(`,"flags":"${names.join(' ')}"`)
  flagTexts.set(flags & 0x87b0, made)
  return made
}
