import type { ForwardChunk } from '../../wal/frame.ts'
import { type Container, containerOf, mentionsContainers, writeContainer } from './container.ts'
import { inflate } from './inflate.ts'
import { writeJson } from './json.ts'
import { JsonWriter, LineTooLong } from './json-writer.ts'
import { arrayLength, isMap } from './message.ts'
import { valueEnd } from './skim.ts'
import { type Time, timeOf, writeTime } from './time.ts'

export interface ForwardRecord {
  /** "container" for what Docker's fluentd driver sends, "events" for all else. */
  readonly kind: 'container' | 'events'
  readonly epochMs: number
  /** The record as a line of NDJSON with the columns of its kind, line feed included. */
  readonly line: Buffer
}

/** What a chunk held that is no event; add it to the source's counts. */
export interface Tally {
  malformed: number
}

/** What is kept of a record that is too long. */
const CUT_BYTES = 64 * 1024

/**
 * The records in a stored chunk, in their order. `at` is when it was taken, milliseconds since 1970: an event without a time
 * of its own has that. What is no event is passed over and counted in `tally`; nothing throws.
 */
export function* forwardRecords(
  chunk: ForwardChunk,
  body: Buffer,
  at: number,
  tally: Tally = { malformed: 0 },
): Generator<ForwardRecord, void, void> {
  const decoder = new EntryDecoder(chunk, at, tally)
  if (chunk.mode === 'forward') yield* decoder.entries(body, arrayLength(body)?.start ?? 0)
  else if (chunk.mode === 'packed') yield* decoder.entries(body, 0)
  else yield* decoder.compressed(body)
  decoder.end()
}

class EntryDecoder {
  readonly #out = new JsonWriter()
  readonly #fallback: Time
  readonly #prefix: Buffer
  readonly #tally: Tally
  /** Bytes after the last whole entry of the piece before. */
  #rest: Buffer = Buffer.alloc(0)

  constructor({ tag, senderAddress }: ForwardChunk, at: number, tally: Tally) {
    this.#tally = tally
    this.#fallback = { seconds: Math.floor(at / 1000), nanoseconds: (at % 1000) * 1e6 }
    this.#prefix = Buffer.from(
      `,"tag":${JSON.stringify(tag)},"senderAddress":${JSON.stringify(senderAddress)},"record":`,
    )
  }

  *compressed(body: Buffer): Generator<ForwardRecord, void, void> {
    const pieces = inflate(body)
    for (;;) {
      let piece: Buffer | undefined
      try {
        piece = pieces.next().value ?? undefined
      } catch {
        this.#tally.malformed += 1
      }
      if (!piece) return
      yield* this.entries(this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]), 0)
    }
  }

  /** Entries one after the other, from `start` on. */
  *entries(bytes: Buffer, start: number): Generator<ForwardRecord, void, void> {
    const containers = mentionsContainers(bytes)
    let at = start
    while (at < bytes.length) {
      const end = valueEnd(bytes, at, bytes.length)
      if (end === undefined) break
      const record = this.#entry(bytes, at, end, containers)
      if (record) yield record
      else this.#tally.malformed += 1
      at = end
    }
    this.#rest = bytes.subarray(at)
  }

  /** What is left is no whole entry, and nothing after it can be found. */
  end(): void {
    if (this.#rest.length > 0) this.#tally.malformed += 1
  }

  #entry(bytes: Buffer, at: number, end: number, containers: boolean): ForwardRecord | undefined {
    const pair = arrayLength(bytes, at)
    if (pair?.length !== 2) return undefined
    const timeAt = pair.start
    const recordAt = valueEnd(bytes, timeAt, end)
    if (recordAt === undefined || !isMap(bytes[recordAt])) return undefined
    const time = timeOf(bytes, timeAt) ?? this.#fallback
    const container = containers ? containerOf(bytes, recordAt) : undefined
    this.#write(time, bytes, recordAt, container)
    return {
      kind: container ? 'container' : 'events',
      epochMs: time.seconds * 1000 + Math.floor(time.nanoseconds / 1e6),
      line: this.#out.line(),
    }
  }

  #write(time: Time, bytes: Buffer, recordAt: number, container: Container | undefined): void {
    const out = this.#out
    try {
      this.#begin(time)
      if (container) writeContainer(out, bytes, container)
      else {
        out.raw(this.#prefix)
        writeJson(out, bytes, recordAt)
      }
    } catch (error) {
      if (!(error instanceof LineTooLong)) throw error
      this.#writeCut(time)
    }
    out.ascii('}\n')
  }

  #begin(time: Time): void {
    this.#out.ascii('{"time":"')
    writeTime(this.#out, time.seconds, time.nanoseconds)
    this.#out.byte(0x22)
  }

  /** A record that would be longer than a line may be: its beginning, as a text. */
  #writeCut(time: Time): void {
    const out = this.#out
    const cut = Buffer.from(out.peek(CUT_BYTES))
    out.reset()
    this.#begin(time)
    out.raw(this.#prefix)
    out.ascii('{"truncated":')
    out.text(cut, 0, cut.length)
    out.byte(0x7d)
  }
}
