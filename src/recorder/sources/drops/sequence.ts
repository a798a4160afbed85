const MODULUS = 2 ** 32

/** Counts the messages missing between numbered ones; numbers start at 0 and wrap at 2^32. */
export class SequenceGaps {
  #expected = 0

  /** How many were lost before the message of this number. A number that goes back is a new start, not a gap. */
  before(sequence: number): number {
    const ahead = (sequence - this.#expected + MODULUS) % MODULUS
    this.#expected = (sequence + 1) % MODULUS
    return ahead < MODULUS / 2 ? ahead : 0
  }
}
