import { u32 } from './bytes.ts'
import type { Flow } from './flow.ts'
import { MAX_QUESTION, type Message } from './message.ts'

/** Client's and server's address, then the question. */
const ADDRESS = 16
const QUESTION_AT = 2 * ADDRESS
const STRIDE = QUESTION_AT + MAX_QUESTION + 1
const FIRST_SLOTS = 1024
const BUCKETS = 131_072
/** Of queries that differ in nothing but the question, and those that happen to fall together. */
const MAX_CHAIN = 32
const NONE = -1

const IS_TCP = 1
const IS_IPV6 = 2

/**
 * Queries that wait for their response, in a hash table of flat arrays: a slot a query, no objects. A slot number is
 * good until `release`. The table is bounded: who adds to a full one must release the oldest first.
 */
export class OpenQueries {
  readonly #max: number
  #slots = 0
  #used = 0
  #free = NONE
  /** Slots in the order of their time: the oldest first. */
  #oldest = NONE
  #newest = NONE
  readonly #buckets = new Int32Array(BUCKETS).fill(NONE)
  /** So that nobody can choose queries that all fall into one bucket. */
  readonly #seed = (Math.random() * 0x1_0000_0000) | 0
  #hash = new Int32Array(0)
  #chain = new Int32Array(0)
  #before = new Int32Array(0)
  #after = new Int32Array(0)
  #kind = new Uint8Array(0)
  #ports = new Int32Array(0)
  #questionLength = new Uint16Array(0)
  bytes = Buffer.alloc(0)
  id = new Uint16Array(0)
  flags = new Uint16Array(0)
  length = new Uint16Array(0)
  timeMicros = new Float64Array(0)
  /** A response was seen, and more may come. */
  answered = new Uint8Array(0)
  cookie = new Uint8Array(0)
  clientSubnet: (string | undefined)[] = []
  interfaceName: (string | undefined)[] = []
  /** What else is to be known of the query in the end. */
  extra: unknown[] = []

  constructor(max: number) {
    this.#max = max
    this.#grow(Math.min(max, FIRST_SLOTS))
  }

  get size(): number {
    return this.#used
  }

  get isFull(): boolean {
    return this.#used >= this.#max
  }

  /** NONE (-1) when the table is empty. */
  get oldest(): number {
    return this.#oldest
  }

  clientAt(slot: number): number {
    return slot * STRIDE
  }

  serverAt(slot: number): number {
    return slot * STRIDE + ADDRESS
  }

  questionAt(slot: number): number {
    return slot * STRIDE + QUESTION_AT
  }

  questionLength(slot: number): number {
    return this.#questionLength[slot] ?? 0
  }

  isTcp(slot: number): boolean {
    return ((this.#kind[slot] ?? 0) & IS_TCP) !== 0
  }

  isIpv6(slot: number): boolean {
    return ((this.#kind[slot] ?? 0) & IS_IPV6) !== 0
  }

  clientPort(slot: number): number {
    return (this.#ports[slot] ?? 0) >>> 16
  }

  serverPort(slot: number): number {
    return (this.#ports[slot] ?? 0) & 0xffff
  }

  /** Takes a query into the table, which must not be full. */
  add(message: Message, flow: Flow): number {
    if (this.#free === NONE) this.#grow(Math.min(this.#max, this.#slots * 2))
    const slot = this.#free
    this.#free = this.#after[slot] ?? NONE
    this.#used += 1
    const hash = this.#hashOf(message, flow)
    const bucket = (hash >>> 0) % BUCKETS
    this.#hash[slot] = hash
    this.#chain[slot] = this.#buckets[bucket] ?? NONE
    this.#buckets[bucket] = slot
    this.#before[slot] = this.#newest
    this.#after[slot] = NONE
    if (this.#newest === NONE) this.#oldest = slot
    else this.#after[this.#newest] = slot
    this.#newest = slot
    this.#kind[slot] = (flow.tcp ? IS_TCP : 0) | (flow.addressBytes === ADDRESS ? IS_IPV6 : 0)
    this.#ports[slot] = (flow.sourcePort << 16) | flow.destinationPort
    const { bytes } = this
    const at = slot * STRIDE
    for (let i = 0; i < flow.addressBytes; i++) {
      bytes[at + i] = flow.source[i] ?? 0
      bytes[at + ADDRESS + i] = flow.destination[i] ?? 0
    }
    const { question, questionLength } = message
    for (let i = 0; i < questionLength; i++) bytes[at + QUESTION_AT + i] = question[i] ?? 0
    this.#questionLength[slot] = questionLength
    this.id[slot] = message.id
    this.flags[slot] = message.flags
    this.length[slot] = message.length
    this.timeMicros[slot] = flow.timeMicros
    this.answered[slot] = 0
    this.cookie[slot] = message.cookie ? 1 : 0
    this.clientSubnet[slot] = message.clientSubnet
    this.interfaceName[slot] = flow.interfaceName
    return slot
  }

  /**
   * The query of the same client, server, ports, transport, id and question; the newest of several. A response without a
   * question, as with FORMERR, is for the oldest query that it may be for. NONE (-1) when there is none.
   */
  find(message: Message, flow: Flow): number {
    const hash = this.#hashOf(message, flow)
    let found = NONE
    for (
      let slot = this.#buckets[(hash >>> 0) % BUCKETS] ?? NONE;
      slot !== NONE;
      slot = this.#chain[slot] ?? NONE
    ) {
      if (this.#hash[slot] !== hash || !this.#isOf(slot, message, flow)) continue
      if (this.#hasQuestion(slot, message)) return slot
      if (message.questionLength === 0 && message.isResponse && this.answered[slot] === 0) found = slot
    }
    return found
  }

  /** The last one in the message's bucket, when there are too many in it; otherwise NONE (-1). */
  crowded(message: Message, flow: Flow): number {
    let slot = this.#buckets[(this.#hashOf(message, flow) >>> 0) % BUCKETS] ?? NONE
    for (let count = 1; slot !== NONE; count++) {
      const next = this.#chain[slot] ?? NONE
      if (next === NONE) return count >= MAX_CHAIN ? slot : NONE
      slot = next
    }
    return NONE
  }

  release(slot: number): void {
    const bucket = ((this.#hash[slot] ?? 0) >>> 0) % BUCKETS
    const next = this.#chain[slot] ?? NONE
    let before = this.#buckets[bucket] ?? NONE
    if (before === slot) this.#buckets[bucket] = next
    else {
      while (this.#chain[before] !== slot) before = this.#chain[before] ?? NONE
      this.#chain[before] = next
    }
    const older = this.#before[slot] ?? NONE
    const newer = this.#after[slot] ?? NONE
    if (older === NONE) this.#oldest = newer
    else this.#after[older] = newer
    if (newer === NONE) this.#newest = older
    else this.#before[newer] = older
    this.clientSubnet[slot] = undefined
    this.extra[slot] = undefined
    this.#after[slot] = this.#free
    this.#free = slot
    this.#used -= 1
  }

  /** Of what a query and its responses have in common, but for the question. */
  #hashOf(message: Message, flow: Flow): number {
    const response = message.isResponse
    const client = response ? flow.destination : flow.source
    const server = response ? flow.source : flow.destination
    const clientPort = response ? flow.destinationPort : flow.sourcePort
    const serverPort = response ? flow.sourcePort : flow.destinationPort
    let hash = mix(this.#seed, (clientPort << 16) | message.id)
    hash = mix(hash, (serverPort << 1) | (flow.tcp ? 1 : 0))
    for (let at = 0; at < flow.addressBytes; at += 4) {
      hash = mix(hash, u32(client, at))
      hash = mix(hash, u32(server, at))
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    return Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  }

  #isOf(slot: number, message: Message, flow: Flow): boolean {
    const response = message.isResponse
    const client = response ? flow.destination : flow.source
    const server = response ? flow.source : flow.destination
    const ports = response
      ? (flow.destinationPort << 16) | flow.sourcePort
      : (flow.sourcePort << 16) | flow.destinationPort
    const kind = (flow.tcp ? IS_TCP : 0) | (flow.addressBytes === ADDRESS ? IS_IPV6 : 0)
    if (this.id[slot] !== message.id || this.#ports[slot] !== ports || this.#kind[slot] !== kind) return false
    const { bytes } = this
    const at = slot * STRIDE
    for (let i = 0; i < flow.addressBytes; i++)
      if (bytes[at + i] !== client[i] || bytes[at + ADDRESS + i] !== server[i]) return false
    return true
  }

  #hasQuestion(slot: number, message: Message): boolean {
    const { question, questionLength } = message
    if (this.#questionLength[slot] !== questionLength) return false
    const { bytes } = this
    const at = slot * STRIDE + QUESTION_AT
    for (let i = 0; i < questionLength; i++) if (bytes[at + i] !== question[i]) return false
    return true
  }

  #grow(slots: number): void {
    const larger = <T extends Int32Array | Uint8Array | Uint16Array | Float64Array>(made: T, old: T): T => {
      made.set(old)
      return made
    }
    this.#hash = larger(new Int32Array(slots), this.#hash)
    this.#chain = larger(new Int32Array(slots), this.#chain)
    this.#before = larger(new Int32Array(slots), this.#before)
    this.#after = larger(new Int32Array(slots), this.#after)
    this.#kind = larger(new Uint8Array(slots), this.#kind)
    this.#ports = larger(new Int32Array(slots), this.#ports)
    this.#questionLength = larger(new Uint16Array(slots), this.#questionLength)
    this.bytes = larger(Buffer.alloc(slots * STRIDE), this.bytes)
    this.id = larger(new Uint16Array(slots), this.id)
    this.flags = larger(new Uint16Array(slots), this.flags)
    this.length = larger(new Uint16Array(slots), this.length)
    this.timeMicros = larger(new Float64Array(slots), this.timeMicros)
    this.answered = larger(new Uint8Array(slots), this.answered)
    this.cookie = larger(new Uint8Array(slots), this.cookie)
    for (let slot = slots - 1; slot >= this.#slots; slot--) {
      this.#after[slot] = this.#free
      this.#free = slot
    }
    this.#slots = slots
  }
}

/** A step of MurmurHash3. */
function mix(hash: number, value: number): number {
  let k = Math.imul(value | 0, 0xcc9e2d51)
  k = (k << 15) | (k >>> 17)
  let h = hash ^ Math.imul(k, 0x1b873593)
  h = (h << 13) | (h >>> 19)
  return (Math.imul(h, 5) + 0xe6546b64) | 0
}
