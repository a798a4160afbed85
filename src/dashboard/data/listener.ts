import type { LiveEvent } from '../dashboard-data.ts'

/** What waits for one who reads slowly: the oldest goes. */
const MOST_WAITING = 500

/** The events of one who listens, until the end. */
export class Listener {
  #waiting: LiveEvent[] = []
  #wake: (() => void) | undefined
  #ended = false

  take(event: LiveEvent): void {
    if (this.#ended) return
    if (this.#waiting.length >= MOST_WAITING) this.#waiting.shift()
    this.#waiting.push(event)
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  async *events(): AsyncGenerator<LiveEvent, void, void> {
    while (!this.#ended) {
      const events = this.#waiting
      this.#waiting = []
      for (const event of events) {
        yield event
        if (this.#ended) return
      }
      if (this.#waiting.length > 0 || this.#ended) continue
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
  }
}
