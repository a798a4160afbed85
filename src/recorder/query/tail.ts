import { closeSync, fstatSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { segmentFile } from '../layout.ts'
import type { KindName } from '../records/kinds.ts'
import { readFrames } from '../wal/read.ts'
import { ForwardFrames } from './forward-frames.ts'
import { frameLines, type LineFile, longestLine, segmentSequences } from './segments.ts'

/**
 * The end of the log, as it grows: holds its segments open, so that what is converted meanwhile is read all the same. A
 * segment must be there at one call at least, which lasts as long as the log has others to fill.
 */
export class Tail {
  readonly #data: string
  readonly #kind: KindName
  readonly #forward: ForwardFrames
  readonly #open = new Map<number, { readonly fd: number; end: number }>()

  constructor(data: string, kind: KindName) {
    this.#data = data
    this.#kind = kind
    this.#forward = new ForwardFrames(data)
    this.#find()
  }

  /** What was read before: only what comes after it is new. */
  skip(ends: ReadonlyMap<number, number>): void {
    for (const [sequence, end] of ends) {
      const segment = this.#open.get(sequence)
      if (segment) segment.end = end
    }
  }

  /** Leaves out what is in all segments but the newest so many. */
  skipOlder(kept: number): void {
    const sequences = [...this.#open.keys()].toSorted((a, b) => b - a)
    for (const sequence of sequences.slice(kept)) {
      const segment = this.#open.get(sequence)
      if (segment) segment.end = fstatSync(segment.fd).size
    }
  }

  /** Leaves out all that is there now. */
  async skipAll(): Promise<void> {
    for (const segment of this.#open.values())
      for await (const frame of readFrames(`/proc/self/fd/${segment.fd}`, {
        from: segment.end,
        transient: true,
      }))
        segment.end = frame.end
  }

  /** What came since the last call, in a file in `directory`; undefined when nothing did. */
  async read(directory: string): Promise<LineFile | undefined> {
    const { lines, takenMs } = await this.lines()
    if (lines.length === 0) return undefined
    const path = join(directory, 'tail.ndjson')
    writeFileSync(path, lines, { mode: 0o600 })
    return { kind: this.#kind, sequence: 0, takenMs, path, longest: longestLine(lines) }
  }

  /** What came since the last call as NDJSON, each line ended, and when the first of it was taken. */
  async lines(): Promise<{ readonly lines: Buffer; readonly takenMs: number }> {
    const gone = this.#find()
    const kinds = new Set([this.#kind])
    const pieces: Buffer[] = []
    let takenMs = 0
    for (const segment of this.#open.values()) {
      // By descriptor: the archive may have deleted the file.
      for await (const frame of readFrames(`/proc/self/fd/${segment.fd}`, { from: segment.end })) {
        segment.end = frame.end
        for await (const { kind, lines } of frameLines(frame, kinds, this.#forward)) {
          if (kind !== this.#kind) continue
          takenMs ||= frame.meta.at
          pieces.push(lines, Buffer.from(lines.at(-1) === 10 ? '' : '\n'))
        }
      }
    }
    for (const sequence of gone) this.#close(sequence)
    return { lines: Buffer.concat(pieces), takenMs }
  }

  close(): void {
    for (const sequence of this.#open.keys()) this.#close(sequence)
  }

  /** Opens what is new; the segments that are no longer there. */
  #find(): number[] {
    const sequences = segmentSequences(this.#data)
    for (const sequence of sequences) {
      if (this.#open.has(sequence)) continue
      try {
        this.#open.set(sequence, { fd: openSync(segmentFile(this.#data, sequence), 'r'), end: 0 })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
    return [...this.#open.keys()].filter((sequence) => !sequences.includes(sequence))
  }

  #close(sequence: number): void {
    const segment = this.#open.get(sequence)
    if (segment) closeSync(segment.fd)
    this.#open.delete(sequence)
  }
}
