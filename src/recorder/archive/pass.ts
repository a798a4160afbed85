import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { stateDirectory, temporaryDirectory } from '../layout.ts'
import { describe } from '../log.ts'
import { closedSegments, keptSegments } from '../wal/closed-segments.ts'
import { AttemptCounter } from './attempts.ts'
import { recover } from './commit.ts'
import { convertSegment } from './convert.ts'
import { isDue, mergeDay, partitionsOf } from './days.ts'
import { Engine } from './engine.ts'
import { listArchive } from './files.ts'
import type { Converted, PassCounts } from './messages.ts'
import { chooseExpired, removeFiles, storedFiles } from './retention.ts'
import type { ArchiveSettings } from './settings.ts'
import { type UploadReport, uploadArchive } from './upload.ts'
import { isUploaded } from './upload-due.ts'
import { chooseOverflow, noteExpired, removeReleased } from './upload-expire.ts'
import { targetOf, UploadState } from './upload-state.ts'

export interface PassOptions {
  /** The recorder's data directory. */
  readonly data: string
  readonly site: string
  readonly retentionDays: number
  readonly maxBytes: number
  readonly archive: ArchiveSettings
  /** Receivers that read the log too: what is converted stays until they have it. */
  readonly forwardTo: readonly object[]
  /** The wall clock may decide what is too old (ClockTrust). */
  readonly clockTrusted: boolean
  /** Called whenever a step is done: a pass that is silent for long hangs. */
  readonly onProgress?: (counts: PassCounts) => void
  readonly now?: () => number
}

/**
 * One pass of the archive: finishes what a crash interrupted, converts the closed segments in order, merges the days
 * that are over, brings what is due to the bucket when there is one. Throws what stopped it; `counts` holds what was done
 * until then.
 */
export async function runPass(options: PassOptions, counts: PassCounts): Promise<UploadReport | undefined> {
  const { data, site, retentionDays, now = Date.now } = options
  const { format, s3 } = options.archive
  const forwards = options.forwardTo.length > 0
  const onProgress = (): void => options.onProgress?.(counts)
  await mkdir(stateDirectory(data), { recursive: true, mode: 0o750 })
  await recover(data)
  await rm(temporaryDirectory(data), { recursive: true, force: true })
  const state = s3 && (await UploadState.open(data, targetOf(format, s3)))
  if (state) await removeReleased(data, state)
  const engine = await Engine.start(join(temporaryDirectory(data), 'duckdb'))
  try {
    const attempts = new AttemptCounter(data)
    for (const segment of await closedSegments(data)) {
      if (!(await attempts.begin(segment.sequence))) {
        counts.quarantined += 1
        continue
      }
      try {
        add(
          counts,
          await convertSegment({ engine, data, site, retentionDays, forwards, onProgress }, segment),
        )
      } catch (error) {
        await attempts.failed(segment.sequence, error)
        throw new Error(`segment ${segment.sequence}: ${describe(error)}`, { cause: error })
      }
      await attempts.succeeded()
      counts.segments += 1
      onProgress()
    }
    await expire(options, state, counts)
    for (const partition of partitionsOf(await listArchive(data))) {
      if (!isDue(partition, now())) continue
      await mergeDay(engine, data, partition, onProgress)
      counts.days += 1
      onProgress()
    }
    const upload =
      state &&
      (await uploadArchive({ data, site, format, s3, state, engine, env: process.env, now, onProgress }))
    await expire(options, state, counts)
    return upload
  } finally {
    engine.close()
    await rm(temporaryDirectory(data), { recursive: true, force: true })
  }
}

/** Deletes what is too old or too much: before days are merged as well, since that needs room. */
async function expire(
  { data, retentionDays, maxBytes, archive, clockTrusted, now = Date.now }: PassOptions,
  state: UploadState | undefined,
  counts: PassCounts,
): Promise<void> {
  const segments = [...(await closedSegments(data)), ...(await keptSegments(data))]
  const logged = segments.reduce((sum, { bytes }) => sum + bytes, 0)
  const files = await storedFiles(data, (file) => state !== undefined && !isUploaded(file, state.get(file)))
  const given = chooseOverflow(files, archive.spoolBytes)
  const limits = { retentionDays, maxBytes: Math.max(0, maxBytes - logged) }
  const kept = files.filter((file) => !given.includes(file))
  const expired = [...given, ...chooseExpired(kept, limits, clockTrusted ? now() : undefined)]
  if (state) await noteExpired(state, expired)
  await removeFiles(expired)
  counts.deletedFiles += expired.length
  counts.deletedBytes += expired.reduce((sum, { bytes }) => sum + bytes, 0)
}

function add(counts: PassCounts, converted: Converted): void {
  for (const key of Object.keys(converted) as (keyof Converted)[]) counts[key] += converted[key]
}
