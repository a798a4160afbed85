import { join } from 'node:path'
import type { KindName } from './records/kinds.ts'

/*
 * Where things lie below the recorder's data directory:
 *
 *   wal/<sequence>.wal                                              what was acknowledged and is not converted yet
 *   archive/site=<site>/kind=<kind>/date=<UTC date>/part-<n>.parquet  what segment <n> brought to that day
 *   archive/site=<site>/kind=<kind>/date=<UTC date>/day-<n>.parquet   the day, sorted, with all parts up to <n> in it
 *   wal/quarantine/<n>.wal                                            frames and records of segment <n> that cannot be converted
 *   wal/forward/<n>.wal                                             a converted segment that a receiver of forward_to still needs
 *   wal/forward/<n>.lost                                            what such a segment held when it was given up
 *   state/                                                          small files of the recorder's own
 *   state/tmp/                                                      what the archive is writing; gone after a crash
 *
 * A partition is read as its newest day-<n> and the parts beyond <n>; older files are remains of a crash, and go.
 */

export function walDirectory(data: string): string {
  return join(data, 'wal')
}

export function segmentFile(data: string, sequence: number): string {
  return join(walDirectory(data), `${number(sequence)}.wal`)
}

/** The sequence number of a segment's file name; undefined for a foreign file. */
export function segmentSequence(name: string): number | undefined {
  const match = /^(\d{10})\.wal$/.exec(name)
  return match?.[1] === undefined ? undefined : Number(match[1])
}

/** What cannot be converted is kept here, in segments of the same format, until retention deletes it. */
export function quarantineDirectory(data: string): string {
  return join(walDirectory(data), 'quarantine')
}

/** Segments that are in the archive and have not been sent to every receiver of forward_to yet. */
export function keptDirectory(data: string): string {
  return join(walDirectory(data), 'forward')
}

export function keptFile(data: string, sequence: number): string {
  return join(keptDirectory(data), `${number(sequence)}.wal`)
}

/** Says how many records of each kind went with a segment that was given up. */
export function lostFile(data: string, sequence: number): string {
  return join(keptDirectory(data), `${number(sequence)}.lost`)
}

export function stateDirectory(data: string): string {
  return join(data, 'state')
}

export function temporaryDirectory(data: string): string {
  return join(stateDirectory(data), 'tmp')
}

export function archiveDirectory(data: string): string {
  return join(data, 'archive')
}

export interface Partition {
  readonly site: string
  readonly kind: KindName
  /** UTC, "2026-11-23". */
  readonly date: string
}

/** A partition's path below the archive, and its prefix in a bucket: Hive style. */
export function partitionPath({ site, kind, date }: Partition): string {
  return `site=${site}/kind=${kind}/date=${date}`
}

export function partName(sequence: number): string {
  return `part-${number(sequence)}.parquet`
}

export function dayName(sequence: number): string {
  return `day-${number(sequence)}.parquet`
}

/** The files of a partition that together are its records, each once. */
export function currentFiles(names: readonly string[]): string[] {
  const files = names.flatMap((name) => {
    const match = /^(part|day)-(\d{10})\.parquet$/.exec(name)
    return match ? [{ name, whole: match[1] === 'day', sequence: Number(match[2]) }] : []
  })
  const newest = Math.max(-1, ...files.filter((file) => file.whole).map((file) => file.sequence))
  return files
    .filter(({ whole, sequence }) => (whole ? sequence === newest : sequence > newest))
    .toSorted((a, b) => a.sequence - b.sequence)
    .map(({ name }) => name)
}

function number(sequence: number): string {
  return String(sequence).padStart(10, '0')
}
