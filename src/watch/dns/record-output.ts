import type { EventSink } from './event-sink.ts'
import { LineWriter } from './line-writer.ts'
import { DEFAULT_TIMEOUT_MS, type Transaction } from './pairs.ts'
import type { CaptureOutput } from './read-capture.ts'
import { RECORD_ROOM, RecordWriter } from './record-writer.ts'

const TAG = 'sekisho.dns'

/** Gives transactions to a sink as records of kind "dns". */
export class RecordOutput implements CaptureOutput {
  readonly timeoutMs: number
  readonly #sink: EventSink
  readonly #out = new LineWriter(RECORD_ROOM)
  readonly #record = new RecordWriter(this.#out)

  constructor(sink: EventSink, timeoutMs = DEFAULT_TIMEOUT_MS) {
    this.#sink = sink
    this.timeoutMs = timeoutMs
  }

  get isFull(): boolean {
    return this.#sink.isFull
  }

  flush(): Promise<void> {
    return this.#sink.flush()
  }

  transaction(transaction: Transaction): boolean {
    const { queries, slot, flow } = transaction
    this.#out.at = 0
    const whole = this.#record.write(transaction)
    const micros = slot < 0 ? flow.timeMicros : (queries.timeMicros[slot] ?? 0)
    this.#sink.take(TAG, micros, this.#out.text(0))
    return whole
  }
}
