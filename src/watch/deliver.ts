import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'

/** A frame ends at this length of its lines, or this age: each costs the recorder a sync of its disk. */
const FRAME_CHARS = 256 * 1024
const FRAME_MS = 1000
/** The recorder refuses a frame of 4 MiB. */
const MAX_LINE_CHARS = 1024 * 1024
/** Between attempts to reach the recorder. */
const RETRY_MS = 500
/** What stopping waits for answers. */
const STOP_MS = 3000
const MAX_ID = 2 ** 32 - 1
const ID_BYTES = 4

export type WatchedKind = 'dns' | 'flows' | 'events'

/** What became of the lines that were offered: received = stored + dropped + pending. */
export interface DeliveryCounts {
  received: number
  /** On the recorder's disk. */
  stored: number
  /** Found no room while the recorder was away, or was not answered when this stopped. */
  dropped: number
}

export interface DeliveryOptions {
  /** Of records that wait for the recorder: beyond it `offer` refuses. */
  readonly maxBytes: number
}

interface Gathering {
  readonly lines: string[]
  chars: number
  first: number
  last: number
}

interface Frame {
  readonly id: number
  readonly rows: number
  readonly bytes: Buffer
}

/**
 * Brings records to the recorder (src/recorder/sources/watch): in frames, kept until the recorder says that they are on
 * its disk, and sent again after a connection broke. A frame bears the random name of this sender's session and its number
 * in it, by which the recorder knows one that it has.
 */
export class Delivery {
  readonly counts: DeliveryCounts = { received: 0, stored: 0, dropped: 0 }
  readonly #path: string
  readonly #maxBytes: number
  readonly #gathering = new Map<WatchedKind, Gathering>()
  /** Not answered yet, oldest first; those before #sent were sent over this connection. */
  readonly #frames: Frame[] = []
  #sent = 0
  #heldBytes = 0
  #gatheredChars = 0
  #session = randomBytes(8).toString('hex')
  #nextId = 1
  #socket: Socket | undefined
  #answer: Buffer = Buffer.alloc(0)
  #flushTimer: NodeJS.Timeout | undefined
  #retryTimer: NodeJS.Timeout | undefined
  #stopped = false
  #idle: (() => void)[] = []

  /** `path` is the recorder's socket; it need not be there yet. */
  constructor(path: string, options: DeliveryOptions) {
    this.#path = path
    this.#maxBytes = options.maxBytes
    this.#connect()
  }

  /** Whether the recorder is there. */
  get connected(): boolean {
    return this.#socket?.readyState === 'open'
  }

  /** Bytes of what waits to be stored. */
  get pendingBytes(): number {
    return this.#heldBytes + this.#gatheredChars
  }

  /** Takes a record, a line of JSON without its newline; false when there is no room, which is counted. */
  offer(kind: WatchedKind, epochMs: number, line: string): boolean {
    this.counts.received += 1
    const fits = line.length <= MAX_LINE_CHARS && this.pendingBytes + line.length < this.#maxBytes
    if (this.#stopped || !fits || !Number.isFinite(epochMs)) {
      this.counts.dropped += 1
      return false
    }
    let gathering = this.#gathering.get(kind)
    if (!gathering) {
      gathering = { lines: [], chars: 0, first: epochMs, last: epochMs }
      this.#gathering.set(kind, gathering)
      this.#flushTimer ??= setTimeout(() => this.flush(), FRAME_MS)
    }
    gathering.lines.push(line)
    gathering.chars += line.length + 1
    this.#gatheredChars += line.length + 1
    if (epochMs < gathering.first) gathering.first = epochMs
    if (epochMs > gathering.last) gathering.last = epochMs
    if (gathering.chars >= FRAME_CHARS) this.#close(kind, gathering)
    return true
  }

  /** Sends what was offered so far. */
  flush(): void {
    clearTimeout(this.#flushTimer)
    this.#flushTimer = undefined
    for (const [kind, gathering] of this.#gathering) this.#close(kind, gathering)
  }

  /** Sends what was offered so far; resolves when it is on the recorder's disk, or after the time. */
  async settled(ms: number): Promise<void> {
    this.flush()
    if (this.#frames.length === 0) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#idle.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /** Sends what is left, and waits for its answers a moment; what has none then is counted as dropped. */
  async stop(): Promise<void> {
    this.flush()
    this.#stopped = true
    await this.settled(STOP_MS)
    clearTimeout(this.#retryTimer)
    for (const { rows } of this.#frames.splice(0)) this.counts.dropped += rows
    this.#socket?.destroy()
  }

  /** Makes a frame of what was gathered. */
  #close(kind: WatchedKind, { lines, chars, first, last }: Gathering): void {
    this.#gathering.delete(kind)
    this.#gatheredChars -= chars
    const id = this.#nextId
    const meta = {
      session: this.#session,
      id,
      kind,
      rows: lines.length,
      times: [Math.max(0, Math.floor(first)), Math.max(0, Math.floor(last))],
    }
    const bytes = encode(JSON.stringify(meta), `${lines.join('\n')}\n`)
    this.#frames.push({ id, rows: lines.length, bytes })
    this.#heldBytes += bytes.length
    this.#nextId += 1
    if (this.#nextId > MAX_ID) {
      this.#session = randomBytes(8).toString('hex')
      this.#nextId = 1
    }
    this.#send()
  }

  /** Sends as much as the socket takes without keeping it. */
  #send(): void {
    const socket = this.#socket
    if (socket?.readyState !== 'open') return
    for (let next = this.#frames[this.#sent]; next && !socket.writableNeedDrain; ) {
      socket.write(next.bytes)
      this.#sent += 1
      next = this.#frames[this.#sent]
    }
  }

  #connect(): void {
    const socket = connect(this.#path)
    this.#socket = socket
    socket.on('connect', () => {
      this.#sent = 0
      this.#answer = Buffer.alloc(0)
      this.#send()
    })
    socket.on('drain', () => this.#send())
    socket.on('data', (bytes: Buffer) => this.#answered(bytes))
    // 'close' follows.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#socket = undefined
      if (!this.#stopped || this.#frames.length > 0)
        this.#retryTimer = setTimeout(() => this.#connect(), RETRY_MS)
    })
  }

  #answered(bytes: Buffer): void {
    const all = this.#answer.length > 0 ? Buffer.concat([this.#answer, bytes]) : bytes
    const whole = all.length - (all.length % ID_BYTES)
    for (let at = 0; at < whole; at += ID_BYTES) this.#stored(all.readUInt32LE(at))
    this.#answer = all.subarray(whole)
    if (this.#frames.length === 0) for (const done of this.#idle.splice(0)) done()
  }

  /** Frames are stored, and answered, in their order. */
  #stored(id: number): void {
    const [first] = this.#frames
    if (first?.id !== id || this.#sent === 0) return
    this.#frames.shift()
    this.#sent -= 1
    this.#heldBytes -= first.bytes.length
    this.counts.stored += first.rows
  }
}

function encode(meta: string, body: string): Buffer {
  const metaBytes = Buffer.byteLength(meta)
  const bytes = Buffer.allocUnsafe(8 + metaBytes + Buffer.byteLength(body))
  bytes.writeUInt32LE(bytes.length - 4, 0)
  bytes.writeUInt32LE(metaBytes, 4)
  bytes.write(meta, 8)
  bytes.write(body, 8 + metaBytes)
  return bytes
}
