import type { EventSink } from './event-sink.ts'
import { ForwardSender } from './forward-sender.ts'

/** A chunk that a receiver stores as one. */
const FULL_BYTES = 1024 * 1024

/** Sends events to a receiver of Fluentd's Forward protocol, a chunk a tag at a time, each acknowledged. */
export class ForwardSink implements EventSink {
  readonly #sender: ForwardSender
  readonly #entries = new Map<string, Uint8Array[]>()
  #bytes = 0

  constructor(host: string, port: number) {
    this.#sender = new ForwardSender(host, port)
  }

  get isFull(): boolean {
    return this.#bytes > FULL_BYTES
  }

  take(tag: string, timeMicros: number, json: string): void {
    const entry = this.#sender.entry(timeMicros, json)
    const entries = this.#entries.get(tag)
    if (entries) entries.push(entry)
    else this.#entries.set(tag, [entry])
    this.#bytes += entry.length
  }

  async flush(): Promise<void> {
    for (const [tag, entries] of this.#entries) {
      await this.#sender.send(tag, entries)
      this.#entries.delete(tag)
    }
    this.#bytes = 0
  }

  close(): void {
    this.#sender.close()
  }
}
