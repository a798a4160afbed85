import { freeMemory } from './free-memory.ts'
import { Skimmer } from './skim.ts'

/** The least that is asked for to gather a message. */
const FIRST_BYTES = 16 * 1024

/**
 * Cuts a stream of MessagePack values into messages, however it comes in pieces; no byte is looked at twice, and a
 * message in several pieces is gathered in a buffer that grows with what has come and not with what a header claims.
 */
export class MessageReader {
  readonly #skimmer = new Skimmer()
  readonly #maxBytes: () => number
  /** Bytes that came last and were not looked at yet. */
  #piece: Buffer = Buffer.alloc(0)
  /** The beginning of a message that is not whole yet. */
  #held: Buffer | undefined
  #filled = 0
  /** The last piece, whole, and whether a message shares its memory. */
  #whole: Buffer = Buffer.alloc(0)
  #shared = false
  /** The piece of which bytes were held last, from the first of them. */
  #taken: Buffer = Buffer.alloc(0)
  /** The message that next() gave last has its memory, from its first byte on, to itself. */
  ownsMemory = false
  /** Why the stream cannot be followed any further: close it. */
  broken: string | undefined

  /** `maxBytes` is asked for each message, since it may change with what was said before. */
  constructor(maxBytes: () => number) {
    this.#maxBytes = maxBytes
  }

  /** Bytes of an unfinished message. */
  get heldBytes(): number {
    return this.#filled
  }

  /** Takes bytes for good; ask next() for messages until there is none. The messages may share the piece's memory. */
  push(piece: Buffer): void {
    this.#piece = this.#piece.length === 0 ? piece : Buffer.concat([this.#piece, piece])
    this.#whole = this.#piece
    this.#shared = false
  }

  /** The next whole message. */
  next(): Buffer | undefined {
    if (this.broken !== undefined) return undefined
    const message = this.#piece.length === 0 ? undefined : this.#held ? this.#goOn(this.#held) : this.#begin()
    if (!message) this.#freePiece()
    return message
  }

  /** What was copied from the piece is all that is needed of it, unless it shares its memory with others. */
  #freePiece(): void {
    const { byteLength, buffer } = this.#whole
    if (!this.#shared && this.#piece.length === 0 && byteLength === buffer.byteLength) freeMemory(buffer)
  }

  #begin(): Buffer | undefined {
    const piece = this.#piece
    if (this.#skimmer.run(piece, 0, piece.length)) {
      const end = this.#skimmer.at
      this.#check()
      this.#skimmer.reset()
      this.#piece = piece.subarray(end)
      this.#shared = true
      this.ownsMemory = false
      return this.broken === undefined ? piece.subarray(0, end) : undefined
    }
    if (!this.#check()) return undefined
    this.#held = Buffer.allocUnsafeSlow(Math.max(piece.length, FIRST_BYTES))
    this.#filled = 0
    this.#keep(this.#held, piece.length)
    return undefined
  }

  #goOn(held: Buffer): Buffer | undefined {
    let target = held
    for (;;) {
      // Inside a long text only what belongs to it: what follows the message need not be copied.
      const wanted = this.#skimmer.at - this.#filled
      const length = wanted > 0 ? Math.min(wanted, this.#piece.length) : this.#piece.length
      if (length === 0) return undefined
      target = this.#room(target, length)
      const before = this.#filled
      this.#keep(target, length)
      const whole = this.#skimmer.run(target, 0, this.#filled)
      if (!this.#check()) return undefined
      if (!whole) continue
      const end = this.#skimmer.at
      // Beyond the end lies the next message's beginning, which is still in the piece as well.
      const over = this.#filled - end
      if (over > 0) this.#piece = this.#taken.subarray(end - before)
      this.#skimmer.reset()
      this.#held = undefined
      this.#filled = 0
      this.ownsMemory = true
      return target.subarray(0, end)
    }
  }

  #keep(target: Buffer, length: number): void {
    this.#piece.copy(target, this.#filled, 0, length)
    this.#taken = this.#piece
    this.#piece = this.#piece.subarray(length)
    this.#filled += length
  }

  #room(held: Buffer, more: number): Buffer {
    const needed = this.#filled + more
    if (needed <= held.length) return held
    const { at, owed } = this.#skimmer
    // As far as the message reaches by what is known, with something for its options; never much more than came.
    const size = at > this.#filled ? Math.max(needed, Math.min(at + owed + 256, needed * 4)) : needed * 2
    const larger = Buffer.allocUnsafeSlow(size)
    held.copy(larger, 0, 0, this.#filled)
    freeMemory(held.buffer)
    this.#held = larger
    return larger
  }

  #check(): boolean {
    const { at, owed, broken } = this.#skimmer
    if (broken) this.broken = 'not MessagePack'
    else if (at + owed > this.#maxBytes()) this.broken = `a message of more than ${this.#maxBytes()} bytes`
    return this.broken === undefined
  }
}
