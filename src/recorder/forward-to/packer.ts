const FIRST_BYTES = 64 * 1024

/**
 * Writes values of JSON as MessagePack (its specification, "Formats"), one after the other. By hand, since integers have to
 * stay integers: those beyond 32 bits, and as bigint those that a double does not hold.
 */
export class Packer {
  #memory = Buffer.allocUnsafe(FIRST_BYTES)
  #length = 0

  /** How many bytes were written. */
  get length(): number {
    return this.#length
  }

  /** What was written, for good; the packer begins anew. */
  take(): Buffer {
    const bytes = Buffer.from(this.#memory.subarray(0, this.#length))
    this.#length = 0
    return bytes
  }

  /** Bytes that are MessagePack already. */
  raw(bytes: Uint8Array): void {
    const at = this.#room(bytes.length)
    this.#memory.set(bytes, at)
  }

  array(count: number): void {
    if (count < 16) this.#byte(0x90 | count)
    else this.#head(count, 0xdc, 0xdd)
  }

  map(count: number): void {
    if (count < 16) this.#byte(0x80 | count)
    else this.#head(count, 0xde, 0xdf)
  }

  binary(bytes: Buffer): void {
    if (bytes.length < 2 ** 8) this.#bytes(0xc4, bytes.length, 1)
    else if (bytes.length < 2 ** 16) this.#bytes(0xc5, bytes.length, 2)
    else this.#bytes(0xc6, bytes.length, 4)
    this.raw(bytes)
  }

  text(text: string): void {
    const length = Buffer.byteLength(text)
    if (length < 32) this.#byte(0xa0 | length)
    else if (length < 2 ** 8) this.#bytes(0xd9, length, 1)
    else if (length < 2 ** 16) this.#bytes(0xda, length, 2)
    else this.#bytes(0xdb, length, 4)
    const at = this.#room(length)
    this.#memory.write(text, at, 'utf8')
  }

  /** What JSON.parse gives, and bigints of 64 bits; an undefined value in a map goes as nil. */
  value(value: unknown): void {
    if (typeof value === 'string') this.text(value)
    else if (typeof value === 'number') this.#number(value)
    else if (typeof value === 'bigint') this.#bigint(value)
    else if (typeof value === 'boolean') this.#byte(value ? 0xc3 : 0xc2)
    else if (Array.isArray(value)) {
      this.array(value.length)
      for (const item of value) this.value(item)
    } else if (typeof value === 'object' && value !== null) this.entries(Object.entries(value))
    else this.#byte(0xc0)
  }

  entries(entries: readonly (readonly [string, unknown])[]): void {
    this.map(entries.length)
    for (const [key, item] of entries) {
      this.text(key)
      this.value(item)
    }
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      const at = this.#room(9)
      this.#memory[at] = 0xcb
      this.#memory.writeDoubleBE(value, at + 1)
    } else if (value >= 0) {
      if (value < 2 ** 7) this.#byte(value)
      else if (value < 2 ** 8) this.#bytes(0xcc, value, 1)
      else if (value < 2 ** 16) this.#bytes(0xcd, value, 2)
      else if (value < 2 ** 32) this.#bytes(0xce, value, 4)
      else this.#bigint(BigInt(value))
    } else if (value >= -32) this.#byte(value & 0xff)
    else this.#bigint(BigInt(value))
  }

  #bigint(value: bigint): void {
    const at = this.#room(9)
    this.#memory[at] = value < 0n ? 0xd3 : 0xcf
    if (value < 0n) this.#memory.writeBigInt64BE(value, at + 1)
    else this.#memory.writeBigUInt64BE(value, at + 1)
  }

  #head(count: number, short: number, long: number): void {
    if (count < 2 ** 16) this.#bytes(short, count, 2)
    else this.#bytes(long, count, 4)
  }

  #bytes(type: number, value: number, width: 1 | 2 | 4): void {
    const at = this.#room(1 + width)
    this.#memory[at] = type
    this.#memory.writeUIntBE(value, at + 1, width)
  }

  #byte(value: number): void {
    const at = this.#room(1)
    this.#memory[at] = value
  }

  /** Where the next so many bytes go. */
  #room(bytes: number): number {
    const at = this.#length
    if (at + bytes > this.#memory.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#memory.length * 2, at + bytes))
      this.#memory.copy(larger, 0, 0, at)
      this.#memory = larger
    }
    this.#length = at + bytes
    return at
  }
}
