import { ipv6Text } from '../../recorder/records/address.ts'
import { u16 } from './bytes.ts'
import { flatLength, flattenName, skipName } from './name.ts'
import { TYPE } from './registry.ts'

export const HEADER_BYTES = 12
const RR_FIXED_BYTES = 10
/** A record has a name of one byte at least: no message of 65,535 bytes holds more. */
const MAX_RECORDS = Math.ceil(65_535 / (RR_FIXED_BYTES + 1))
/** Name, type and class of a question. */
export const MAX_QUESTION = 255 + 4

const ECS = 8
const COOKIE = 10

/**
 * A DNS message (RFC 1035 section 4) and where its parts are. One object reads all messages: it holds the one read last.
 */
export class Message {
  bytes: Buffer = Buffer.alloc(0)
  start = 0
  /** Where what was captured of it ends. */
  end = 0
  /** How long it was on the wire. */
  length = 0
  id = 0
  /** The header's second word: QR, opcode, AA, TC, RD, RA, Z, AD, CD, rcode. */
  flags = 0
  /** Something in it is not as it must be, or it is cut off: what is here comes before that. */
  malformed = false
  /** The first question without pointers, its name in lower case: name, type, class. */
  readonly question = Buffer.alloc(MAX_QUESTION + 1)
  /** Bytes of `question`; 0 when there is none. */
  questionLength = 0
  /** The records of all sections that are whole: where they begin, and where their type stands. */
  readonly recordAt = new Int32Array(MAX_RECORDS)
  readonly typeAt = new Int32Array(MAX_RECORDS)
  /** Records up to here are of the answer section, of the authority section, of the additional section. */
  answers = 0
  authorities = 0
  additionals = 0
  /** EDNS's upper bits of the rcode (RFC 6891 section 6.1.3). */
  rcodeHigh = 0
  /** RFC 7871, e.g. "192.0.2.0/24". */
  clientSubnet: string | undefined
  /** RFC 7873. */
  cookie = false

  /** Reads a message; false when there is not even a header. */
  read(bytes: Buffer, start: number, end: number, length: number): boolean {
    if (end - start < HEADER_BYTES) return false
    this.bytes = bytes
    this.start = start
    this.end = end
    this.length = length
    this.id = u16(bytes, start)
    this.flags = u16(bytes, start + 2)
    this.malformed = false
    this.questionLength = 0
    this.answers = 0
    this.authorities = 0
    this.additionals = 0
    this.rcodeHigh = 0
    this.clientSubnet = undefined
    this.cookie = false
    const at = this.#readQuestions(u16(bytes, start + 4))
    const answers = u16(bytes, start + 6)
    const authorities = answers + u16(bytes, start + 8)
    const additionals = authorities + u16(bytes, start + 10)
    if (additionals > 0 && at >= 0) this.#readRecords(at, answers, authorities, additionals)
    return true
  }

  get isResponse(): boolean {
    return (this.flags & 0x8000) !== 0
  }

  get opcode(): number {
    return (this.flags >> 11) & 15
  }

  get rcode(): number {
    return (this.rcodeHigh << 4) | (this.flags & 15)
  }

  #readQuestions(count: number): number {
    const { bytes, start, end } = this
    let at = start + HEADER_BYTES
    for (let i = 0; i < count; i++) {
      const next = i === 0 ? flattenName(this.question, bytes, at, start, end) : skipName(bytes, at, end)
      if (next < 0 || next + 4 > end) {
        this.malformed = true
        return -1
      }
      if (i === 0) {
        const length = flatLength()
        for (let n = 0; n < 4; n++) this.question[length + n] = bytes[next + n] ?? 0
        this.questionLength = length + 4
      }
      at = next + 4
    }
    return at
  }

  #readRecords(from: number, answers: number, authorities: number, additionals: number): void {
    const { bytes, end } = this
    let at = from
    for (let i = 0; i < additionals; i++) {
      const typeAt = skipName(bytes, at, end)
      const dataAt = typeAt + RR_FIXED_BYTES
      const next = dataAt + u16(bytes, dataAt - 2)
      if (typeAt < 0 || dataAt > end || next > end) {
        this.malformed = true
        return
      }
      this.recordAt[i] = at
      this.typeAt[i] = typeAt
      if (i < answers) this.answers = i + 1
      if (i < authorities) this.authorities = i + 1
      this.additionals = i + 1
      if (i >= authorities && u16(bytes, typeAt) === TYPE.OPT) this.#readOptions(typeAt, dataAt, next)
      at = next
    }
  }

  /** RFC 6891 section 6.1.2: the TTL's first byte is of the rcode, the data are options. */
  #readOptions(typeAt: number, from: number, end: number): void {
    const { bytes } = this
    this.rcodeHigh = bytes[typeAt + 4] ?? 0
    for (let at = from; at + 4 <= end; ) {
      const code = u16(bytes, at)
      const next = at + 4 + u16(bytes, at + 2)
      if (next > end) {
        this.malformed = true
        return
      }
      if (code === COOKIE) this.cookie = true
      else if (code === ECS) this.clientSubnet = subnetText(bytes, at + 4, next) ?? this.clientSubnet
      at = next
    }
  }
}

/** RFC 7871 section 6: family, source prefix length, scope, and as many bytes of the address as the prefix needs. */
function subnetText(bytes: Buffer, at: number, end: number): string | undefined {
  if (end - at < 4) return undefined
  const family = u16(bytes, at)
  const length = bytes[at + 2] ?? 0
  const size = family === 1 ? 4 : family === 2 ? 16 : 0
  if (length > size * 8 || end - at - 4 > size) return undefined
  const address = Buffer.alloc(size)
  bytes.copy(address, 0, at + 4, end)
  if (family === 1) return `${address.join('.')}/${length}`
  return family === 2 ? `${ipv6Text(address)}/${length}` : undefined
}
