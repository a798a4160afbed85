import type { DnsCounts } from './counts.ts'

/** A datagram in parts, the same for IPv4 (RFC 791 section 3.2) and IPv6 (RFC 8200 section 4.5). */
interface Datagram {
  readonly startedMicros: number
  readonly parts: Part[]
  bytes: number
  /** Of the whole; undefined until the last part came. */
  length: number | undefined
  /** What the first part says comes next (IPv6); IPv4 has it in every part. */
  protocol: number
  /** No part of it counts any more, but those that come are still part of it. */
  dead: boolean
}

interface Part {
  readonly offset: number
  readonly bytes: Buffer
}

export interface Fragment {
  /** What parts of a datagram have in common: addresses, identification, protocol. */
  readonly key: string
  readonly offset: number
  readonly more: boolean
  readonly protocol: number
  readonly timeMicros: number
}

const MAX_DATAGRAMS = 256
const MAX_PARTS = 64
const MAX_DATAGRAM_BYTES = 65_535
const MAX_BYTES = 4 * 1024 * 1024
const MAX_AGE_MICROS = 30_000_000

/**
 * Puts fragmented datagrams together again, within bounds: so many at a time, of so many parts, for 30 s. Parts that
 * overlap make the whole datagram worthless (RFC 5722, RFC 8200 section 4.5), but for one that comes twice.
 */
export class Fragments {
  readonly #datagrams = new Map<string, Datagram>()
  readonly #counts: DnsCounts
  #bytes = 0

  constructor(counts: DnsCounts) {
    this.#counts = counts
  }

  /** Takes a part, which it copies. Returns the whole payload and what it is, once all parts are there. */
  add(
    fragment: Fragment,
    payload: Buffer,
  ): { readonly bytes: Buffer; readonly protocol: number } | undefined {
    const { key, offset, more, protocol, timeMicros } = fragment
    this.#expire(timeMicros)
    let datagram = this.#datagrams.get(key)
    if (!datagram) {
      if (this.#datagrams.size >= MAX_DATAGRAMS) this.#dropOldest()
      datagram = { startedMicros: timeMicros, parts: [], bytes: 0, length: undefined, protocol, dead: false }
      this.#datagrams.set(key, datagram)
    }
    if (datagram.dead) return undefined
    if (offset === 0) datagram.protocol = protocol
    const verdict = fits(datagram, offset, payload, more)
    if (verdict === 'again') return undefined
    if (verdict === 'wrong') {
      this.#kill(datagram)
      return undefined
    }
    if (!more) datagram.length = offset + payload.length
    datagram.parts.push({ offset, bytes: Buffer.from(payload) })
    datagram.bytes += payload.length
    this.#bytes += payload.length
    if (datagram.bytes === datagram.length) {
      this.#datagrams.delete(key)
      this.#bytes -= datagram.bytes
      datagram.parts.sort((a, b) => a.offset - b.offset)
      return { bytes: Buffer.concat(datagram.parts.map(({ bytes }) => bytes)), protocol: datagram.protocol }
    }
    while (this.#bytes > MAX_BYTES) this.#dropOldest()
    return undefined
  }

  /** What is held, for tests of the bounds. */
  sizes(): { readonly datagrams: number; readonly bytes: number } {
    return { datagrams: this.#datagrams.size, bytes: this.#bytes }
  }

  #expire(nowMicros: number): void {
    for (const [key, datagram] of this.#datagrams) {
      const age = nowMicros - datagram.startedMicros
      if (age >= 0 && age < MAX_AGE_MICROS) return
      this.#drop(key, datagram)
    }
  }

  #dropOldest(): void {
    for (const [key, datagram] of this.#datagrams) {
      this.#drop(key, datagram)
      return
    }
  }

  #drop(key: string, datagram: Datagram): void {
    this.#datagrams.delete(key)
    if (!datagram.dead) this.#kill(datagram)
  }

  #kill(datagram: Datagram): void {
    this.#bytes -= datagram.bytes
    datagram.bytes = 0
    datagram.parts.length = 0
    datagram.dead = true
    this.#counts.fragmentsDropped += 1
  }
}

function fits(datagram: Datagram, offset: number, payload: Buffer, more: boolean): 'yes' | 'again' | 'wrong' {
  const end = offset + payload.length
  if (payload.length === 0 || end > MAX_DATAGRAM_BYTES || datagram.parts.length >= MAX_PARTS) return 'wrong'
  // All but the last are of whole units of eight bytes.
  if (more && payload.length % 8 !== 0) return 'wrong'
  for (const part of datagram.parts) {
    if (end <= part.offset || offset >= part.offset + part.bytes.length) continue
    return part.offset === offset && part.bytes.equals(payload) ? 'again' : 'wrong'
  }
  const { length } = datagram
  if (length !== undefined && (!more || end > length)) return 'wrong'
  return !more && datagram.parts.some((part) => part.offset > offset) ? 'wrong' : 'yes'
}
