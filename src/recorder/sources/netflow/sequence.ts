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
  #last: { readonly sequence: number; readonly units: number } | undefined
  /** Where a sender that began anew would go on. */
  #restarted: number | undefined
  #missing: Range[] = []
  /** The numbers include the datagram's own flows; undefined until it can be told. */
  #inclusive: boolean | undefined

  /**
   * Takes the next datagram's number and its units (undefined when they cannot be told), and returns the change of what
   * is missing: negative when something comes late. Numbers that go back are a repetition or, with the following
   * datagram, a new start: nothing is missing then. Where `flows` is given, a sender whose numbers include the
   * datagram's own flows is understood as well: softflowd's IPFIX does so, against RFC 7011 section 3.1.
   */
  next(sequence: number, units: number | undefined, flows?: number): number {
    const last = this.#last
    if (units === undefined || last === undefined) {
      this.#last = units === undefined ? undefined : { sequence, units }
      return 0
    }
    if (this.#inclusive === undefined && flows !== undefined) {
      const exclusive = wrap(last.sequence + last.units) === sequence
      const inclusive = wrap(last.sequence + flows) === sequence
      if (exclusive !== inclusive) this.#inclusive = inclusive
    }
    const own = this.#inclusive ? (flows ?? units) : units
    const start = this.#inclusive ? wrap(sequence - own) : sequence
    const expected = this.#inclusive ? last.sequence : wrap(last.sequence + last.units)
    const ahead = wrap(start - expected)
    const restarted = this.#restarted === start
    if (ahead > MAX_GAP) {
      const late = this.#late(start, own)
      if (late > 0) return 0 - late
      if (!restarted) {
        this.#restarted = wrap(start + own)
        return 0
      }
    }
    this.#last = { sequence, units }
    this.#restarted = undefined
    if (restarted) this.#missing = []
    if (restarted || ahead === 0) return 0
    this.#missing.push({ from: expected, count: ahead })
    if (this.#missing.length > MAX_RANGES) this.#missing.shift()
    return ahead
  }

  /** How many of a late datagram's units were missing; they are no longer. */
  #late(start: number, units: number): number {
    const at = this.#missing.findIndex(({ from, count }) => wrap(start - from) < count)
    const range = this.#missing[at]
    if (!range) return 0
    const before = wrap(start - range.from)
    const found = Math.min(units, range.count - before)
    const rest = [
      { from: range.from, count: before },
      { from: wrap(start + found), count: range.count - before - found },
    ]
    this.#missing.splice(at, 1, ...rest.filter(({ count }) => count > 0))
    return found
  }
}

/** Modulo 2^32. */
function wrap(number: number): number {
  return ((number % MODULUS) + MODULUS) % MODULUS
}
