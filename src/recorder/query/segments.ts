import { appendFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { segmentFile, segmentSequence, walDirectory } from '../layout.ts'
import { isKindName, type KindName } from '../records/kinds.ts'
import { type ReadFrame, readFrames } from '../wal/read.ts'
import { ForwardFrames } from './forward-frames.ts'

/** Records of a kind that are in no archive yet, as NDJSON. */
export interface LineFile {
  readonly kind: KindName
  /** The segment that they are in, and when its first records were taken, milliseconds since 1970. */
  readonly sequence: number
  readonly takenMs: number
  readonly path: string
  /** Of the longest line, in bytes. */
  readonly longest: number
  /** The same records as Parquet, which is read in its place. */
  readonly parquet?: string
}

/** Milliseconds since 1970, inclusive; records outside need not be read. */
export interface Window {
  readonly fromMs?: number
  readonly toMs?: number
}

interface Lines {
  readonly kind: KindName
  /** NDJSON. */
  readonly lines: Buffer
}

const FORWARD_KINDS: readonly KindName[] = ['events', 'container']

interface Segment {
  readonly sequence: number
  takenMs: number
  /** How far the records of each kind have been taken out, in bytes. */
  readonly ends: Map<KindName, number>
  readonly files: Map<KindName, { readonly path: string; longest: number }>
}

/**
 * The log's segments as files that DuckDB reads, one a kind and segment, in a directory of ours. It goes on where it was
 * when asked again. Since a segment is deleted when its records are in the archive, look into the archive after it.
 */
export class Unconverted {
  readonly #data: string
  readonly #directory: string
  readonly #window: Window
  readonly #segments = new Map<number, Segment>()
  readonly #forward: ForwardFrames

  constructor(data: string, directory: string, window: Window = {}) {
    this.#data = data
    this.#directory = directory
    this.#window = window
    this.#forward = new ForwardFrames(data)
  }

  /** Takes out what has come of these kinds; a segment that is gone takes its files along. */
  async read(asked: ReadonlySet<KindName>): Promise<LineFile[]> {
    const kinds = withForward(asked)
    const sequences = segmentSequences(this.#data)
    for (const [sequence, segment] of this.#segments) if (!sequences.includes(sequence)) this.#forget(segment)
    for (const sequence of sequences) await this.#readSegment(sequence, kinds)
    return this.files().filter(({ kind }) => asked.has(kind))
  }

  /** All files that there are now. */
  files(): LineFile[] {
    return [...this.#segments.values()].flatMap(({ sequence, takenMs, files }) =>
      [...files].map(([kind, { path, longest }]) => ({ kind, sequence, takenMs, path, longest })),
    )
  }

  /** Where each segment has been read to, for one who follows. */
  ends(kind: KindName): ReadonlyMap<number, number> {
    return new Map([...this.#segments.values()].map(({ sequence, ends }) => [sequence, ends.get(kind) ?? 0]))
  }

  async #readSegment(sequence: number, kinds: ReadonlySet<KindName>): Promise<void> {
    const segment = this.#segments.get(sequence) ?? {
      sequence,
      takenMs: 0,
      ends: new Map<KindName, number>(),
      files: new Map<KindName, { path: string; longest: number }>(),
    }
    this.#segments.set(sequence, segment)
    const before = new Map(segment.ends)
    const from = Math.min(...[...kinds].map((kind) => before.get(kind) ?? 0))
    try {
      for await (const frame of readFrames(segmentFile(this.#data, sequence), { from, transient: true })) {
        if (frame.meta.encoding !== 'none') segment.takenMs ||= frame.meta.at
        for await (const { kind, lines } of frameLines(frame, kinds, this.#forward, this.#window))
          if (frame.end > (before.get(kind) ?? 0)) this.#write(segment, kind, lines)
        for (const kind of kinds) segment.ends.set(kind, Math.max(frame.end, segment.ends.get(kind) ?? 0))
      }
    } catch (error) {
      // Converted meanwhile: its records are in the archive.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      this.#forget(segment)
    }
  }

  #write(segment: Segment, kind: KindName, lines: Buffer): void {
    const path = join(this.#directory, `${kind}-${segment.sequence}.ndjson`)
    const file = segment.files.get(kind) ?? { path, longest: 0 }
    segment.files.set(kind, file)
    file.longest = Math.max(file.longest, longestLine(lines))
    appendFileSync(path, lines, { mode: 0o600 })
    if (lines.at(-1) !== 10) appendFileSync(path, '\n')
  }

  #forget({ sequence, files }: Segment): void {
    this.#segments.delete(sequence)
    for (const { path } of files.values()) rmSync(path, { force: true })
  }
}

/** The log's segments, oldest first. */
export function segmentSequences(data: string): number[] {
  try {
    const sequences = readdirSync(walDirectory(data)).map(segmentSequence)
    return sequences.filter((sequence) => sequence !== undefined).sort((a, b) => a - b)
  } catch (error) {
    // A copy of an archive has no log.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** The records of these kinds in a frame; what is outside the window may be left out. */
export async function* frameLines(
  { meta, body }: ReadFrame,
  kinds: ReadonlySet<KindName>,
  forward: ForwardFrames,
  window: Window = {},
): AsyncGenerator<Lines, void, void> {
  if (body.length === 0) return
  if (meta.encoding === 'ndjson' && meta.kind !== undefined && isKindName(meta.kind)) {
    // Who had an address at some time may have got it long before.
    const skip = meta.kind !== 'devices' && meta.times !== undefined && outside(meta.times, window)
    if (kinds.has(meta.kind) && !skip) yield { kind: meta.kind, lines: body }
  } else if (meta.forward && FORWARD_KINDS.some((kind) => kinds.has(kind))) {
    yield* await forward.lines(meta.forward, body, meta.at)
  }
}

/** What is in a Forward chunk is known only when it is decoded: its kinds are read together. */
export function withForward(kinds: ReadonlySet<KindName>): ReadonlySet<KindName> {
  return FORWARD_KINDS.some((kind) => kinds.has(kind)) ? new Set([...kinds, ...FORWARD_KINDS]) : kinds
}

function outside([first, last]: readonly [number, number], { fromMs, toMs }: Window): boolean {
  return (fromMs !== undefined && last < fromMs - 1) || (toMs !== undefined && first > toMs + 1)
}

export function longestLine(lines: Buffer): number {
  let longest = 0
  for (let at = 0; at < lines.length; ) {
    const newline = lines.indexOf(10, at)
    const end = newline === -1 ? lines.length : newline
    longest = Math.max(longest, end - at)
    at = end + 1
  }
  return longest
}
