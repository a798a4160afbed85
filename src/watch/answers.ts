import { rmSync } from 'node:fs'
import { connect, createServer, isIP, type Server, type Socket } from 'node:net'

/** What a client was told: addresses for a name that it had asked for. */
export interface Answer {
  /** Of the response: milliseconds since 1970. */
  readonly timeMs: number
  readonly client: string
  /** The name asked, at the beginning of any CNAME chain. */
  readonly name: string
  readonly addresses: readonly { readonly address: string; readonly ttl: number }[]
}

/** Kept by the sender: what a listener that starts anew is told again. */
const KEEP = 50_000
const KEEP_MS = 3_600_000
const RETRY_MS = 500
const MAX_ADDRESSES = 64
/** A name of 255 bytes, each escaped as "\255". */
const MAX_NAME = 1020
const MAX_LINE = 16 * 1024

/**
 * Tells the process that watches flows what clients were told. Never waits: the last answers are kept in a ring, sent as
 * the socket takes them, and sent again to a listener that comes back; what is overwritten before it was sent is counted.
 */
export class AnswersSender {
  readonly #path: string
  readonly #ring: { timeMs: number; line: string }[] = []
  /** Numbers of the oldest kept and of the next to send; an answer's place in the ring is its number modulo KEEP. */
  #oldest = 0
  #next = 0
  #count = 0
  #socket: Socket | undefined
  #retry: NodeJS.Timeout | undefined
  #stopped = false
  dropped = 0

  constructor(path: string) {
    this.#path = path
    this.#connect()
  }

  send(answer: Answer): void {
    if (answer.addresses.length === 0) return
    const addresses = answer.addresses.slice(0, MAX_ADDRESSES)
    const line = `${JSON.stringify({ ...answer, addresses })}\n`
    this.#ring[this.#count % KEEP] = { timeMs: answer.timeMs, line }
    this.#count += 1
    if (this.#count - this.#oldest > KEEP) this.#oldest += 1
    if (this.#next < this.#oldest) {
      this.#next = this.#oldest
      this.dropped += 1
    }
    this.#pump()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#retry)
    this.#socket?.end()
  }

  #connect(): void {
    const socket = connect(this.#path)
    this.#socket = socket
    socket.on('connect', () => {
      this.#next = this.#oldest
      this.#pump()
    })
    socket.on('drain', () => this.#pump())
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#socket = undefined
      if (this.#stopped) return
      this.#retry = setTimeout(() => this.#connect(), RETRY_MS)
      // Nobody has to wait for a listener that may never come.
      this.#retry.unref()
    })
  }

  #pump(): void {
    const socket = this.#socket
    if (socket?.readyState !== 'open') return
    const young = Date.now() - KEEP_MS
    for (; this.#next < this.#count && !socket.writableNeedDrain; this.#next++) {
      const kept = this.#ring[this.#next % KEEP]
      if (kept && kept.timeMs >= young) socket.write(kept.line)
    }
  }
}

/** Hears of answers, from any number of senders. A line that is none is counted, and cuts nobody off. */
export class AnswersListener {
  readonly #server: Server
  readonly #connections = new Set<Socket>()
  received = 0
  malformed = 0

  private constructor(onAnswer: (answer: Answer) => void) {
    this.#server = createServer((socket) => {
      this.#connections.add(socket)
      let rest = ''
      socket.setEncoding('utf8')
      socket.on('data', (text: string) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) this.#line(line, onAnswer)
        if (rest.length <= MAX_LINE) return
        this.malformed += 1
        socket.destroy()
      })
      socket.on('error', () => undefined)
      socket.on('close', () => this.#connections.delete(socket))
    })
  }

  /** Listens at a path, in place of one that ended without removing it. */
  static async start(path: string, onAnswer: (answer: Answer) => void): Promise<AnswersListener> {
    rmSync(path, { force: true })
    const listener = new AnswersListener(onAnswer)
    await new Promise<void>((resolve, reject) => {
      listener.#server.once('error', reject)
      listener.#server.listen(path, resolve)
    })
    return listener
  }

  async stop(): Promise<void> {
    for (const socket of this.#connections) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #line(line: string, onAnswer: (answer: Answer) => void): void {
    const answer = parseAnswer(line)
    if (!answer) {
      this.malformed += 1
      return
    }
    this.received += 1
    onAnswer(answer)
  }
}

/** Who sends has read what anybody on the network wrote: nothing is taken as it comes. */
function parseAnswer(line: string): Answer | undefined {
  if (line.length > MAX_LINE) return undefined
  let value: Partial<Record<keyof Answer, unknown>> | null
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  const { timeMs, client, name, addresses } = value ?? {}
  if (typeof timeMs !== 'number' || !Number.isFinite(timeMs) || typeof client !== 'string') return undefined
  if (isIP(client) === 0 || typeof name !== 'string' || name.length > MAX_NAME) return undefined
  if (!Array.isArray(addresses) || addresses.length > MAX_ADDRESSES) return undefined
  const sound: Answer['addresses'][number][] = []
  for (const one of addresses as readonly (Partial<Record<'address' | 'ttl', unknown>> | null)[]) {
    const { address, ttl } = one ?? {}
    if (typeof address !== 'string' || isIP(address) === 0) return undefined
    if (typeof ttl !== 'number' || !(ttl >= 0)) return undefined
    sound.push({ address, ttl })
  }
  return { timeMs, client, name, addresses: sound }
}
