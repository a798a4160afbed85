import type { LineWriter } from './line-writer.ts'

const DOT = 0x2e

/** Writes times as "2026-11-23T01:02:03.004005"; the text of a whole second is made once. */
export class TimeWriter {
  #second = -1
  #text: Uint8Array = Buffer.alloc(0)

  write(out: LineWriter, epochMicros: number): void {
    // Up to the year 2255 they are exact; a capture may say anything.
    const micros = Math.min(Math.max(0, epochMicros), Number.MAX_SAFE_INTEGER)
    const second = Math.floor(micros / 1_000_000)
    if (second !== this.#second) {
      this.#second = second
      this.#text = Uint8Array.from(Buffer.from(new Date(second * 1000).toISOString().slice(0, 19)))
    }
    out.raw(this.#text)
    out.byte(DOT)
    out.digits(Math.floor(micros - second * 1_000_000), 6)
  }
}
