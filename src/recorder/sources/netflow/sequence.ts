const MODULUS = 2 ** 32
/** A jump beyond this is a new start rather than a loss: more than a day of a busy exporter. */
const MAX_GAP = 2 ** 24
const MAX_RANGES = 32

interface Range {
  from: number
  count: number
}

/**
 * Counts what is missing between numbered datagrams. Each tells how many units (flows, packets or data records) came
 * before it, and holds some itself; numbers wrap at 2^32.
 */
export class Sequence {
  #expected: number | undefined
  /** Where a sender that began anew would go on. */
  #restarted: number | undefined
  #missing: Range[] = []

  /**
   * Takes the next datagram's number and its units (undefined when they cannot be told), and returns the change of what
   * is missing: negative when something comes late. Numbers that go back are a repetition or, with the following
   * datagram, a new start: nothing is missing then.
   */
  next(sequence: number, units: number | undefined): number {
    if (this.#expected === undefined) return this.#goOn(sequence, units, 0)
    const ahead = distance(this.#expected, sequence)
    if (ahead <= MAX_GAP) {
      if (ahead > 0) this.#missing.push({ from: this.#expected, count: ahead })
      if (this.#missing.length > MAX_RANGES) this.#missing.shift()
      return this.#goOn(sequence, units, ahead)
    }
    const late = this.#late(sequence, units ?? 0)
    if (late > 0) return -late
    if (this.#restarted === sequence) {
      this.#missing = []
      return this.#goOn(sequence, units, 0)
    }
    this.#restarted = units === undefined ? undefined : (sequence + units) % MODULUS
    return 0
  }

  #goOn(sequence: number, units: number | undefined, missing: number): number {
    this.#expected = units === undefined ? undefined : (sequence + units) % MODULUS
    this.#restarted = undefined
    return missing
  }

  #late(sequence: number, units: number): number {
    const at = this.#missing.findIndex(({ from, count }) => distance(from, sequence) < count)
    const range = this.#missing[at]
    if (!range) return 0
    const before = distance(range.from, sequence)
    const found = Math.min(units, range.count - before)
    const rest = { from: (sequence + found) % MODULUS, count: range.count - before - found }
    this.#missing.splice(
      at,
      1,
      ...[{ from: range.from, count: before }, rest].filter(({ count }) => count > 0),
    )
    return found
  }
}

function distance(from: number, to: number): number {
  return (to - from + MODULUS) % MODULUS
}
