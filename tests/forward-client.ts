import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { decodeMultiStream } from '@msgpack/msgpack'

/** A sender of Forward messages that says exactly what a test wants it to say. */
export class ForwardClient {
  readonly socket: Socket
  readonly #answers: unknown[] = []
  readonly #waiting: ((answer: unknown) => void)[] = []
  /** The server ended the connection, one way or the other. */
  readonly closed: Promise<void>

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    void this.#listen()
  }

  static async connect(host: string, port = 24224): Promise<ForwardClient> {
    const socket = connect({ host, port })
    await once(socket, 'connect')
    return new ForwardClient(socket)
  }

  send(...messages: readonly Buffer[]): void {
    for (const message of messages) this.socket.write(message)
  }

  /** What the server says next, decoded; undefined when it says nothing more. */
  answer(): Promise<unknown> {
    if (this.#answers.length > 0) return Promise.resolve(this.#answers.shift())
    if (this.socket.destroyed) return Promise.resolve(undefined)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async #listen(): Promise<void> {
    try {
      for await (const answer of decodeMultiStream(this.socket)) {
        const waiting = this.#waiting.shift()
        if (waiting) waiting(answer)
        else this.#answers.push(answer)
      }
    } catch {
      // Reset by the server.
    }
    this.socket.destroy()
    for (const resolve of this.#waiting.splice(0)) resolve(undefined)
  }
}

/** An address of the loopback that nobody else listens on. */
export function ownAddress(): string {
  const byte = (): number => 1 + Math.floor(Math.random() * 250)
  return `127.${byte()}.${byte()}.${byte()}`
}
