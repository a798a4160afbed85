import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { type Counts, zeroCounts } from '../../counters.ts'
import { describe, log } from '../../log.ts'
import type { Wal } from '../../wal/wal.ts'
import type { Writer } from '../../wal/writer.ts'
import type { Source } from '../source.ts'
import { UdpReader, type UdpTaker } from '../udp-reader.ts'
import type { UdpSocket } from '../udp-socket.ts'
import { decodeSyslog } from './decode.ts'
import { FrameReader } from './framing.ts'

const MAX_CONNECTIONS = 64
/** When the recorder stops it reads on until senders are quiet for a moment, and no longer than this. */
const DRAIN_MS = 500
const QUIET_MS = 50

/**
 * Syslog over TCP and UDP on one port. A TCP sender is read no faster than the disk takes its messages: rsyslog then
 * queues on its side. UDP waits in the kernel's buffer, and what finds that full is counted as dropped.
 */
export class SyslogSource implements Source, UdpTaker {
  readonly name = 'syslog'
  readonly counts: Counts = zeroCounts()
  readonly #writer: Writer
  readonly #server: Server
  readonly #socket: UdpSocket
  readonly #udp: UdpReader
  readonly #connections = new Set<Socket>()
  readonly #abort = new AbortController()
  #kernelDrops = 0
  #lastData = Number.NEGATIVE_INFINITY
  #up = false
  #error: string | undefined

  private constructor(writer: Writer, counts: Counts, udp: UdpSocket) {
    this.#writer = writer
    this.counts = counts
    this.#socket = udp
    this.#server = createServer({ allowHalfOpen: true }, (socket) => void this.#serve(socket))
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#server.on('error', (error: Error) => {
      this.#error = describe(error)
      log('syslog', `syslog: ${this.#error}`)
    })
    this.#udp = new UdpReader(udp, this)
  }

  /** Reads from a bound UDP socket, and listens for TCP; throws when the address cannot be bound. */
  static async start(address: string, port: number, socket: UdpSocket, wal: Wal): Promise<SyslogSource> {
    const counts = zeroCounts()
    const writer = wal.writer({ kind: 'syslog', counts })
    const source = new SyslogSource(writer, counts, socket)
    source.#server.listen(port, address)
    await once(source.#server, 'listening')
    source.#up = true
    return source
  }

  state(): string {
    return this.#up ? this.#udp.state : (this.#error ?? 'stopped')
  }

  details(): Readonly<Record<string, number>> {
    this.#countKernelDrops()
    return {
      connections: this.#connections.size,
      kernelDrops: this.#kernelDrops,
      receiveBuffer: this.#socket.receiveBuffer,
    }
  }

  async stop(): Promise<void> {
    this.#up = false
    const drained = this.#udp.stop()
    const closed = once(this.#server, 'close')
    this.#server.close()
    // A sender that looks before it sends (Debian 13's rsyslog does) sees the end, keeps its next message and closes:
    // then all that it sent has been read.
    for (const socket of this.#connections) socket.end()
    const began = performance.now()
    const deadline = began + DRAIN_MS
    const quiet = (): boolean => performance.now() - Math.max(this.#lastData, began) > QUIET_MS
    while (this.#connections.size > 0 && !quiet() && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    this.#abort.abort()
    // The next write of one that does not look fails after a reset; after a mere FIN it would succeed.
    for (const socket of this.#connections) socket.resetAndDestroy()
    await closed
    await drained
    this.#countKernelDrops()
    this.#socket.close()
  }

  get full(): boolean {
    return this.#writer.full
  }

  room(signal: AbortSignal): Promise<void> {
    return this.#writer.room(signal)
  }

  take(datagram: Buffer): void {
    this.#take(datagram, false)
  }

  async #serve(socket: Socket): Promise<void> {
    const { signal } = this.#abort
    this.#connections.add(socket)
    const reader = new FrameReader()
    try {
      for await (const chunk of socket) {
        this.#lastData = performance.now()
        for (const { message, truncated } of reader.push(chunk as Buffer)) {
          while (this.#writer.full && !signal.aborted) await this.#writer.room(signal)
          this.#take(message, truncated)
        }
        if (reader.broken) break
      }
    } catch {
      // The peer went away: what it had sent whole is stored, the rest is counted below.
    }
    const { frame, torn } = reader.end()
    if (frame) this.#take(frame.message, frame.truncated)
    if (torn) {
      this.counts.received += 1
      this.counts.malformed += 1
    }
    socket.destroy()
    this.#connections.delete(socket)
  }

  #take(message: Buffer, truncated: boolean): void {
    this.counts.received += 1
    const decoded = decodeSyslog(message, Date.now(), truncated)
    if (!decoded) this.counts.malformed += 1
    else if (!this.#writer.offer(decoded.epochMs, decoded.record)) this.counts.dropped += 1
  }

  #countKernelDrops(): void {
    const more = (this.#socket.drops - this.#kernelDrops) >>> 0
    this.#kernelDrops += more
    this.counts.received += more
    this.counts.dropped += more
  }
}
