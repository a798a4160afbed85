/** Numbers that are the same each time from the same seed. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0 || 1
  }

  /** Uniform in [0, 1): xorshift32 (Marsaglia 2003). */
  next(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return (x >>> 0) / 2 ** 32
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  /** One of them, the first ones more often: as people have favourites (Zipf). */
  favourite<T>(items: readonly [T, ...T[]]): T {
    const total = items.reduce((sum, _, i) => sum + 1 / (i + 1), 0)
    let left = this.next() * total
    for (const [i, item] of items.entries()) {
      left -= 1 / (i + 1)
      if (left < 0) return item
    }
    return items[0]
  }
}
