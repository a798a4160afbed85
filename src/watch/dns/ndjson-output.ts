import { LineWriter } from './line-writer.ts'
import { DEFAULT_TIMEOUT_MS, type Transaction } from './pairs.ts'
import type { CaptureOutput } from './read-capture.ts'
import { RECORD_ROOM, RecordWriter } from './record-writer.ts'
import { writeAll } from './write-all.ts'

const FULL_BYTES = 512 * 1024
const NEWLINE = 0x0a

/** Writes transactions as records of kind "dns", one JSON object a line, to an open file. */
export class NdjsonOutput implements CaptureOutput {
  readonly timeoutMs: number
  readonly #descriptor: number
  readonly #out = new LineWriter(FULL_BYTES + RECORD_ROOM)
  readonly #record = new RecordWriter(this.#out)

  constructor(descriptor: number, timeoutMs = DEFAULT_TIMEOUT_MS) {
    this.#descriptor = descriptor
    this.timeoutMs = timeoutMs
  }

  readonly isFull = false

  transaction(transaction: Transaction): boolean {
    const whole = this.#record.write(transaction)
    this.#out.byte(NEWLINE)
    if (this.#out.at > FULL_BYTES) this.#write()
    return whole
  }

  async flush(): Promise<void> {
    this.#write()
  }

  #write(): void {
    const { bytes, at } = this.#out
    this.#out.at = 0
    writeAll(this.#descriptor, bytes.subarray(0, at))
  }
}
