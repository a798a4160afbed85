import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import { poll } from '../../recorder/netlink/libc.ts'
import { HERE_MS, type PacketRing, type TakePacket } from './ring.ts'

/** Poll ends by itself so that time passes, and `stop` is seen. */
const POLL_MS = 250
/** Packets in a row before other work gets its turn. */
const TURN_PACKETS = 2048
/** How soon a device that comes, or is made anew, is seen. */
const FOLLOW_MS = 1000
/** When it stops it reads what was there, as far as that goes in this time. */
const DRAIN_MS = 1000
/** Until it is looked again whether what waits is no longer early. */
const EARLY_MS = 10
const POLL_ENTRY = 8
const POLLIN = 1
const POLLERR = 8

export interface PacketTaker {
  readonly take: TakePacket
  /** Called often: all packets before this time, in microseconds since 1970, have been given. */
  readonly passed: (micros: number) => void
}

/**
 * Reads rings, without a system call as long as there is something in one. Packets are given in the order in which they
 * came, whichever ring they are in: a response that goes through the router is at another device than its query was.
 */
export class PacketReader {
  readonly #rings: readonly PacketRing[]
  readonly #taker: PacketTaker
  readonly #poll: Buffer
  readonly #loop: Promise<void>
  #stopped = false
  #followed = Number.NEGATIVE_INFINITY
  /** "up", or why nothing is read any more. */
  state = 'up'

  constructor(rings: readonly PacketRing[], taker: PacketTaker) {
    this.#rings = rings
    this.#taker = taker
    this.#poll = Buffer.alloc(rings.length * POLL_ENTRY)
    rings.forEach(({ fd }, i) => {
      this.#poll.writeInt32LE(fd, i * POLL_ENTRY)
      this.#poll.writeInt16LE(POLLIN, i * POLL_ENTRY + 4)
    })
    this.#loop = this.#run()
  }

  /** Reads what came so far, then ends; the rings are left open. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#loop
  }

  async #run(): Promise<void> {
    try {
      let latest = 0
      const take: TakePacket = (bytes, micros, outgoing, device) => {
        if (micros > latest) latest = micros
        this.#taker.take(bytes, micros, outgoing, device)
      }
      while (!this.#stopped) {
        this.#follow()
        // What came shortly before is not here yet.
        const before = (Date.now() - HERE_MS) * 1000
        const turn = this.#turn(take, HERE_MS)
        this.#taker.passed(turn === 'empty' ? before : latest)
        if (turn === 'more') await immediate()
        else if (turn === 'early') await sleep(EARLY_MS)
        else await this.#wait()
      }
      await sleep(HERE_MS)
      const until = performance.now() + DRAIN_MS
      while (performance.now() < until && this.#turn(take, 0) === 'more');
      this.state = 'stopped'
    } catch (error) {
      this.state = error instanceof Error ? error.message : String(error)
      process.stderr.write(`capture: ${this.state}\n`)
    }
  }

  /**
   * Gives some packets. Where a ring has nothing, what others have waits until the first cannot have anything older any
   * more: "early".
   */
  #turn(take: TakePacket, hereMs: number): 'more' | 'early' | 'empty' {
    const now = performance.now()
    let silent = 0
    for (const ring of this.#rings) if (!ring.look(now) && ring.bound) silent += 1
    for (let left = TURN_PACKETS; left > 0; ) {
      const [first, until] = this.#oldest()
      if (!first) return left < TURN_PACKETS ? 'more' : 'empty'
      if (silent > 0 && first.seenAt + hereMs > now) return left < TURN_PACKETS ? 'more' : 'early'
      left -= first.give(take, until, left)
      // The others may go on only up to what it has next.
      if (first.nextMicros === Number.POSITIVE_INFINITY && !first.look(now)) silent += 1
    }
    return 'more'
  }

  /** The ring with the oldest packet, and when the oldest of the others came. */
  #oldest(): [PacketRing | undefined, number] {
    let first: PacketRing | undefined
    let firstMicros = Number.POSITIVE_INFINITY
    let until = Number.POSITIVE_INFINITY
    for (const ring of this.#rings) {
      const micros = ring.nextMicros
      if (micros < firstMicros) {
        until = firstMicros
        firstMicros = micros
        first = ring
      } else if (micros < until) until = micros
    }
    return [first, until]
  }

  async #wait(): Promise<void> {
    await poll(this.#poll, this.#rings.length, POLL_MS)
    // An error stays until it is looked at.
    this.#rings.forEach((ring, i) => {
      if (this.#poll.readInt16LE(i * POLL_ENTRY + 6) & POLLERR) ring.follow()
    })
  }

  #follow(): void {
    const now = performance.now()
    if (now - this.#followed < FOLLOW_MS) return
    this.#followed = now
    for (const ring of this.#rings) ring.follow()
  }
}
