import { type ConntrackScan, newScan } from './conntrack-scan.ts'

/** Both tuples' attributes of IPv6, with ports and a zone, are 2 * 84 bytes. */
const TUPLE_BYTES = 88
const SLOT_BYTES = 2 * TUPLE_BYTES
const FIRST_SLOTS = 1024

/** What is kept of a live connection in numbers, beside its tuples. */
export const FIELD = {
  id: 0,
  /** Microseconds since 1970: by the kernel, or when it was first seen. */
  start: 1,
  /** When its last record was made, or its start. */
  recorded: 2,
  /** When it was last known to be alive. */
  seen: 3,
  tcpState: 4,
  /** Counts as they were last seen, and how much of them is in records. */
  originalPackets: 5,
  originalBytes: 6,
  replyPackets: 7,
  replyBytes: 8,
  recordedOriginalPackets: 9,
  recordedOriginalBytes: 10,
  recordedReplyPackets: 11,
  recordedReplyBytes: 12,
  originalLength: 13,
  replyLength: 14,
} as const
const FIELDS = 15

type Field = (typeof FIELD)[keyof typeof FIELD]

/**
 * Live connections by key, in typed arrays that grow to a limit: tens of thousands come and go each second, and none of
 * them is work for the garbage collector.
 */
export class LiveFlows {
  readonly #limit: number
  readonly #slots = new Map<number, number>()
  readonly #free: number[] = []
  #numbers = new Float64Array(FIRST_SLOTS * FIELDS)
  #tuples = Buffer.alloc(FIRST_SLOTS * SLOT_BYTES)
  #capacity = FIRST_SLOTS
  #used = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#slots.size
  }

  find(key: number): number | undefined {
    return this.#slots.get(key)
  }

  /** A slot for the connection of a message; undefined when there is no room, or its tuples are longer than any. */
  add(bytes: Buffer, scan: ConntrackScan): number | undefined {
    if (this.#slots.size >= this.#limit) return undefined
    if (scan.originalLength > TUPLE_BYTES || scan.replyLength > TUPLE_BYTES) return undefined
    const slot = this.#free.pop() ?? this.#next()
    this.#slots.set(scan.key, slot)
    this.#numbers.fill(0, slot * FIELDS, (slot + 1) * FIELDS)
    this.set(slot, FIELD.id, scan.id)
    this.set(slot, FIELD.originalLength, scan.originalLength)
    this.set(slot, FIELD.replyLength, scan.replyLength)
    const at = slot * SLOT_BYTES
    bytes.copy(this.#tuples, at, scan.originalAt, scan.originalAt + scan.originalLength)
    bytes.copy(this.#tuples, at + TUPLE_BYTES, scan.replyAt, scan.replyAt + scan.replyLength)
    return slot
  }

  get(slot: number, field: Field): number {
    return this.#numbers[slot * FIELDS + field] ?? 0
  }

  set(slot: number, field: Field, value: number): void {
    this.#numbers[slot * FIELDS + field] = value
  }

  remove(key: number): void {
    const slot = this.#slots.get(key)
    if (slot === undefined) return
    this.#slots.delete(key)
    this.#free.push(slot)
  }

  /** What is kept, as if it had been in a message that lies in `bytes`. */
  scanOf(slot: number): { readonly bytes: Buffer; readonly scan: ConntrackScan } {
    const scan = newScan()
    scan.id = this.get(slot, FIELD.id)
    scan.tcpState = this.get(slot, FIELD.tcpState)
    scan.startMicros = this.get(slot, FIELD.start)
    scan.originalPackets = this.get(slot, FIELD.originalPackets)
    scan.originalBytes = this.get(slot, FIELD.originalBytes)
    scan.replyPackets = this.get(slot, FIELD.replyPackets)
    scan.replyBytes = this.get(slot, FIELD.replyBytes)
    scan.originalAt = slot * SLOT_BYTES
    scan.originalLength = this.get(slot, FIELD.originalLength)
    scan.replyAt = slot * SLOT_BYTES + TUPLE_BYTES
    scan.replyLength = this.get(slot, FIELD.replyLength)
    return { bytes: this.#tuples, scan }
  }

  /** Key and slot of each; the one that is visited may be removed meanwhile. */
  entries(): IterableIterator<[number, number]> {
    return this.#slots.entries()
  }

  #next(): number {
    if (this.#used === this.#capacity) {
      this.#capacity = Math.min(this.#limit, this.#capacity * 2)
      const numbers = new Float64Array(this.#capacity * FIELDS)
      numbers.set(this.#numbers)
      this.#numbers = numbers
      const tuples = Buffer.alloc(this.#capacity * SLOT_BYTES)
      this.#tuples.copy(tuples)
      this.#tuples = tuples
    }
    return this.#used++
  }
}
