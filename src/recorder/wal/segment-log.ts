import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { segmentFile, segmentSequence, walDirectory } from '../layout.ts'
import { describe, log } from '../log.ts'
import { encodeFrame } from './frame.ts'
import { readFrames } from './read.ts'
import { Segment } from './segment.ts'

export interface SegmentLogOptions {
  /** The recorder's data directory. */
  readonly data: string
  /** A segment ends when it has this many bytes, or held records for this long. */
  readonly segmentBytes: number
  readonly segmentMs: number
  readonly now: () => number
}

type Positions = Record<string, unknown>

interface Current {
  readonly sequence: number
  readonly segment: Segment
  /** When its first records came, on the clock of performance.now(); undefined while it has none. */
  since: number | undefined
}

/** What of the log had to be read at the start. */
export interface Recovered {
  readonly segments: number
  readonly frames: number
  readonly cutBytes: number
}

/**
 * The segment files as one append-only log. The newest segment begins with the position of every source, and is
 * never taken for conversion: only it is read at the start, and no position goes with the segments that go.
 */
export class SegmentLog {
  readonly #options: SegmentLogOptions
  readonly #positions: Positions = {}
  #current: Current | undefined
  #next = 0
  /** The disk refused the newest segment for a reason that another file may not have. */
  #leave = false
  #awaitingEnd: (() => void)[] = []
  recovered: Recovered = { segments: 0, frames: 0, cutBytes: 0 }

  private constructor(options: SegmentLogOptions) {
    this.#options = options
  }

  /** Reads where the log stands; throws when its directory cannot be read or made. */
  static async open(options: SegmentLogOptions): Promise<SegmentLog> {
    const directory = walDirectory(options.data)
    await mkdir(directory, { recursive: true, mode: 0o750 })
    const self = new SegmentLog(options)
    const sequences: number[] = []
    for (const name of await readdir(directory)) {
      if (name.endsWith('.wal.tmp')) await rm(join(directory, name), { force: true })
      else sequences.push(...[segmentSequence(name)].filter((n) => n !== undefined))
    }
    sequences.sort((a, b) => b - a)
    // A number names the files that are made of a segment and must not come twice, not even when the log was deleted.
    self.#next = (sequences[0] ?? Math.floor(options.now() / 1000)) + 1
    for (const sequence of sequences) if (await self.#recover(sequence, sequence === sequences[0])) break
    // The archive takes all segments but the newest, which therefore has to have the positions.
    if (sequences.length > 0 && !self.#current)
      await self.#begin().catch((error: unknown) => log('wal', `log: ${describe(error)}`))
    return self
  }

  /** How far each source has been stored. */
  get positions(): Readonly<Positions> {
    return this.#positions
  }

  /** The newest segment's number and length; undefined before the first. */
  get current(): { readonly sequence: number; readonly bytes: number } | undefined {
    return this.#current && { sequence: this.#current.sequence, bytes: this.#current.segment.size }
  }

  /** Appends whole frames and syncs them; when it throws, none of it is there. */
  async append(pieces: readonly Buffer[], moved: Readonly<Positions>, records: boolean): Promise<void> {
    const current = await this.#writable()
    try {
      await current.segment.append(pieces)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      this.#leave = code !== 'ENOSPC' && code !== 'EDQUOT' && !current.segment.damaged
      throw error
    }
    Object.assign(this.#positions, moved)
    if (records) current.since ??= performance.now()
  }

  /** Lets the newest segment end at the next `append` or `rotateIfDue`; resolves when it has, or holds no record. */
  endSoon(): Promise<void> {
    if (this.#current?.since === undefined) return Promise.resolve()
    this.#leave = true
    return new Promise((resolve) => this.#awaitingEnd.push(resolve))
  }

  /** Begins a new segment when the newest is old enough. */
  async rotateIfDue(): Promise<void> {
    if (this.#current && this.#due(this.#current)) await this.#rotate(this.#current)
  }

  async close(): Promise<void> {
    await this.#current?.segment.close()
  }

  /** Reads a segment's positions; true when it had them. The newest one is gone on with. */
  async #recover(sequence: number, newest: boolean): Promise<boolean> {
    const path = segmentFile(this.#options.data, sequence)
    let end = 0
    let frames = 0
    let firstAt: number | undefined
    let complete = false
    const positions: Positions = {}
    try {
      for await (const { meta, end: frameEnd } of readFrames(path)) {
        end = frameEnd
        frames += 1
        if (meta.positions) {
          Object.assign(positions, meta.positions)
          complete = true
        }
        if (meta.source !== undefined) positions[meta.source] = meta.position
        if (meta.encoding !== 'none') firstAt ??= meta.at
      }
    } catch (error) {
      log('wal', `log: ${describe(error)}; it is left as it is`)
    }
    // Positions of a newer segment that lost its beginning go before those of this one.
    for (const [source, position] of Object.entries(positions)) this.#positions[source] ??= position
    const { segments, frames: before, cutBytes } = this.recovered
    const { size } = await stat(path)
    const resumed = newest && complete
    this.recovered = {
      segments: segments + 1,
      frames: before + frames,
      cutBytes: cutBytes + (resumed ? size - end : 0),
    }
    if (resumed) {
      if (size > end) log('wal', `log: ${size - end} bytes after the last whole frame of ${path} are cut off`)
      const segment = await Segment.resume(path, end)
      this.#current = { sequence, segment, since: firstAt === undefined ? undefined : this.#ago(firstAt) }
    }
    return complete
  }

  /** A time of the wall clock on that of performance.now(): within the life of a segment, whatever the clock says. */
  #ago(at: number): number {
    const age = Math.min(Math.max(0, this.#options.now() - at), this.#options.segmentMs)
    return performance.now() - age
  }

  #due({ segment, since }: Current): boolean {
    const { segmentBytes, segmentMs } = this.#options
    return (
      this.#leave ||
      segment.size >= segmentBytes ||
      (since !== undefined && performance.now() - since >= segmentMs)
    )
  }

  /** The segment to append to. The old one goes on when there can be no new one (too many files open). */
  async #writable(): Promise<Current> {
    const current = this.#current
    if (!current) return this.#begin()
    if (!this.#due(current)) return current
    try {
      return await this.#rotate(current)
    } catch (error) {
      log('rotate', `log: cannot begin a segment, goes on with the last: ${describe(error)}`)
      return current
    }
  }

  async #rotate(old: Current): Promise<Current> {
    const next = await this.#begin()
    await old.segment.close()
    return next
  }

  async #begin(): Promise<Current> {
    const meta = { at: this.#options.now(), encoding: 'none', positions: this.#positions } as const
    const path = segmentFile(this.#options.data, this.#next)
    const segment = await Segment.create(path, encodeFrame(meta, Buffer.alloc(0)))
    this.#current = { sequence: this.#next, segment, since: undefined }
    this.#next += 1
    this.#leave = false
    for (const ended of this.#awaitingEnd.splice(0)) ended()
    return this.#current
  }
}
