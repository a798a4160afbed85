import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type { KindName } from '../records/kinds.ts'
import { parseRfc3339 } from '../records/time.ts'
import { forwardLines } from '../sources/forward/entries.ts'
import type { FrameMeta } from '../wal/frame.ts'
import type { ReadFrame } from '../wal/read.ts'
import { Packer } from './packer.ts'

/** A chunk is sent when it has this many bytes before they are compressed. */
const FULL_BYTES = 256 * 1024
/** The head of Fluentd's EventTime: eight bytes of extension type 0 (specification v1.5, "EventTime Ext Format"). */
const EVENT_TIME = [0xd7, 0x00]
const LINE_FEED = 10

/** A message of the Forward protocol with its id, by which the receiver acknowledges it. */
export interface Chunk {
  readonly id: string
  readonly bytes: Buffer
  readonly rows: number
}

export interface ChunkOptions {
  /** The name of this place: every record bears it, since many routers may send to one receiver. */
  readonly site: string
  readonly compress: boolean
  /** Kinds to send; absent for all. */
  readonly kinds?: readonly KindName[]
}

interface Gathering {
  readonly packer: Packer
  rows: number
}

/**
 * The records of frames as messages [tag, entries, option], the tag "sekisho.<kind>". `position` says where in the log the
 * first frame lies: the same frames from the same place give the same ids, so that a receiver can know what came twice.
 */
export function* chunksOf(
  frames: readonly ReadFrame[],
  position: string,
  options: ChunkOptions,
): Generator<Chunk, void, void> {
  const { site, kinds } = options
  const gathered = new Map<KindName, Gathering>()
  let count = 0
  const close = (kind: KindName, { packer, rows }: Gathering): Chunk => {
    gathered.delete(kind)
    count += 1
    return messageOf(`sekisho.${kind}`, packer.take(), rows, `${site} ${position} ${count}`, options.compress)
  }
  for (const { meta, body } of frames) {
    for (const { kind, lines } of linesOf(meta, body)) {
      if (kinds && !kinds.includes(kind)) continue
      for (const line of eachLine(lines)) {
        const record = parseRecord(line)
        if (!record) continue
        const gathering = gathered.get(kind) ?? { packer: new Packer(), rows: 0 }
        gathered.set(kind, gathering)
        putEntry(gathering.packer, record, site, meta.at)
        gathering.rows += 1
        if (gathering.packer.length >= FULL_BYTES) yield close(kind, gathering)
      }
    }
  }
  for (const [kind, gathering] of gathered) yield close(kind, gathering)
}

interface Lines {
  readonly kind: KindName
  readonly lines: Buffer
}

function* linesOf(meta: FrameMeta, body: Buffer): Generator<Lines, void, void> {
  if (meta.encoding === 'ndjson' && meta.kind !== undefined) yield { kind: meta.kind, lines: body }
  else if (meta.encoding === 'forward' && meta.forward) yield* forwardLines(meta.forward, body, meta.at)
}

function* eachLine(lines: Buffer): Generator<string, void, void> {
  for (let at = 0; at < lines.length; ) {
    const newline = lines.indexOf(LINE_FEED, at)
    const end = newline === -1 ? lines.length : newline
    if (end > at) yield lines.toString('utf8', at, end)
    at = end + 1
  }
}

/** [tag, bin, {chunk, size, compressed}]: PackedForward, or CompressedPackedForward. */
function messageOf(tag: string, entries: Buffer, rows: number, position: string, compress: boolean): Chunk {
  const id = createHash('sha256').update(position).update(entries).digest().subarray(0, 16).toString('base64')
  const packer = new Packer()
  packer.array(3)
  packer.text(tag)
  packer.binary(compress ? gzipSync(entries) : entries)
  packer.value({ chunk: id, size: rows, ...(compress && { compressed: 'gzip' }) })
  return { id, bytes: packer.take(), rows }
}

/** [EventTime, record]; `at` serves as its time where it has none that can be said. */
function putEntry(packer: Packer, record: Readonly<Record<string, unknown>>, site: string, at: number): void {
  const { time, ...fields } = record
  const own = typeof time === 'string' ? eventTime(time) : undefined
  packer.array(2)
  packer.raw(own ?? eventTimeOf(Math.floor(at / 1000), (at % 1000) * 1e6))
  // A time that cannot be said goes along as it is.
  packer.entries(Object.entries({ site, ...(own ? fields : record) }))
}

function eventTime(text: string): Buffer | undefined {
  const instant = parseRfc3339(text)
  if (!instant) return undefined
  const fraction = /\.(\d+)Z$/.exec(instant.text)?.[1] ?? ''
  const seconds = Math.floor(instant.epochMs / 1000)
  if (seconds < 0 || seconds > 0xffff_ffff) return undefined
  return eventTimeOf(seconds, Number(fraction.padEnd(9, '0')))
}

function eventTimeOf(seconds: number, nanoseconds: number): Buffer {
  const bytes = Buffer.from([...EVENT_TIME, 0, 0, 0, 0, 0, 0, 0, 0])
  bytes.writeUInt32BE(seconds % 2 ** 32, 2)
  bytes.writeUInt32BE(nanoseconds, 6)
  return bytes
}

type Reviver = (key: string, value: unknown, context?: { readonly source?: string }) => unknown

function parseRecord(line: string): Record<string, unknown> | undefined {
  try {
    // Only a number of so many digits can be one that a double does not hold.
    const value: unknown = /\d{16}/.test(line) ? JSON.parse(line, keepDigits as Reviver) : JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** An integer that a double does not hold becomes one of 64 bits. */
const keepDigits: Reviver = (_, value, context) => {
  const { source } = context ?? {}
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !source || !/^-?\d+$/.test(source))
    return value
  const integer = BigInt(source)
  return integer >= -(2n ** 63n) && integer < 2n ** 64n ? integer : value
}
