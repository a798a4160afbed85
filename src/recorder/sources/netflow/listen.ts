import { type Counts, zeroCounts } from '../../counters.ts'
import { describe, log } from '../../log.ts'
import type { Wal } from '../../wal/wal.ts'
import type { Writer } from '../../wal/writer.ts'
import type { Source } from '../source.ts'
import { UdpReader, type UdpTaker } from '../udp-reader.ts'
import type { UdpSocket } from '../udp-socket.ts'
import { type Decoded, decodeNetflow } from './decode.ts'
import { Exporters } from './exporters.ts'
import type { DatedRecord, Header } from './record.ts'

const EXPIRE_MS = 60_000

/**
 * NetFlow v5, v9 and IPFIX over UDP. Counted are flow records. What is missing by the exporters' numbers is dropped,
 * whether the network or this kernel lost it: in v5 and IPFIX records, in v9, which numbers datagrams, one for each.
 */
export class NetflowSource implements Source, UdpTaker {
  readonly name = 'netflow'
  readonly counts: Counts
  readonly #socket: UdpSocket
  readonly #writer: Writer
  readonly #reader: UdpReader
  readonly #exporters = new Exporters<Header>()
  readonly #timer: NodeJS.Timeout
  /** Of the last datagram, what the writer had no room for. */
  #waiting: DatedRecord[] = []
  readonly #details = { datagrams: 0, missing: 0, unreadable: 0, options: 0, withdrawals: 0 }

  private constructor(socket: UdpSocket, writer: Writer, counts: Counts) {
    this.#socket = socket
    this.#writer = writer
    this.counts = counts
    this.#reader = new UdpReader(socket, this)
    this.#timer = setInterval(() => this.#exporters.expire(Date.now()), EXPIRE_MS)
  }

  /** Reads from a bound socket. */
  static start(socket: UdpSocket, wal: Wal): NetflowSource {
    const counts = zeroCounts()
    return new NetflowSource(socket, wal.writer({ kind: 'netflow', counts }), counts)
  }

  state(): string {
    return this.#reader.state
  }

  details(): Readonly<Record<string, number>> {
    return {
      ...this.#details,
      ...this.#exporters.sizes(),
      kernelDrops: this.#socket.drops,
      receiveBuffer: this.#socket.receiveBuffer,
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#reader.stop()
    this.#offerWaiting()
    this.counts.dropped += this.#waiting.length
    this.#waiting = []
    // Their templates come too late.
    const { held } = this.#exporters.sizes()
    this.#details.unreadable += held
    this.counts.received += held
    this.counts.dropped += held
    const { kernelDrops = 0, missing = 0 } = this.details()
    if (kernelDrops > 0)
      log('netflow', `netflow: ${kernelDrops} datagrams found no room, ${missing} are missing`)
    this.#socket.close()
  }

  get full(): boolean {
    return this.#waiting.length > 0 || this.#writer.full
  }

  async room(signal: AbortSignal): Promise<void> {
    if (this.#writer.full) await this.#writer.room(signal)
    this.#offerWaiting()
  }

  take(datagram: Buffer, socket: UdpSocket): void {
    const { records, malformed, unreadable, missing, options, withdrawals } = this.#decode(datagram, socket)
    this.counts.received += records.length + malformed + unreadable + missing
    this.counts.malformed += malformed
    this.counts.dropped += unreadable + missing
    const details = this.#details
    details.datagrams += 1
    details.missing += missing
    details.unreadable += unreadable
    details.options += options
    details.withdrawals += withdrawals
    this.#waiting = this.#waiting.concat(records)
    this.#offerWaiting()
  }

  #decode(datagram: Buffer, socket: UdpSocket): Decoded {
    try {
      return decodeNetflow(datagram, socket.sender(), this.#exporters, Date.now())
    } catch (error) {
      // A mistake of ours, that one datagram must not turn into silence.
      log('netflow decode', `netflow: cannot decode a datagram: ${describe(error)}`)
      return { records: [], malformed: 1, unreadable: 0, missing: 0, options: 0, withdrawals: 0 }
    }
  }

  #offerWaiting(): void {
    const taken = this.#waiting.findIndex(({ epochMs, record }) => !this.#writer.offer(epochMs, record))
    this.#waiting = taken < 0 ? [] : this.#waiting.slice(taken)
  }
}
