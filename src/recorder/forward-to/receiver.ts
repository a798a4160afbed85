import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { connect as connectTls } from 'node:tls'
import { MessageReader } from '../sources/forward/message-reader.ts'
import { mapText } from './answer.ts'
import type { Chunk } from './chunk.ts'
import { type ClientSecrets, type Helo, ping, pongProblem, readHelo } from './handshake.ts'
import type { ForwardTarget, TlsFiles } from './settings.ts'

const CONNECT_MS = 10_000
const HANDSHAKE_MS = 10_000
const ACK_MS = 60_000
const KEEPALIVE_MS = 30_000
/** An answer of a receiver is short: a larger one is none. */
const MAX_ANSWER_BYTES = 8 * 1024
/** What may be under way without an acknowledgement. */
const WINDOW = 8

interface Waiting {
  readonly rows: number
  readonly timer: NodeJS.Timeout
}

/** A connection to a receiver that has let us in. It fails once and for all: then connect again. */
export class Receiver {
  readonly #socket: Socket
  readonly #reader: MessageReader
  readonly #onRows: (rows: number) => void
  readonly #waiting = new Map<string, Waiting>()
  /** The handshake, if there is one, is done: all that comes now are acknowledgements. */
  #welcome = false
  #wake: (() => void)[] = []
  #failure: Error | undefined

  private constructor(socket: Socket, onRows: (rows: number) => void) {
    this.#socket = socket
    this.#onRows = onRows
    this.#reader = new MessageReader(() => MAX_ANSWER_BYTES)
    socket.on('data', (piece: Buffer) => this.#read(piece))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('it closed the connection')))
  }

  /** Connects and shows who we are; throws with what is wrong. `onRows` hears how many records were acknowledged. */
  static async connect(target: ForwardTarget, onRows: (rows: number) => void): Promise<Receiver> {
    const secrets = await readSecrets(target)
    const socket = await open(target)
    const receiver = new Receiver(socket, onRows)
    try {
      if (secrets) await receiver.#shakeHands(secrets)
      receiver.#welcome = true
      return receiver
    } catch (error) {
      receiver.close()
      throw error
    }
  }

  /** Sends a chunk, as soon as few enough are under way; throws when the connection has failed. */
  async send({ id, bytes, rows }: Chunk): Promise<void> {
    await this.#until(() => this.#waiting.size < WINDOW)
    const late = (): void => this.#fail(new Error(`no acknowledgement in ${ACK_MS / 1000} s`))
    this.#waiting.set(id, { rows, timer: setTimeout(late, ACK_MS) })
    this.#socket.write(bytes)
    await this.#until(() => !this.#socket.writableNeedDrain)
  }

  /** Resolves when all that was sent is acknowledged; throws when the connection has failed before. */
  settled(): Promise<void> {
    return this.#until(() => this.#waiting.size === 0)
  }

  /** Ends the connection: what waits for it fails. */
  close(): void {
    this.#fail(new Error('closed'))
  }

  async #until(ready: () => boolean): Promise<void> {
    for (;;) {
      if (this.#failure) throw this.#failure
      if (ready()) return
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve)
        this.#socket.once('drain', resolve)
      })
    }
  }

  async #shakeHands(secrets: ClientSecrets): Promise<void> {
    const name = hostname()
    const salt = randomBytes(16).toString('hex')
    const timer = setTimeout(
      () =>
        this.#fail(
          new Error('it does not begin with a handshake. Fix: remove shared_key_file, or give it a key'),
        ),
      HANDSHAKE_MS,
    )
    try {
      const helo: Helo | undefined = readHelo(await this.#message())
      if (!helo) throw new Error('it does not speak the Forward protocol')
      if (helo.auth.length > 0 && secrets.username === undefined)
        throw new Error('it asks for a user. Fix: add username and password_file')
      this.#socket.write(ping(helo, name, salt, secrets))
      const problem = pongProblem(await this.#message(), helo, name, salt, secrets.sharedKey)
      if (problem !== undefined) throw new Error(problem)
    } finally {
      clearTimeout(timer)
    }
  }

  /** The next message, in the handshake. */
  async #message(): Promise<Buffer> {
    let message: Buffer | undefined
    await this.#until(() => {
      message ??= this.#reader.next()
      return message !== undefined
    })
    return message ?? Buffer.alloc(0)
  }

  #read(piece: Buffer): void {
    this.#reader.push(piece)
    if (this.#welcome)
      for (let next = this.#reader.next(); next; next = this.#reader.next()) this.#acknowledged(next)
    if (this.#reader.broken !== undefined) this.#fail(new Error('it does not speak the Forward protocol'))
    this.#wakeAll()
  }

  /** {ack: id} (specification v1.5, "Response"). */
  #acknowledged(message: Buffer): void {
    const id = mapText(message, 'ack')?.toString('latin1') ?? ''
    const waiting = this.#waiting.get(id)
    if (!waiting) {
      const helo = readHelo(message) !== undefined
      this.#fail(
        new Error(
          helo ? 'it asks for a shared key. Fix: add shared_key_file' : 'it acknowledges something else',
        ),
      )
      return
    }
    clearTimeout(waiting.timer)
    this.#waiting.delete(id)
    this.#onRows(waiting.rows)
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { timer } of this.#waiting.values()) clearTimeout(timer)
    this.#socket.destroy()
    this.#wakeAll()
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}

async function readSecrets(target: ForwardTarget): Promise<ClientSecrets | undefined> {
  const { sharedKeyFile, username, passwordFile } = target
  if (sharedKeyFile === undefined) return undefined
  return {
    sharedKey: await readLine(sharedKeyFile),
    ...(username !== undefined && { username }),
    ...(passwordFile !== undefined && { password: await readLine(passwordFile) }),
  }
}

/** Throws with the file's name, and never with what is in it. */
async function readLine(path: string): Promise<string> {
  const text = (await readFile(path, 'utf8')).trim()
  if (text === '') throw new Error(`${path} is empty`)
  return text
}

async function open({ host, port, tls }: ForwardTarget): Promise<Socket> {
  const options = tls && (await tlsOptions(tls, host))
  return new Promise((resolve, reject) => {
    const socket = options ? connectTls({ host, port, ...options }) : connectTcp({ host, port })
    const timer = setTimeout(
      () => socket.destroy(new Error(`no connection within ${CONNECT_MS / 1000} s`)),
      CONNECT_MS,
    )
    const failed = (error: NodeJS.ErrnoException): void => {
      clearTimeout(timer)
      reject(error)
    }
    socket.once('error', failed)
    socket.once(options ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer)
      socket.off('error', failed)
      socket.setKeepAlive(true, KEEPALIVE_MS)
      socket.setNoDelay(true)
      resolve(socket)
    })
  })
}

async function tlsOptions(
  { caFile, certFile, keyFile, serverName }: TlsFiles,
  host: string,
): Promise<object> {
  const name = serverName ?? (isIP(host) === 0 ? host : undefined)
  return {
    ...(caFile !== undefined && { ca: await readFile(caFile) }),
    ...(certFile !== undefined && { cert: await readFile(certFile) }),
    ...(keyFile !== undefined && { key: await readFile(keyFile) }),
    // Node.js wants a name here even where SNI (RFC 6066 section 3) allows none, for an address.
    ...(name !== undefined && { servername: name }),
  }
}
