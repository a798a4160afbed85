/** Who holds bytes of unfinished messages. */
export interface Holder {
  /** Ends it: others wait for its memory and its message does not come. */
  giveUp(): void
}

/** How long a message may take while others wait for it to end. */
const PATIENCE_MS = 30_000

/**
 * Bounds what unfinished messages of all connections hold together: beyond the budget only one connection at a time reads
 * on, the others wait. So it is at most the budget, what each reads at once, and one whole message.
 */
export class MemoryGate {
  readonly #budget: number
  readonly #held = new Map<Holder, number>()
  readonly #waiting = new Map<Holder, () => void>()
  #total = 0
  #first: Holder | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(budget: number) {
    this.#budget = budget
  }

  /** Notes what a holder holds now; resolves when it may read on. */
  hold(holder: Holder, bytes: number): Promise<void> | undefined {
    const before = this.#held.get(holder) ?? 0
    if (bytes === before) return undefined
    this.#total += bytes - before
    if (bytes > 0) this.#held.set(holder, bytes)
    else this.#held.delete(holder)
    // A message is whole: the next one's turn.
    if (this.#first === holder && bytes < before) this.#first = undefined
    this.#admit()
    if (bytes === 0 || this.#total <= this.#budget || this.#first === holder) return undefined
    if (!this.#first) {
      this.#setFirst(holder)
      return undefined
    }
    return new Promise((resolve) => {
      this.#waiting.set(holder, resolve)
      this.#timer ??= setTimeout(() => this.#first?.giveUp(), PATIENCE_MS).unref()
    })
  }

  /** The holder is gone. */
  release(holder: Holder): void {
    this.#waiting.get(holder)?.()
    this.#waiting.delete(holder)
    void this.hold(holder, 0)
    if (this.#first === holder) this.#setFirst(undefined)
    this.#admit()
  }

  #admit(): void {
    while (this.#waiting.size > 0 && (this.#total <= this.#budget || !this.#first)) {
      const [next] = this.#waiting
      if (!next) return
      const [holder, resolve] = next
      this.#waiting.delete(holder)
      if (this.#total > this.#budget) this.#setFirst(holder)
      resolve()
    }
  }

  #setFirst(holder: Holder | undefined): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#first = holder
  }
}
