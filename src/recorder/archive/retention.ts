import { rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { archiveDirectory, type Partition, quarantineDirectory } from '../layout.ts'
import { type ArchivedFile, listArchive, namesIn } from './files.ts'
import { dateOf } from './filing.ts'

/** A file that retention may delete. */
export interface StoredFile {
  readonly path: string
  /** What it competes with: files of one kind. */
  readonly kind: string
  readonly date: string
  readonly sequence: number
  readonly bytes: number
  /** Absent in the quarantine. */
  readonly partition?: Partition
  /** It is to be uploaded and is not yet: only want of room deletes it. */
  readonly waits: boolean
}

export interface Limits {
  readonly retentionDays: number
  readonly maxBytes: number
}

const DAY_MS = 86_400_000

/**
 * Chooses the files to delete: those whose date is further back than `retentionDays` (unless `today` is undefined: the
 * clock is in doubt), then, while all together exceed `maxBytes`, the oldest of the kind that holds the most, so that a
 * container that shouts does not push out the firewall's records. What waits for its upload goes last.
 */
export function chooseExpired(
  files: readonly StoredFile[],
  limits: Limits,
  today: number | undefined,
): StoredFile[] {
  const oldest = today === undefined ? '' : dateOf(today - limits.retentionDays * DAY_MS)
  const expired = files.filter((file) => file.date < oldest && !file.waits)
  const rest = files.filter((file) => !expired.includes(file))
  let excess = sum(rest) - limits.maxBytes
  for (const candidates of [rest.filter((file) => !file.waits), rest.filter((file) => file.waits)]) {
    const byKind = Map.groupBy(candidates.toSorted(byAge), ({ kind }) => kind)
    const held = new Map([...Map.groupBy(rest, ({ kind }) => kind)].map(([kind, all]) => [kind, sum(all)]))
    while (excess > 0) {
      const largest = [...byKind.keys()].toSorted((a, b) => (held.get(b) ?? 0) - (held.get(a) ?? 0))[0]
      if (largest === undefined) break
      const victim = byKind.get(largest)?.shift()
      if (!victim) {
        byKind.delete(largest)
        continue
      }
      expired.push(victim)
      rest.splice(rest.indexOf(victim), 1)
      held.set(largest, (held.get(largest) ?? 0) - victim.bytes)
      excess -= victim.bytes
    }
  }
  return expired
}

function byAge(a: StoredFile, b: StoredFile): number {
  return a.date < b.date ? -1 : a.date > b.date ? 1 : a.sequence - b.sequence
}

function sum(files: readonly StoredFile[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0)
}

/** The files below the data directory that retention looks after; `waits` says which are not uploaded yet. */
export async function storedFiles(
  data: string,
  waits: (file: ArchivedFile) => boolean,
): Promise<StoredFile[]> {
  const files: StoredFile[] = (await listArchive(data)).map((file) => ({
    path: join(archiveDirectory(data), file.path),
    kind: file.kind,
    date: file.date,
    sequence: file.sequence,
    bytes: file.bytes,
    partition: { site: file.site, kind: file.kind, date: file.date },
    waits: waits(file),
  }))
  for (const name of await namesIn(quarantineDirectory(data))) {
    const sequence = /^(\d{1,10})\.(?:wal|tail)$/.exec(name)?.[1]
    if (sequence === undefined) continue
    const path = join(quarantineDirectory(data), name)
    const { mtimeMs, size } = await stat(path)
    const date = dateOf(mtimeMs)
    files.push({ path, kind: 'quarantine', date, sequence: Number(sequence), bytes: size, waits: false })
  }
  return files
}

/** Deletes files, and the directories of dates that are empty afterwards. */
export async function removeFiles(files: readonly StoredFile[]): Promise<void> {
  for (const { path } of files) await rm(path, { force: true })
  const dates = new Set(files.filter(({ kind }) => kind !== 'quarantine').map(({ path }) => dirname(path)))
  for (const directory of dates) {
    await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'ENOENT') throw error
    })
  }
}
