import { createServer, type ListenOptions, type Server, type Socket } from 'node:net'
import { type AgentRequest, type Answer, MAX_LINE_BYTES, parseLine } from './request.ts'

/** What `answer` throws to say why there is no value, in words for who asked. */
export class RequestProblem extends Error {
  readonly fix: string | undefined

  constructor(message: string, fix?: string) {
    super(message)
    this.fix = fix
  }
}

export interface ServerOptions {
  /** A path, or the number of a socket that listens already. */
  readonly listen: Pick<ListenOptions, 'path'> | { readonly fd: number }
  readonly answer: (request: AgentRequest) => Promise<unknown>
  readonly log: (line: string) => void
  /** Further clients are turned away. */
  readonly maxClients?: number
  /** Of a client that says nothing, in milliseconds. */
  readonly silenceMs?: number
  /** Nobody is there any more. */
  readonly onIdle?: () => void
}

/** Answers requests, a line each, to a few clients; each client's one after the other. */
export class RequestServer {
  readonly #server: Server
  readonly #options: ServerOptions
  readonly #clients = new Set<Socket>()

  private constructor(options: ServerOptions) {
    this.#options = options
    // Who has said all may close its side, and still be answered.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket))
    this.#server.maxConnections = options.maxClients ?? 16
  }

  static async start(options: ServerOptions): Promise<RequestServer> {
    const own = new RequestServer(options)
    await new Promise<void>((resolve, reject) => {
      own.#server.once('error', reject)
      own.#server.listen(options.listen, resolve)
    })
    return own
  }

  get clients(): number {
    return this.#clients.size
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#clients) socket.destroy()
    await closed
  }

  #serve(socket: Socket): void {
    this.#clients.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#clients.delete(socket)
      if (this.#clients.size === 0) this.#options.onIdle?.()
    })
    // What it rejects with is that the client went away.
    void this.#converse(socket).catch(() => socket.destroy())
  }

  async #converse(socket: Socket): Promise<void> {
    const silenceMs = this.#options.silenceMs ?? 60_000
    socket.setTimeout(silenceMs, () => socket.destroy())
    let waiting = Buffer.alloc(0)
    // Nothing more is read while one is answered: a client cannot pile up work.
    for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      waiting = Buffer.concat([waiting, chunk])
      for (let end = waiting.indexOf(NEWLINE); end >= 0; end = waiting.indexOf(NEWLINE)) {
        if (end > MAX_LINE_BYTES) break
        const line = waiting.toString('utf8', 0, end)
        waiting = waiting.subarray(end + 1)
        socket.setTimeout(0)
        const answer = await this.#answer(line)
        if (socket.destroyed) return
        socket.setTimeout(silenceMs)
        if (!socket.write(`${JSON.stringify(answer)}\n`)) await drained(socket)
      }
      if (waiting.length > MAX_LINE_BYTES) break
    }
    if (waiting.length > MAX_LINE_BYTES) {
      const problem = `a line is longer than ${MAX_LINE_BYTES} bytes`
      socket.write(`${JSON.stringify({ id: null, ok: false, problem } satisfies Answer)}\n`)
    }
    socket.end()
  }

  async #answer(line: string): Promise<Answer> {
    const parsed = parseLine(line)
    if ('problem' in parsed) return { id: parsed.id, ok: false, problem: parsed.problem }
    const { id, request } = parsed
    try {
      return { id, ok: true, value: await this.#options.answer(request) }
    } catch (error) {
      if (error instanceof RequestProblem)
        return { id, ok: false, problem: error.message, ...(error.fix !== undefined && { fix: error.fix }) }
      this.#options.log(`${JSON.stringify(request)}: ${String(error)}`)
      return { id, ok: false, problem: 'the host failed at it', fix: 'journalctl --unit sekisho-requests' }
    }
  }
}

/** Resolves when the client has read enough, or is given up for its silence. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('drain', resolve)
    socket.once('close', resolve)
  })
}

const NEWLINE = 0x0a
