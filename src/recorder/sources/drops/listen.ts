import { type Counts, zeroCounts } from '../../counters.ts'
import { describe, log } from '../../log.ts'
import { InterfaceNames } from '../../netlink/interface-names.ts'
import type { NetlinkMessage } from '../../netlink/message.ts'
import type { NetlinkSocket } from '../../netlink/socket.ts'
import type { Wal } from '../../wal/wal.ts'
import type { Writer } from '../../wal/writer.ts'
import type { Source } from '../source.ts'
import { decodeDrop } from './decode.ts'
import { SequenceGaps } from './sequence.ts'

const POLL_MS = 500
/** Datagrams in a row before other work gets its turn. */
const TURN = 64

/**
 * The firewall's dropped packets, from an NFLOG group. The kernel does not wait: what it could not deliver shows as a gap
 * in its numbers and is counted as dropped, so that logged = stored + dropped.
 */
export class DropsSource implements Source {
  readonly name = 'drops'
  readonly counts: Counts
  readonly #socket: NetlinkSocket
  readonly #writer: Writer
  readonly #names = new InterfaceNames()
  readonly #gaps = new SequenceGaps()
  readonly #loop: Promise<void>
  #overruns = 0
  #stopped = false
  #state = 'up'

  private constructor(socket: NetlinkSocket, writer: Writer, counts: Counts) {
    this.#socket = socket
    this.#writer = writer
    this.counts = counts
    this.#loop = this.#run()
  }

  /** Reads from a socket that `openNflog` made. */
  static async start(socket: NetlinkSocket, wal: Wal): Promise<DropsSource> {
    const counts = zeroCounts()
    return new DropsSource(socket, wal.writer({ kind: 'drops', counts }), counts)
  }

  state(): string {
    return this.#state
  }

  details(): Readonly<Record<string, number>> {
    return { overruns: this.#overruns }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#loop
    this.#socket.close()
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopped) {
        if (await this.#socket.wait(POLL_MS)) this.#readTurn()
      }
      this.#state = 'stopped'
    } catch (error) {
      this.#state = describe(error)
      log('drops', `drops: ${this.#state}`)
    }
  }

  #readTurn(): void {
    for (let i = 0; i < TURN; i++) {
      const received = this.#socket.receive()
      if (received.kind === 'empty') return
      if (received.kind === 'overrun') {
        // How many is told by the next message's number.
        this.#overruns += 1
        continue
      }
      if (received.rest > 0) this.#malformed()
      for (const message of received.messages) this.#take(message)
    }
  }

  #take(message: NetlinkMessage): void {
    const drop = decodeDrop(message, Date.now(), (index) => this.#names.nameOf(index))
    if (!drop) {
      // NLMSG_DONE closes a batch, below 16 are netlink's own messages.
      if (message.type >= 16) this.#malformed()
      return
    }
    const lost = drop.sequence === undefined ? 0 : this.#gaps.before(drop.sequence)
    this.counts.received += 1 + lost
    this.counts.dropped += lost
    if (!this.#writer.offer(drop.epochMs, drop.record)) this.counts.dropped += 1
  }

  #malformed(): void {
    this.counts.received += 1
    this.counts.malformed += 1
  }
}
