import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Counts } from '../../counters.ts'
import { log } from '../../log.ts'
import type { ForwardChunk } from '../../wal/frame.ts'
import { drained } from '../drained.ts'
import type { ChunkStore } from './chunk-store.ts'
import { encode } from './encode.ts'
import { freeMemory } from './free-memory.ts'
import { answerPing, type Challenge, type Credentials, helo } from './handshake.ts'
import type { Holder, MemoryGate } from './memory-gate.ts'
import { type Message, parseMessage } from './message.ts'
import { MessageReader } from './message-reader.ts'

/** A larger message is refused: it would not fit in the recorder's memory beside others. */
export const MAX_MESSAGE_BYTES = 32 * 1024 * 1024
/** Before a client has proved who it is. */
const MAX_HANDSHAKE_BYTES = 8 * 1024
const HANDSHAKE_MS = 10_000
/** Single events that came together are stored as one chunk, up to this. */
const MAX_BATCH_BYTES = 256 * 1024

export interface Shared {
  readonly store: ChunkStore
  readonly gate: MemoryGate
  readonly counts: Counts
  readonly credentials: Credentials | undefined
  /** Aborted when the source stops. */
  readonly signal: AbortSignal
  /** Called with each piece that comes. */
  readonly onData: () => void
}

interface Batch {
  readonly tag: string
  readonly pieces: Buffer[]
  bytes: number
}

/** What begins an entry: an array of two. */
const ENTRY = Buffer.from([0x92])

/** One client: its messages are stored in their order, and it is read no faster than the disk takes them. */
export class Connection implements Holder {
  readonly #socket: Socket
  readonly #shared: Shared
  readonly #senderAddress: string
  readonly #reader: MessageReader
  #challenge: Challenge | undefined
  #batch: Batch | undefined
  /** The client asks for acknowledgements: it sends again what it got none for. */
  #acknowledges = false
  /** Settled when what was taken last is stored, or never will be. */
  #stored: Promise<unknown> = Promise.resolve()

  constructor(socket: Socket, shared: Shared) {
    // What goes wrong ends the loop in serve(), or concerns an acknowledgement that nobody waits for any more.
    socket.on('error', () => undefined)
    this.#socket = socket
    this.#shared = shared
    this.#senderAddress = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    this.#reader = new MessageReader(() => (this.#challenge ? MAX_HANDSHAKE_BYTES : MAX_MESSAGE_BYTES))
  }

  /** Serves the client until it goes, or has to; never rejects. */
  async serve(): Promise<void> {
    const { gate } = this.#shared
    const timer = setTimeout(() => this.#challenge && this.giveUp(), HANDSHAKE_MS).unref()
    try {
      this.#greet()
      for await (const piece of this.#socket.iterator({ destroyOnReturn: false })) {
        if (!(await this.#read(piece as Buffer))) break
      }
    } catch {
      // The client went away; what it had sent whole is stored or on its way.
    }
    clearTimeout(timer)
    gate.release(this)
    if (this.#reader.heldBytes > 0 && !this.#acknowledges) this.#malformed('a message that was cut off')
    await this.#stored
    this.#socket.destroySoon()
  }

  giveUp(): void {
    this.#socket.destroy()
  }

  /** Ends it in such a way that a client which waits for nothing notices with its next write, and keeps that. */
  end(): void {
    if (this.#acknowledges) this.#socket.destroySoon()
    else this.#socket.resetAndDestroy()
  }

  #greet(): void {
    const { credentials } = this.#shared
    if (!credentials) return
    this.#challenge = { nonce: randomBytes(16).toString('hex'), salt: randomBytes(16).toString('hex') }
    this.#socket.write(helo(this.#challenge, credentials))
  }

  /** Takes what came; false when nothing more is to be read from this client. */
  async #read(piece: Buffer): Promise<boolean> {
    this.#shared.onData()
    this.#reader.push(piece)
    let follows = true
    for (let message = this.#reader.next(); message && follows; message = this.#reader.next())
      follows = await this.#take(message)
    await this.#flush()
    if (this.#reader.broken !== undefined) this.#malformed(this.#reader.broken)
    if (!follows || this.#reader.broken !== undefined) return false
    await this.#shared.gate.hold(this, this.#reader.heldBytes)
    // A client that does not read its acknowledgements is not read either.
    if (this.#socket.writableNeedDrain) await drained(this.#socket)
    return true
  }

  async #take(bytes: Buffer): Promise<boolean> {
    if (this.#challenge) return this.#authenticate(bytes, this.#challenge)
    const message = parseMessage(bytes)
    if (message === 'heartbeat') return true
    if ('problem' in message) {
      this.#malformed(message.problem)
      // Another protocol would go on like that, byte for byte.
      return message.problem !== 'no array'
    }
    if (message.mode === 'message') await this.#gather(message, message.entries)
    else {
      await this.#flush()
      const memory = this.#reader.ownsMemory ? bytes.buffer : undefined
      await this.#store(message, message.mode, message.entries, memory)
    }
    return true
  }

  #authenticate(bytes: Buffer, challenge: Challenge): boolean {
    const { credentials } = this.#shared
    const answer = credentials && answerPing(bytes, challenge, credentials)
    if (answer) this.#socket.write(answer.pong)
    if (answer && answer.refused === undefined) {
      this.#challenge = undefined
      return true
    }
    const why = answer?.refused ?? 'no PING'
    log(`forward refused ${this.#senderAddress}`, `forward: refused ${this.#senderAddress}: ${why}`)
    return false
  }

  /** Single events become a chunk together, but one that has to be acknowledged is a chunk of its own. */
  async #gather(message: Message, entry: Buffer): Promise<void> {
    const batch = this.#batch
    if (batch && (batch.tag !== message.tag || message.chunk !== undefined || batch.bytes > MAX_BATCH_BYTES))
      await this.#flush()
    if (message.chunk !== undefined) return this.#store(message, 'packed', Buffer.concat([ENTRY, entry]))
    this.#batch ??= { tag: message.tag, pieces: [], bytes: 0 }
    this.#batch.pieces.push(ENTRY, entry)
    this.#batch.bytes += entry.length
  }

  async #flush(): Promise<void> {
    const batch = this.#batch
    if (!batch) return
    this.#batch = undefined
    const count = batch.pieces.length / 2
    await this.#store({ tag: batch.tag, count }, 'packed', Buffer.concat(batch.pieces))
  }

  /** `memory` is the entries' alone: it is given back when they are on the disk. */
  async #store(
    { tag, chunk, count }: Pick<Message, 'tag' | 'chunk' | 'count'>,
    mode: ForwardChunk['mode'],
    entries: Buffer,
    memory?: ArrayBufferLike,
  ): Promise<void> {
    const { store, signal } = this.#shared
    if (chunk !== undefined) this.#acknowledges = true
    // Others wait for the same room.
    while (store.full) {
      if (signal.aborted) throw new Error('stopped while the disk refuses')
      await store.room(signal)
    }
    const forward = {
      tag,
      mode,
      ...(chunk !== undefined && { chunk }),
      senderAddress: this.#senderAddress,
    }
    const stored = store.store(forward, entries, count)
    this.#stored = stored
    if (memory) void stored.then(() => freeMemory(memory))
    if (chunk === undefined) return
    void stored.then((ok) => {
      if (ok && this.#socket.writable) this.#socket.write(encode({ ack: chunk }))
    })
  }

  #malformed(problem: string): void {
    this.#shared.counts.received += 1
    this.#shared.counts.malformed += 1
    log('forward malformed', `forward: from ${this.#senderAddress}: ${problem}`)
  }
}
