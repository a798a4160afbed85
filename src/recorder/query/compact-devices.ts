import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { identifier, literal } from '../sql.ts'
import type { ArchiveFile } from './archive-files.ts'
import { PARTITION_COLUMNS } from './relation.ts'

export interface Compacted {
  /** The files that are in it, as a text. */
  readonly key: string
  readonly path: string
}

/** Days that are over, and what came since. */
export function finishedDays(files: readonly ArchiveFile[]): [ArchiveFile[], ArchiveFile[]] {
  const isDay = ({ path }: ArchiveFile): boolean => basename(path).startsWith('day-')
  return [files.filter(isDay), files.filter((file) => !isDay(file))]
}

export function keyOf(files: readonly ArchiveFile[]): string {
  return files.map(({ path }) => path).join('\n')
}

/**
 * SQL that writes a Parquet file with one row for each while of `devices`, a relation of that kind: of an address that
 * belongs to a device there is a row an hour, of which the latest counts (src/recorder/records/device.ts).
 */
export function compactSql(devices: string, path: string): string {
  const latest = ['device', 'network', 'vendor']
  const partition = Object.keys(PARTITION_COLUMNS).map((name) => `any_value(${name}) AS ${name}`)
  return `COPY (SELECT "time", max("until") AS "until", max(lastSeen) AS lastSeen, bool_and(coalesce("open", false)) AS "open",
    address, macAddress, ${latest.map((name) => `arg_max(${name}, "until") AS ${identifier(name)}`).join(', ')},
    bool_or(randomMac) AS randomMac, ${partition.join(', ')}
    FROM (${devices}) GROUP BY address, macAddress, "time") TO ${literal(path)} (FORMAT parquet, COMPRESSION lz4)`
}

export function compactedPath(directory: string, count: number): string {
  return join(directory, `devices-${count}.parquet`)
}

export function forget(compacted: Compacted | undefined): void {
  if (compacted) rmSync(compacted.path, { force: true })
}
