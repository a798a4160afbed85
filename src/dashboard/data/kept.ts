import { unlessLate } from './host.ts'

/** An answer that costs something, and may be a little old: who asks for it waits as long as they like, and no longer. */
export class Kept<T> {
  readonly #make: () => Promise<T>
  readonly #keepMs: number
  #last: T | undefined
  #madeMs = Number.NEGATIVE_INFINITY
  #making: Promise<T> | undefined

  constructor(keepMs: number, make: () => Promise<T>) {
    this.#keepMs = keepMs
    this.#make = make
  }

  /** A new answer when it is time and there is one in so many milliseconds; else the last, which may be none. */
  async soon(patienceMs: number): Promise<T | undefined> {
    if (performance.now() - this.#madeMs < this.#keepMs) return this.#last
    this.#making ??= this.#refresh()
    return (await unlessLate(this.#making, patienceMs)) ?? this.#last
  }

  async #refresh(): Promise<T> {
    try {
      this.#last = await this.#make()
      this.#madeMs = performance.now()
      return this.#last
    } finally {
      this.#making = undefined
    }
  }
}
