import { setImmediate as immediate } from 'node:timers/promises'
import { describe } from '../log.ts'
import type { UdpSocket } from './udp-socket.ts'

/** Poll ends by itself so that `stop` is seen. */
const POLL_MS = 500
/** Datagrams in a row, and their time, before other work gets its turn. */
const TURN = 128
const TURN_MS = 8
/** When the recorder stops it takes what the kernel holds, as far as there is room for it in this time. */
const DRAIN_MS = 1000

export interface UdpTaker {
  take(datagram: Buffer, socket: UdpSocket): void
  /** Whether what comes now would find no room. */
  readonly full: boolean
  /** Resolves when there may be room again, or on abort. */
  room(signal: AbortSignal): Promise<void>
}

/**
 * Gives a socket's datagrams to their taker, no faster than that has room: a burst waits in the kernel's buffer, and only
 * what finds that full is lost, and counted by the kernel.
 */
export class UdpReader {
  readonly #socket: UdpSocket
  readonly #taker: UdpTaker
  readonly #loop: Promise<void>
  readonly #abort = new AbortController()
  #stopped = false
  /** "up", or why nothing is read any more. */
  state = 'up'

  constructor(socket: UdpSocket, taker: UdpTaker) {
    this.#socket = socket
    this.#taker = taker
    this.#loop = this.#run()
  }

  /** Reads what the kernel still holds, then ends; the socket is left open. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.#abort.abort(), DRAIN_MS)
    this.#stopped = true
    await this.#loop
    clearTimeout(timer)
    // For what is left there was no room: its taker counts it. A sender that never pauses must not hold up the end.
    const until = performance.now() + DRAIN_MS
    while (performance.now() < until && this.#readOne());
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort
    try {
      for (;;) {
        while (this.#taker.full && !signal.aborted) await this.#taker.room(signal)
        if (signal.aborted) break
        if (this.#turn()) await immediate()
        else if (this.#stopped) break
        else await this.#socket.wait(POLL_MS)
      }
      this.state = 'stopped'
    } catch (error) {
      this.state = describe(error)
    }
  }

  /** Reads some, while there is room; true when there may be more. */
  #turn(): boolean {
    const until = performance.now() + TURN_MS
    for (let i = 0; i < TURN && !this.#taker.full && performance.now() < until; i++) {
      if (!this.#readOne()) return false
    }
    return true
  }

  #readOne(): boolean {
    const datagram = this.#socket.receive()
    if (datagram) this.#taker.take(datagram, this.#socket)
    return datagram !== undefined
  }
}
