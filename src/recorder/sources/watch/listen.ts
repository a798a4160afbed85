import { once } from 'node:events'
import { chmod, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { zeroCounts } from '../../counters.ts'
import { describe, log } from '../../log.ts'
import type { Wal } from '../../wal/wal.ts'
import { drained } from '../drained.ts'
import type { Source } from '../source.ts'
import { FrameReader, type WatchFrame } from './decode.ts'
import { Sessions } from './sessions.ts'

/** The source's name in the log's positions. */
const SOURCE = 'watch'
/** Root's: the watchers run as root without capabilities. */
const MODE = 0o660
const MAX_CONNECTIONS = 16
const ID_BYTES = 4

/**
 * The watchers' records (kinds dns, flows and events), from a UNIX socket: each frame is stored as it came, and answered
 * when it is on the disk. What is not answered the sender keeps and sends again.
 */
export class WatchSource implements Source {
  readonly name = SOURCE
  readonly counts = zeroCounts()
  readonly #path: string
  readonly #wal: Wal
  readonly #server: Server
  readonly #sessions: Sessions
  readonly #abort = new AbortController()
  readonly #connections = new Map<Socket, Promise<void>>()
  #duplicates = 0

  private constructor(path: string, wal: Wal) {
    this.#path = path
    this.#wal = wal
    this.#sessions = new Sessions(wal.position(SOURCE))
    this.#server = createServer((socket) => {
      const served = this.#serve(socket).finally(() => this.#connections.delete(socket))
      this.#connections.set(socket, served)
    })
    this.#server.maxConnections = MAX_CONNECTIONS
  }

  /** Listens at a path, in the place of a socket that an earlier run left; throws when it cannot. */
  static async start(path: string, wal: Wal): Promise<WatchSource> {
    const source = new WatchSource(path, wal)
    await rm(path, { force: true })
    source.#server.listen(path)
    await once(source.#server, 'listening')
    source.#server.on('error', (error) => log('watch', `watch: ${describe(error)}`))
    await chmod(path, MODE)
    return source
  }

  state(): string {
    return this.#abort.signal.aborted ? 'stopped' : 'up'
  }

  details(): Readonly<Record<string, number>> {
    return { connections: this.#connections.size, duplicates: this.#duplicates }
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    this.#server.close()
    await Promise.all(this.#connections.values())
    await rm(this.#path, { force: true })
  }

  /** Serves a sender until it goes, or says what cannot be understood; never rejects. */
  async #serve(socket: Socket): Promise<void> {
    const { signal } = this.#abort
    // What goes wrong ends the loop.
    socket.on('error', () => undefined)
    const end = (): void => {
      socket.destroySoon()
    }
    signal.addEventListener('abort', end, { once: true })
    const reader = new FrameReader()
    let stored: Promise<unknown> = Promise.resolve()
    try {
      for await (const piece of socket.iterator({ destroyOnReturn: false })) {
        reader.push(piece as Buffer)
        for (let frame = reader.next(); frame; frame = reader.next()) {
          while (this.#wal.full && !signal.aborted) await this.#wal.room(signal)
          if (signal.aborted) break
          stored = this.#take(frame, socket)
        }
        if (reader.broken !== undefined || signal.aborted) break
        // A sender that does not read its answers is not read either.
        if (socket.writableNeedDrain) await drained(socket)
      }
    } catch {
      // The sender went away; it sends again what was not answered.
    }
    signal.removeEventListener('abort', end)
    if (reader.broken !== undefined) {
      this.counts.received += 1
      this.counts.malformed += 1
      log('watch malformed', `watch: closed a stream with ${reader.broken}`)
    }
    await stored
    socket.destroySoon()
  }

  /** Stores a frame and answers; never rejects. */
  async #take({ session, id, kind, rows, times, body }: WatchFrame, socket: Socket): Promise<void> {
    let stored = this.#sessions.taken(session, id)
    if (stored) this.#duplicates += rows
    else {
      this.counts.received += rows
      stored = this.#sessions.take(session, id, async (position) => {
        await this.#wal.append({ encoding: 'ndjson', kind, rows, times, source: SOURCE, position }, body)
        this.counts.stored += rows
      })
    }
    try {
      await stored
    } catch {
      // Closed while the disk refuses: it stays unanswered, and the sender has it.
      return
    }
    if (!socket.writable) return
    const answer = Buffer.alloc(ID_BYTES)
    answer.writeUInt32LE(id)
    socket.write(answer)
  }
}
