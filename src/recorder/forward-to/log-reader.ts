import { readdir, readFile, rm } from 'node:fs/promises'
import { keptDirectory, keptFile, lostFile, segmentFile, walDirectory } from '../layout.ts'
import { describe, log } from '../log.ts'
import type { KindName } from '../records/kinds.ts'
import type { RowsByKind } from '../wal/budget.ts'
import { sequencesIn } from '../wal/closed-segments.ts'
import type { FrameMeta } from '../wal/frame.ts'
import { type ReadFrame, readFrames } from '../wal/read.ts'

/** A batch ends when its frames have so many bytes; one frame may have more. */
const BATCH_BYTES = 512 * 1024

/** How far a receiver has the log. */
export interface Cursor {
  readonly sequence: number
  /** Where the next frame begins in that segment. */
  readonly offset: number
  /** Records of that segment, of the kinds that the receiver gets, that it has. */
  readonly rows: number
}

/** How much of the log is on the disk: what is beyond is not sent, since a crash may take it back. */
export interface LogEnd {
  readonly sequence: number
  readonly bytes: number
}

export interface Batch {
  readonly frames: readonly ReadFrame[]
  /** Where the log is when all of them have arrived. */
  readonly next: Cursor
}

export interface NextOptions {
  readonly data: string
  readonly end: LogEnd
  /** Kinds that the receiver gets; absent for all. */
  readonly kinds?: readonly KindName[]
  /** Hears how many records were given up before they could be sent, and where the log goes on. */
  readonly onLost: (rows: number, cursor: Cursor) => void
}

/** The frames after the cursor, as many as make a batch; undefined when there are none now. */
export async function nextBatch(cursor: Cursor, options: NextOptions): Promise<Batch | undefined> {
  const { data, end, kinds, onLost } = options
  let at = cursor
  for (;;) {
    if (at.sequence > end.sequence || (at.sequence === end.sequence && at.offset >= end.bytes))
      return undefined
    const limit = at.sequence === end.sequence ? end.bytes : Number.POSITIVE_INFINITY
    const frames = await readSome(data, at, limit)
    const last = frames?.at(-1)
    if (frames && last) {
      const rows = frames.reduce((sum, { meta }) => sum + wantedRows(meta, kinds), at.rows)
      return { frames, next: { sequence: at.sequence, offset: last.end, rows } }
    }
    // Its end, or damage that ends the newest one for now.
    if (at.sequence === end.sequence) return undefined
    const lost = frames ? 0 : await lostRows(data, at, kinds)
    at = { sequence: await following(data, at.sequence, end.sequence), offset: 0, rows: 0 }
    if (lost > 0) onLost(lost, at)
  }
}

/** Where a receiver begins that has nothing yet: with the oldest that there is. */
export async function oldest(data: string, end: LogEnd): Promise<Cursor> {
  return { sequence: await following(data, -1, end.sequence), offset: 0, rows: 0 }
}

/** Removes segments, and notes about lost ones, that every receiver is beyond. */
export async function removeSent(data: string, beyond: number): Promise<void> {
  const names: string[] = await readdir(keptDirectory(data)).catch(() => [])
  for (const sequence of names.map(numberOf)) {
    if (sequence === undefined || sequence >= beyond) continue
    await rm(keptFile(data, sequence), { force: true })
    await rm(lostFile(data, sequence), { force: true })
  }
}

/** Frames of one segment; undefined when it is gone, none when there are no more in it. */
async function readSome(
  data: string,
  { sequence, offset }: Cursor,
  limit: number,
): Promise<ReadFrame[] | undefined> {
  // The archive moves it from one place to the other, and not back.
  for (const path of [segmentFile(data, sequence), keptFile(data, sequence)]) {
    const frames: ReadFrame[] = []
    let bytes = 0
    try {
      for await (const frame of readFrames(path, { from: offset })) {
        if (frame.end > limit) break
        frames.push(frame)
        bytes += frame.body.length
        if (bytes >= BATCH_BYTES) break
      }
      return frames
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
        log(`forward-to ${sequence}`, `forward_to: ${describe(error)}; it is passed over`)
        return []
      }
    }
  }
  return undefined
}

/** How many records went with a segment that is gone and had not been sent. */
async function lostRows(
  data: string,
  { sequence, rows }: Cursor,
  kinds: NextOptions['kinds'],
): Promise<number> {
  try {
    const byKind = JSON.parse(await readFile(lostFile(data, sequence), 'utf8')) as RowsByKind
    const held = Object.entries(byKind).reduce(
      (sum, [kind, count]) => sum + (wanted(kind as KindName, kinds) ? count : 0),
      0,
    )
    return Math.max(0, held - rows)
  } catch {
    // Nobody noted it: the disk was full.
    log(
      `forward-to lost ${sequence}`,
      `forward_to: segment ${sequence} is gone, and nobody knows with how many records`,
    )
    return 0
  }
}

/** The next segment that is there, or was and is noted as lost; `last` when there is none before it. */
async function following(data: string, sequence: number, last: number): Promise<number> {
  const names: string[] = await readdir(keptDirectory(data)).catch(() => [])
  const all = [...(await sequencesIn(walDirectory(data))), ...names.map(numberOf), last]
  return Math.min(...(all.filter((one) => one !== undefined && one > sequence && one <= last) as number[]))
}

function numberOf(name: string): number | undefined {
  const match = /^(\d{10})\.(?:wal|lost)$/.exec(name)
  return match?.[1] === undefined ? undefined : Number(match[1])
}

function wantedRows({ kind, encoding, rows = 0 }: FrameMeta, kinds: NextOptions['kinds']): number {
  if (encoding === 'none') return 0
  return wanted(kind ?? 'events', kinds) ? rows : 0
}

/** What came by the Forward protocol counts as events until it is decoded. */
function wanted(kind: KindName, kinds: NextOptions['kinds']): boolean {
  if (!kinds || kinds.includes(kind)) return true
  return kind === 'events' && kinds.includes('container')
}
