import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Counts } from '../../counters.ts'
import type { ContainerRecord } from '../../records/container.ts'
import { decodeDockerLine } from './decode.ts'
import { type JoinedLine, LineJoiner } from './join.ts'
import {
  closeAll,
  type FileIdentity,
  HEAD_BYTES,
  identityOf,
  isSame,
  type OpenLog,
  openLogs,
  readHead,
} from './log-files.ts'
import { type ContainerMeta, readContainerMeta } from './meta.ts'

/** How far one file has been stored: read again from `from`, and what ends before `done` is stored already. */
export interface FilePosition extends FileIdentity {
  readonly from: number
  readonly done: number
}

/** Where the lines of a container go: takes a record, after waiting for room. */
export interface Sink {
  readonly full: boolean
  offer(epochMs: number, record: ContainerRecord): boolean
  room(signal: AbortSignal): Promise<void>
  touch(): void
}

export interface FollowCounts extends Counts {
  /** Times that lines were gone before they could be read (rotated away, or the file emptied). */
  gaps: number
}

/** The longest line of a log file: 16 KiB of text, each character escaped, fits six times over. */
const MAX_ENTRY = 1024 * 1024
const READ_BYTES = MAX_ENTRY
/** Bytes of one container in a turn, so that one that shouts leaves time for the others. */
const TURN_BYTES = 4 * 1024 * 1024
/** How long the rest of a line may be awaited. */
const PIECES_MS = 30_000

interface Reading {
  readonly log: OpenLog
  /** Where the file begins in the container's whole output as this process counts it. */
  readonly base: number
  /** Bytes taken. */
  offset: number
  /** Entries before it are stored already. */
  done: number
  /** In the middle of an entry that is too long. */
  skipping: boolean
}

/** Follows the log files of one container through rotation, emptying and removal. */
export class ContainerFollower {
  readonly id: string
  readonly #directory: string
  readonly #sink: Sink
  readonly #counts: FollowCounts
  readonly #buffer: Buffer
  readonly #joiner = new LineJoiner()
  #meta: ContainerMeta = {}
  #metaMtime = -1
  /** Files not finished, the one being read first. */
  #queue: Reading[] = []
  /** Files that an unfinished line began in. */
  #behind: Reading[] = []
  #saved: readonly FilePosition[]
  #nextBase = 0
  #waitingSince: number | undefined

  constructor(options: {
    readonly id: string
    /** The container's directory, …/containers/<id>. */
    readonly directory: string
    readonly sink: Sink
    readonly counts: FollowCounts
    readonly saved: readonly FilePosition[]
    /** Shared with other followers: they read in turn. */
    readonly buffer: Buffer
  }) {
    this.id = options.id
    this.#directory = options.directory
    this.#sink = options.sink
    this.#counts = options.counts
    this.#saved = options.saved
    this.#buffer = options.buffer
  }

  static sharedBuffer(): Buffer {
    return Buffer.alloc(READ_BYTES)
  }

  /** Where the container's stored lines end, oldest file first; what a later process resumes from. */
  position(): readonly FilePosition[] {
    const from = this.#joiner.from
    const current = this.#queue[0]
    if (!current) return this.#saved
    return [...this.#behind, current].map((file) => ({
      ...identityOf(file.log),
      from: from === undefined ? file.offset : Math.max(0, Math.min(file.offset, from - file.base)),
      done: Math.max(file.offset, file.done),
    }))
  }

  /** Reads what is new, up to a turn's worth; true when there may be more. */
  async turn(signal: AbortSignal, now: number = performance.now()): Promise<boolean> {
    await this.#refreshMeta()
    if (this.#queue.length === 0 && !(await this.#begin())) return false
    const first = this.#queue[0]
    if (first && !(await readHead(first.log))) await this.#startOver(first, signal)
    let budget = TURN_BYTES
    while (budget > 0 && !signal.aborted) {
      const current = this.#queue[0]
      if (!current) return false
      const read = await this.#readSome(current, signal)
      budget -= read
      if (read > 0) continue
      if (this.#queue.length > 1) await this.#finishFile(current)
      else if (!(await this.#lookForNewer(current, signal))) {
        this.#giveUpWaiting(now)
        return false
      }
    }
    this.#waitingSince = undefined
    return !signal.aborted
  }

  /** The container is gone: reads the rest of what is still open and lets go of it. */
  async finish(signal: AbortSignal): Promise<void> {
    while (this.#queue[0] && !signal.aborted) {
      const current = this.#queue[0]
      if ((await this.#readSome(current, signal)) === 0) await this.#finishFile(current)
    }
    await this.#emitUnfinished(signal)
  }

  async close(): Promise<void> {
    await closeAll([...this.#queue, ...this.#behind].map(({ log }) => log))
    this.#queue = []
    this.#behind = []
  }

  async #refreshMeta(): Promise<void> {
    const path = join(this.#directory, 'config.v2.json')
    const info = await stat(path).catch(() => undefined)
    if (!info || info.mtimeMs === this.#metaMtime) return
    this.#metaMtime = info.mtimeMs
    const meta = await readContainerMeta(path)
    if (meta.name !== undefined || this.#meta.name === undefined) this.#meta = meta
  }

  /** Opens the files and finds the place to go on from. */
  async #begin(): Promise<boolean> {
    const logs = await openLogs(this.#directory, this.id)
    if (!logs || logs.length === 0) return false
    const resumed: { log: OpenLog; saved: FilePosition }[] = []
    let next = 0
    for (const saved of this.#saved) {
      for (let i = next; i < logs.length; i++) {
        const log = logs[i]
        if (!log || !(await isSame(log, saved)) || (await log.handle.stat()).size < saved.done) continue
        resumed.push({ log, saved })
        next = i + 1
        break
      }
    }
    const last = this.#saved.at(-1)
    if (last && last.done > 0 && resumed.at(-1)?.saved !== last) this.#counts.gaps += 1
    await closeAll(logs.slice(0, next).filter((log) => !resumed.some((r) => r.log === log)))
    for (const { log, saved } of resumed) this.#enqueue(log, saved.from, saved.done)
    for (const log of logs.slice(next)) this.#enqueue(log, 0, 0)
    this.#saved = []
    this.#sink.touch()
    return true
  }

  #enqueue(log: OpenLog, offset: number, done: number): void {
    this.#queue.push({ log, base: this.#nextBase, offset, done, skipping: false })
    // Far enough apart that no two files overlap; sizes stay far below.
    this.#nextBase += 2 ** 40
  }

  /** Takes whole entries from the file; the number of bytes taken, 0 at its end. */
  async #readSome(file: Reading, signal: AbortSignal): Promise<number> {
    const { bytesRead } = await file.log.handle.read(this.#buffer, 0, READ_BYTES, file.offset)
    if (bytesRead === 0) return 0
    if (file.log.head.length < HEAD_BYTES) await readHead(file.log)
    const chunk = this.#buffer.subarray(0, bytesRead)
    let at = 0
    while (at < chunk.length) {
      const newline = chunk.indexOf(0x0a, at)
      if (newline < 0) break
      if (!(await this.#waitForRoom(signal))) return at
      // From here to the new offset nothing waits: a position never lies between a record and its bytes.
      this.#take(file, chunk.subarray(at, newline))
      file.offset += newline + 1 - at
      at = newline + 1
    }
    if (at === 0 && bytesRead === READ_BYTES) {
      file.skipping = true
      file.offset += bytesRead
      at = bytesRead
    }
    if (at > 0) this.#sink.touch()
    return at
  }

  #take(file: Reading, bytes: Buffer): void {
    const already = file.offset < file.done
    if (file.skipping || bytes.length === 0) {
      if (file.skipping) this.#malformed(already)
      file.skipping = false
      return
    }
    const decoded = decodeDockerLine(bytes, Date.now())
    if (!decoded.ok || decoded.torn) this.#malformed(already)
    if (!decoded.ok) return
    const line = this.#joiner.push(decoded.entry, file.base + file.offset)
    if (line && !already) this.#emit(line)
    if (this.#joiner.from === undefined) this.#dropBehind()
  }

  #malformed(already: boolean): void {
    if (already) return
    this.#counts.received += 1
    this.#counts.malformed += 1
  }

  #emit({ entry, text, partial }: JoinedLine): void {
    const { name, ...labels } = this.#meta
    this.#counts.received += 1
    const record: ContainerRecord = {
      time: entry.time,
      containerName: name ?? entry.tag ?? this.id.slice(0, 12),
      containerId: this.id.slice(0, 12),
      ...labels,
      stream: entry.stream,
      log: text,
      ...(partial && { partial }),
    }
    if (!this.#sink.offer(entry.epochMs, record)) this.#counts.dropped += 1
  }

  /** The file will not grow any more. */
  async #finishFile(file: Reading): Promise<void> {
    const { size } = await file.log.handle.stat()
    if (size > file.offset) {
      this.#malformed(file.offset < file.done)
      file.offset = size
    }
    this.#queue.shift()
    this.#behind.push(file)
    if (this.#joiner.from === undefined) this.#dropBehind()
    this.#sink.touch()
  }

  #dropBehind(): void {
    for (const { log } of this.#behind.splice(0)) void log.handle.close().catch(() => undefined)
  }

  /** At the end of the newest known file: whether it was rotated away or emptied. */
  async #lookForNewer(file: Reading, signal: AbortSignal): Promise<boolean> {
    const { size } = await file.log.handle.stat()
    if (size < file.offset) {
      await this.#startOver(file, signal)
      return true
    }
    const main = await stat(join(this.#directory, `${this.id}-json.log`)).catch(() => undefined)
    if (!main || main.ino === file.log.ino) return false
    const logs = await openLogs(this.#directory, this.id)
    if (!logs) return false
    const index = logs.findIndex(({ ino }) => ino === file.log.ino)
    await closeAll(logs.slice(0, index + 1))
    for (const log of logs.slice(index + 1)) this.#enqueue(log, 0, 0)
    return logs.length > index + 1
  }

  /** The file was emptied in place (Docker's `max-file: 1`): what it held beyond our offset is gone. */
  async #startOver(file: Reading, signal: AbortSignal): Promise<void> {
    this.#counts.gaps += 1
    await this.#emitUnfinished(signal)
    file.log.head = Buffer.alloc(0)
    this.#queue[0] = { ...file, base: this.#nextBase, offset: 0, done: 0, skipping: false }
    this.#nextBase += 2 ** 40
    this.#sink.touch()
  }

  async #emitUnfinished(signal: AbortSignal): Promise<void> {
    if (!(await this.#waitForRoom(signal))) return
    for (const line of this.#joiner.flush()) this.#emit(line)
    this.#dropBehind()
  }

  /** False on abort. */
  async #waitForRoom(signal: AbortSignal): Promise<boolean> {
    while (this.#sink.full && !signal.aborted) await this.#sink.room(signal)
    return !signal.aborted
  }

  #giveUpWaiting(now: number): void {
    if (this.#joiner.from === undefined) {
      this.#waitingSince = undefined
      return
    }
    this.#waitingSince ??= now
    if (now - this.#waitingSince < PIECES_MS || this.#sink.full) return
    this.#waitingSince = undefined
    for (const line of this.#joiner.flush()) this.#emit(line)
    this.#dropBehind()
  }
}
