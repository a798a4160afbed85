import type { ForwardChunk } from '../../wal/frame.ts'
import { containerOf, mentionsContainers, writeContainer } from './container.ts'
import { inflate } from './inflate.ts'
import { writeJson } from './json.ts'
import { JsonWriter, LineTooLong } from './json-writer.ts'
import { arrayLength, isMap } from './message.ts'
import { valueEnd } from './skim.ts'
import { type Time, timeOf, writeTime } from './time.ts'

/** "container" for what Docker's fluentd driver sends, "events" for all else. */
type Kind = 'container' | 'events'

/** Records of a kind. */
export interface ForwardLines {
  readonly kind: Kind
  readonly rows: number
  /** NDJSON with the kind's columns, each line ended by a line feed. */
  readonly lines: Buffer
}

/** What a chunk held that is no event. */
export interface Tally {
  malformed: number
}

/** Lines are given out when they are this many bytes. */
const BLOCK_BYTES = 128 * 1024
/** A chunk with more entries that are no events is something else altogether: the rest of it is left alone. */
const MAX_MALFORMED = 1000
/** What is kept of a record that is too long. */
const CUT_BYTES = 64 * 1024

/**
 * The records of a stored chunk, many at a time, those of a kind in their order. `at` is when the chunk was taken,
 * milliseconds since 1970: an event without a time of its own has that. What is no event is passed over and counted in
 * `tally`; nothing throws.
 */
export function* forwardLines(
  chunk: ForwardChunk,
  body: Buffer,
  at: number,
  tally: Tally = { malformed: 0 },
): Generator<ForwardLines, void, void> {
  const decoder = new EntryDecoder(chunk, body.length, at, tally)
  if (chunk.mode === 'forward') yield* decoder.entries(body, arrayLength(body)?.start ?? 0)
  else if (chunk.mode === 'packed') yield* decoder.entries(body, 0)
  else yield* decoder.compressed(body)
  yield* decoder.end()
}

interface Sink<K extends Kind> {
  readonly kind: K
  readonly out: JsonWriter
  rows: number
}

class EntryDecoder {
  readonly #events: Sink<'events'>
  readonly #containers: Sink<'container'>
  readonly #fallback: Time
  readonly #prefix: Buffer
  readonly #tally: Tally
  #malformed = 0
  /** Bytes after the last whole entry. */
  #rest: Buffer = Buffer.alloc(0)

  constructor({ tag, senderAddress }: ForwardChunk, bytes: number, at: number, tally: Tally) {
    this.#events = { kind: 'events', out: new JsonWriter(bytes * 2), rows: 0 }
    this.#containers = { kind: 'container', out: new JsonWriter(bytes * 2), rows: 0 }
    this.#tally = tally
    this.#fallback = { seconds: Math.floor(at / 1000), nanoseconds: (at % 1000) * 1e6 }
    this.#prefix = Buffer.from(
      `,"tag":${JSON.stringify(tag)},"senderAddress":${JSON.stringify(senderAddress)},"record":`,
    )
  }

  *compressed(body: Buffer): Generator<ForwardLines, void, void> {
    const pieces = inflate(body)
    for (;;) {
      let piece: Buffer | undefined
      try {
        piece = pieces.next().value ?? undefined
      } catch {
        this.#malformed += 1
      }
      if (!piece || this.#malformed > MAX_MALFORMED) return
      // An entry may go on in the next piece.
      yield* this.entries(this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]), 0)
    }
  }

  /** Entries one after the other, from `start` on. */
  *entries(bytes: Buffer, start: number): Generator<ForwardLines, void, void> {
    const containers = mentionsContainers(bytes)
    let at = start
    while (at < bytes.length && this.#malformed <= MAX_MALFORMED) {
      const end = valueEnd(bytes, at, bytes.length)
      if (end === undefined) break
      this.#entry(bytes, at, end, containers)
      at = end
      if (this.#events.out.ready >= BLOCK_BYTES) yield take(this.#events)
      if (this.#containers.out.ready >= BLOCK_BYTES) yield take(this.#containers)
    }
    this.#rest = bytes.subarray(at)
  }

  /** Nothing comes any more: what is left of the bytes is no whole entry, and none after it could be found. */
  *end(): Generator<ForwardLines, void, void> {
    this.#tally.malformed += this.#malformed + (this.#rest.length > 0 ? 1 : 0)
    for (const sink of [this.#events, this.#containers]) if (sink.rows > 0) yield take(sink)
  }

  #entry(bytes: Buffer, at: number, end: number, containers: boolean): void {
    const pair = arrayLength(bytes, at)
    const recordAt = pair?.length === 2 ? valueEnd(bytes, pair.start, end) : undefined
    if (!pair || recordAt === undefined || !isMap(bytes[recordAt])) {
      this.#malformed += 1
      return
    }
    const time = timeOf(bytes, pair.start) ?? this.#fallback
    const container = containers ? containerOf(bytes, recordAt) : undefined
    const { out } = container ? this.#containers : this.#events
    try {
      begin(out, time)
      if (container) writeContainer(out, bytes, container)
      else {
        out.raw(this.#prefix)
        writeJson(out, bytes, recordAt)
      }
    } catch (error) {
      if (!(error instanceof LineTooLong)) throw error
      this.#cut(out.restart(CUT_BYTES), time)
      return
    }
    out.byte(0x7d)
    out.endLine()
    if (container) this.#containers.rows += 1
    else this.#events.rows += 1
  }

  /** A record that would be longer than a line may be: its beginning, as a text. */
  #cut(begun: Buffer, time: Time): void {
    const { out } = this.#events
    begin(out, time)
    out.raw(this.#prefix)
    out.ascii('{"truncated":')
    out.text(begun, 0, begun.length)
    out.ascii('}}')
    out.endLine()
    this.#events.rows += 1
  }
}

function begin(out: JsonWriter, { seconds, nanoseconds }: Time): void {
  out.ascii('{"time":"')
  writeTime(out, seconds, nanoseconds)
  out.byte(0x22)
}

function take(sink: Sink<Kind>): ForwardLines {
  const { kind, out, rows } = sink
  sink.rows = 0
  return { kind, rows, lines: out.take() }
}
