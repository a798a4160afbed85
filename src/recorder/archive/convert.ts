import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import {
  archiveDirectory,
  keptFile,
  partitionPath,
  partName,
  quarantineDirectory,
  stateDirectory,
  temporaryDirectory,
} from '../layout.ts'
import { isKindName, type KindName } from '../records/kinds.ts'
import { forwardLines } from '../sources/forward/entries.ts'
import type { ClosedSegment } from '../wal/closed-segments.ts'
import { encodeFrame, type FrameMeta, HEADER } from '../wal/frame.ts'
import { readFrames } from '../wal/read.ts'
import { commit } from './commit.ts'
import type { Engine } from './engine.ts'
import { type Filing, filedDate, isDate } from './filing.ts'
import { writeBatch } from './load.ts'
import { mergeFiles } from './merge.ts'
import { type Converted, zeroConverted } from './messages.ts'
import { PART, sizeOf, sortColumns, table, writeParquet } from './parquet.ts'
import { SEEN_CHUNKS, SeenChunks } from './seen-chunks.ts'
import { type Batch, Staging } from './staging.ts'

export interface ConvertOptions {
  readonly engine: Engine
  /** The recorder's data directory. */
  readonly data: string
  readonly site: string
  readonly retentionDays: number
  /** The segment is kept for receivers of forward_to, which take it away when all have it. */
  readonly forwards: boolean
  readonly onProgress?: () => void
}

interface Work {
  readonly options: ConvertOptions
  readonly segment: ClosedSegment
  /** Temporary files of this segment. */
  readonly directory: string
  readonly staging: Staging
  readonly seen: SeenChunks
  readonly counts: Converted
  /** Frames for the quarantine. */
  readonly aside: Buffer[]
  takenMs: number
}

/**
 * Converts one closed segment: its records come to a `part` file of their kind and date each, sorted, and the segment
 * goes, or is kept for forward_to. All of that happens at once; when it throws, nothing has happened.
 */
export async function convertSegment(options: ConvertOptions, segment: ClosedSegment): Promise<Converted> {
  const { data } = options
  const directory = join(temporaryDirectory(data), String(segment.sequence))
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true, mode: 0o750 })
  const work: Work = {
    options,
    segment,
    directory,
    staging: new Staging(directory),
    seen: await SeenChunks.load(join(stateDirectory(data), SEEN_CHUNKS)),
    counts: zeroConverted(),
    aside: [],
    takenMs: 0,
  }
  const moves: [string, string][] = []
  try {
    await stage(work, moves)
    const parts = await writeBatches(work, await work.staging.finish())
    for (const { kind, date, files } of parts.values()) {
      const from = await onePart(work, kind, date, files)
      const partition = partitionPath({ site: options.site, kind, date })
      moves.push([from, join(archiveDirectory(data), partition, partName(segment.sequence))])
    }
    if (work.aside.length > 0) await quarantine(work, moves)
    if (options.forwards) moves.push([segment.path, keptFile(data, segment.sequence)])
    await commit(data, {
      moves: moves.map(([from, to]) => [relative(data, from), relative(data, to)]),
      removals: options.forwards ? [] : [relative(data, segment.path)],
    })
  } finally {
    await work.staging.abandon()
    await rm(directory, { recursive: true, force: true })
  }
  return work.counts
}

/** Brings the segment's records into the staging files. */
async function stage(work: Work, moves: [string, string][]): Promise<void> {
  const { staging, seen, segment, counts } = work
  let end = HEADER.length
  let remembered = false
  for await (const { meta, body, end: frameEnd } of readFrames(segment.path, { transient: true })) {
    end = frameEnd
    if (meta.encoding === 'none') continue
    work.takenMs ||= meta.at
    if (meta.encoding === 'ndjson' && meta.kind !== undefined && isKindName(meta.kind)) {
      await staging.add(meta.kind, body)
    } else if (meta.encoding === 'forward' && meta.forward) {
      remembered ||= meta.forward.chunk !== undefined
      if (seen.has(meta.forward, body)) counts.duplicateChunks += 1
      else await stageForward(work, meta, body)
    } else {
      counts.unknownFrames += 1
      work.aside.push(...encodeFrame(meta, Buffer.from(body)))
    }
  }
  if (remembered) {
    const path = join(work.directory, SEEN_CHUNKS)
    await writeFile(path, seen.toText(), { mode: 0o640 })
    moves.push([path, join(stateDirectory(work.options.data), SEEN_CHUNKS)])
  }
  const { size } = await stat(segment.path)
  if (size > end) {
    counts.damagedBytes = size - end
    const path = join(work.directory, 'tail')
    await pipeline(createReadStream(segment.path, { start: end }), createWriteStream(path, { mode: 0o640 }))
    moves.push([path, join(quarantineDirectory(work.options.data), `${segment.sequence}.tail`)])
  }
}

async function stageForward({ staging, counts }: Work, meta: FrameMeta, body: Buffer): Promise<void> {
  if (!meta.forward) return
  const tally = { malformed: 0 }
  for (const { kind, lines } of forwardLines(meta.forward, body, meta.at, tally))
    await staging.add(kind, lines)
  counts.malformed += tally.malformed
}

interface PartFiles {
  readonly kind: KindName
  readonly date: string
  readonly files: string[]
}

/** Writes each batch as Parquet files, one a date. */
async function writeBatches(work: Work, batches: readonly Batch[]): Promise<Map<string, PartFiles>> {
  const { engine, retentionDays, onProgress } = work.options
  const parts = new Map<string, PartFiles>()
  for (const [i, batch] of batches.entries()) {
    const { kind } = batch
    const written = join(work.directory, `${kind}-${i}.parquet`)
    const loaded = await writeBatch(engine, batch, work.takenMs, written)
    work.counts.rows += loaded.rows
    work.counts.repaired += loaded.repaired
    work.counts.malformed += loaded.unreadable.length
    if (loaded.unreadable.length > 0) {
      const body = Buffer.from(`${loaded.unreadable.join('\n')}\n`)
      const meta: FrameMeta = { at: work.takenMs, encoding: 'ndjson', kind, rows: loaded.unreadable.length }
      work.aside.push(...encodeFrame(meta, body))
    }
    for (const [date, path] of await byDate(engine, kind, written, {
      takenMs: work.takenMs,
      retentionDays,
    })) {
      const part = parts.get(`${kind} ${date}`) ?? { kind, date, files: [] }
      parts.set(`${kind} ${date}`, part)
      part.files.push(path)
    }
    await rm(batch.path)
    onProgress?.()
  }
  return parts
}

/** A sorted file as one file for each date of its records: nearly always the file itself. */
async function byDate(
  engine: Engine,
  kind: KindName,
  path: string,
  filing: Filing,
): Promise<[string, string][]> {
  const filed = filedDate(filing)
  const dates = await engine.rows(
    `SELECT (${filed})::VARCHAR AS date, count(*)::DOUBLE AS rows FROM ${table(kind, [path])} GROUP BY ALL`,
  )
  const size = dates.length > 1 ? await sizeOf(engine, [path]) : undefined
  const files: [string, string][] = []
  for (const row of dates) {
    const date = String(row.date)
    if (!isDate(date)) throw new Error(`records of ${date} cannot be filed`)
    if (!size) return [[date, path]]
    const rows = Number(row.rows)
    const own = `${path}.${date}`
    const query = `SELECT * FROM ${table(kind, [path])} WHERE ${filed} = DATE '${date}' ORDER BY ${sortColumns(kind).join(', ')}`
    await writeParquet(engine, query, own, { rows, bytes: (size.bytes * rows) / size.rows }, PART)
    files.push([date, own])
  }
  return files
}

async function onePart(work: Work, kind: KindName, date: string, files: readonly string[]): Promise<string> {
  const [first] = files
  if (first !== undefined && files.length === 1) return first
  const path = join(work.directory, `${kind}-${date}.parquet`)
  await mergeFiles(work.options.engine, kind, files, path, PART, work.options.onProgress)
  return path
}

async function quarantine(work: Work, moves: [string, string][]): Promise<void> {
  const path = join(work.directory, 'aside')
  await writeFile(path, [HEADER, ...work.aside], { mode: 0o640 })
  moves.push([path, join(quarantineDirectory(work.options.data), `${work.segment.sequence}.wal`)])
}
