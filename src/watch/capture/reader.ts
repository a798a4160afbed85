import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import { poll } from '../../recorder/netlink/libc.ts'
import { type PacketRing, RETIRE_MS, type TakePacket } from './ring.ts'

/** Poll ends by itself so that time passes, and `stop` is seen. */
const POLL_MS = 250
/** Blocks of a ring in a row before the others, and other work, get their turn. */
const TURN_BLOCKS = 2
/** How soon a device that comes, or is made anew, is seen. */
const FOLLOW_MS = 1000
/** When it stops it reads what was there, as far as that goes in this time. */
const DRAIN_MS = 1000
const POLL_ENTRY = 8
const POLLIN = 1
const POLLERR = 8

export interface PacketTaker {
  readonly take: TakePacket
  /** Called often: all packets before this time, in microseconds since 1970, have been given. */
  readonly passed: (micros: number) => void
}

/** Reads rings in turn, without a system call as long as there is something in one. */
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
        // What comes while the rings are looked at may not be read yet.
        const before = Date.now() * 1000
        const more = this.#turn(take)
        this.#taker.passed(more ? latest : before)
        if (more) await immediate()
        else await this.#wait()
      }
      // The kernel has the last packets in blocks that are not full.
      await sleep(2 * RETIRE_MS)
      const until = performance.now() + DRAIN_MS
      while (performance.now() < until && this.#turn(take));
      this.state = 'stopped'
    } catch (error) {
      this.state = error instanceof Error ? error.message : String(error)
      process.stderr.write(`capture: ${this.state}\n`)
    }
  }

  /** Reads some of each ring; true when there may be more. */
  #turn(take: TakePacket): boolean {
    let more = false
    for (const ring of this.#rings) more = ring.read(take, TURN_BLOCKS) || more
    return more
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
