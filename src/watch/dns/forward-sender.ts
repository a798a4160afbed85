import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeMultiStream, Encoder, ExtData } from '@msgpack/msgpack'
import { SinkProblem } from './event-sink.ts'

const TRIES = 5
/** As long as nothing was ever acknowledged, it is more likely the wrong place than one that starts again. */
const FIRST_TRIES = 2
const BACK_OFF_MS = 1000
const ACK_MS = 60_000
/** EventTime of the Forward protocol. */
const EVENT_TIME = 0

interface Connection {
  readonly socket: Socket
  readonly answers: AsyncIterator<unknown>
}

/**
 * Sends events with Fluentd's Forward protocol (v1, PackedForward) and waits until each chunk is acknowledged. A chunk
 * that is not is sent again over a new connection, under the same id, so that the receiver can tell.
 */
export class ForwardSender {
  readonly #host: string
  readonly #port: number
  readonly #encoder = new Encoder({ initialBufferSize: 65_536 })
  #connection: Connection | undefined
  #works = false

  constructor(host: string, port: number) {
    this.#host = host
    this.#port = port
  }

  /** An event as it stands in a chunk. */
  entry(timeMicros: number, json: string): Uint8Array {
    const time = Buffer.alloc(8)
    const second = Math.floor(timeMicros / 1_000_000)
    time.writeUInt32BE(second % 0x1_0000_0000, 0)
    time.writeUInt32BE(Math.floor(timeMicros - second * 1_000_000) * 1000, 4)
    return this.#encoder.encode([new ExtData(EVENT_TIME, time), JSON.parse(json)])
  }

  /** Returns when the receiver has acknowledged them; throws a SinkProblem when it does not in several tries. */
  async send(tag: string, entries: readonly Uint8Array[]): Promise<void> {
    const chunk = randomBytes(16).toString('base64')
    const message = this.#encoder.encode([tag, Buffer.concat(entries), { chunk, size: entries.length }])
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#deliver(message, chunk)
        this.#works = true
        return
      } catch (error) {
        this.#disconnect()
        if (attempt >= (this.#works ? TRIES : FIRST_TRIES)) throw this.#problem(error)
        await sleep(BACK_OFF_MS * attempt)
      }
    }
  }

  close(): void {
    this.#disconnect()
  }

  async #deliver(message: Uint8Array, chunk: string): Promise<void> {
    this.#connection ??= await this.#connect()
    const { socket, answers } = this.#connection
    socket.write(message)
    const late = AbortSignal.timeout(ACK_MS)
    late.addEventListener('abort', () => socket.destroy(new Error('no acknowledgement in a minute')))
    const { value, done } = await answers.next()
    if (done || !isAck(value, chunk)) throw new Error('it does not acknowledge')
  }

  async #connect(): Promise<Connection> {
    const socket = connect({ host: this.#host, port: this.#port })
    await once(socket, 'connect')
    // What goes wrong later ends the answers.
    socket.on('error', () => undefined)
    return { socket, answers: decodeMultiStream(socket)[Symbol.asyncIterator]() }
  }

  #disconnect(): void {
    this.#connection?.socket.destroy()
    this.#connection = undefined
  }

  #problem(error: unknown): SinkProblem {
    const why = error instanceof Error ? error.message : String(error)
    return new SinkProblem(
      `what was read does not reach ${this.#host}:${this.#port}: ${why}. Fix: see that a Forward receiver with acknowledgements listens there`,
    )
  }
}

function isAck(value: unknown, chunk: string): boolean {
  return typeof value === 'object' && value !== null && 'ack' in value && value.ack === chunk
}
