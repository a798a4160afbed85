import { writeAll } from './write-all.ts'

/** What was read does not get to where it should. */
export class SinkProblem extends Error {
  override readonly name = 'SinkProblem'
}

/** Takes events, and holds some of them back until there are more. */
export interface EventSink {
  /** An event's tag, its time, and its JSON without a newline. */
  take(tag: string, timeMicros: number, json: string): void
  readonly isFull: boolean
  flush(): Promise<void>
}

const FULL_TEXT = 512 * 1024

/** Writes each event's JSON as a line to an open file. */
export class LineSink implements EventSink {
  readonly #descriptor: number
  #text = ''
  readonly isFull = false

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  take(_tag: string, _timeMicros: number, json: string): void {
    this.#text += `${json}\n`
    if (this.#text.length > FULL_TEXT) this.#write()
  }

  async flush(): Promise<void> {
    this.#write()
  }

  #write(): void {
    const text = this.#text
    this.#text = ''
    writeAll(this.#descriptor, Buffer.from(text))
  }
}
