import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { type Counts, zeroCounts } from '../../counters.ts'
import { describe, log } from '../../log.ts'
import type { Wal } from '../../wal/wal.ts'
import type { Writer } from '../../wal/writer.ts'
import type { Source } from '../source.ts'
import { decodeSyslog } from './decode.ts'
import { FrameReader } from './framing.ts'
import { udpDrops } from './udp-drops.ts'

const MAX_CONNECTIONS = 64
const UDP_BUFFER_BYTES = 1024 * 1024
/** When the recorder stops it reads on until senders are quiet for a moment, and no longer than this. */
const DRAIN_MS = 500
const QUIET_MS = 50

/**
 * Syslog over TCP and UDP on one port. A TCP sender is read no faster than the disk takes its messages: rsyslog then
 * queues on its side. UDP cannot wait: what finds no room, here or in the kernel, is counted as dropped.
 */
export class SyslogSource implements Source {
  readonly name = 'syslog'
  readonly counts: Counts = zeroCounts()
  readonly #writer: Writer
  readonly #server: Server
  readonly #udp: UdpSocket
  readonly #connections = new Set<Socket>()
  readonly #abort = new AbortController()
  readonly #port: number
  #kernelDrops = 0
  #lastData = Number.NEGATIVE_INFINITY
  #up = false
  #error: string | undefined

  private constructor(writer: Writer, counts: Counts, port: number) {
    this.#writer = writer
    this.counts = counts
    this.#port = port
    this.#server = createServer((socket) => void this.#serve(socket))
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#udp = createSocket({ type: 'udp4' })
    this.#udp.on('message', (message) => this.#datagram(message))
    for (const emitter of [this.#server, this.#udp]) {
      emitter.on('error', (error: Error) => {
        this.#error = describe(error)
        log('syslog', `syslog: ${this.#error}`)
      })
    }
  }

  /** Listens on both protocols; throws when the address cannot be bound. */
  static async start(address: string, port: number, wal: Wal): Promise<SyslogSource> {
    const counts = zeroCounts()
    const writer = wal.writer({ kind: 'syslog', counts })
    const source = new SyslogSource(writer, counts, port)
    await source.#bind(address, port)
    return source
  }

  state(): string {
    return this.#up ? 'up' : (this.#error ?? 'stopped')
  }

  details(): Readonly<Record<string, number>> {
    this.#countKernelDrops()
    return { connections: this.#connections.size, kernelDrops: this.#kernelDrops }
  }

  async stop(): Promise<void> {
    this.#up = false
    this.#countKernelDrops()
    this.#udp.close()
    const closed = once(this.#server, 'close')
    this.#server.close()
    const deadline = performance.now() + DRAIN_MS
    const quiet = (): boolean => performance.now() - this.#lastData > QUIET_MS
    while (this.#connections.size > 0 && !quiet() && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    this.#abort.abort()
    // After a reset the sender's next write fails, and rsyslog keeps the message; after a mere FIN it would succeed.
    for (const socket of this.#connections) socket.resetAndDestroy()
    await closed
  }

  async #bind(address: string, port: number): Promise<void> {
    this.#server.listen(port, address)
    await once(this.#server, 'listening')
    this.#udp.bind(port, address)
    await once(this.#udp, 'listening')
    // The kernel gives what net.core.rmem_max allows.
    this.#udp.setRecvBufferSize(UDP_BUFFER_BYTES)
    this.#up = true
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

  #datagram(message: Buffer): void {
    this.#take(message, false)
  }

  #take(message: Buffer, truncated: boolean): void {
    this.counts.received += 1
    const decoded = decodeSyslog(message, Date.now(), truncated)
    if (!decoded) this.counts.malformed += 1
    else if (!this.#writer.offer(decoded.epochMs, decoded.record)) this.counts.dropped += 1
  }

  #countKernelDrops(): void {
    const drops = udpDrops(this.#port)
    if (drops === undefined || drops <= this.#kernelDrops) return
    const more = drops - this.#kernelDrops
    this.#kernelDrops = drops
    this.counts.received += more
    this.counts.dropped += more
  }
}
