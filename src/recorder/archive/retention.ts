import { readdir, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { dateOf, parseSegmentPath, type SegmentName } from './partition.ts'

export interface StoredSegment extends SegmentName {
  /** Below the data directory. */
  readonly path: string
  readonly bytes: number
}

export interface Limits {
  readonly retentionDays: number
  readonly maxBytes: number
}

const DAY_MS = 86_400_000

/**
 * Chooses the segments to delete: those whose date is further back than `retentionDays` (unless `today` is
 * undefined: the clock is in doubt), then, while all together exceed `maxBytes`, the oldest of the kind that holds
 * the most, so that a container that shouts does not push out the firewall's records. Segments in `open` stay.
 */
export function chooseExpired(
  segments: readonly StoredSegment[],
  limits: Limits,
  today: number | undefined,
  open: ReadonlySet<string>,
): StoredSegment[] {
  const oldest = today === undefined ? '' : dateOf(today - limits.retentionDays * DAY_MS)
  const closed = segments.filter((segment) => !open.has(segment.path)).toSorted(byAge)
  const expired = closed.filter((segment) => segment.date < oldest)
  const rest = closed.filter((segment) => segment.date >= oldest)

  const held = new Map<string, number>()
  for (const { kind, date, path, bytes } of segments) {
    if (date >= oldest || open.has(path)) held.set(kind, (held.get(kind) ?? 0) + bytes)
  }
  let total = [...held.values()].reduce((sum, bytes) => sum + bytes, 0)
  while (total > limits.maxBytes) {
    const kinds = new Set(rest.map((segment) => segment.kind))
    const largest = [...held].filter(([kind]) => kinds.has(kind)).sort((a, b) => b[1] - a[1])[0]?.[0]
    const index = rest.findIndex((segment) => segment.kind === largest)
    const victim = rest[index]
    if (!victim) break
    rest.splice(index, 1)
    expired.push(victim)
    total -= victim.bytes
    held.set(victim.kind, (held.get(victim.kind) ?? 0) - victim.bytes)
  }
  return expired
}

function byAge(a: StoredSegment, b: StoredSegment): number {
  return a.date < b.date ? -1 : a.date > b.date ? 1 : a.sequence - b.sequence
}

/** The segments below the data directory, with their sizes; foreign files are left out and left alone. */
export async function listSegments(root: string): Promise<StoredSegment[]> {
  const paths: string[] = []
  for (const kind of await namesIn(root, 'kind=')) {
    for (const date of await namesIn(join(root, kind), 'date=')) {
      for (const name of await namesIn(join(root, kind, date), '')) paths.push(`${kind}/${date}/${name}`)
    }
  }
  const segments: StoredSegment[] = []
  for (const path of paths) {
    const name = parseSegmentPath(path)
    const info = name && (await stat(join(root, path)).catch(() => undefined))
    if (name && info?.isFile()) segments.push({ ...name, path, bytes: info.size })
  }
  return segments
}

async function namesIn(path: string, prefix: string): Promise<string[]> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw error
  })
  return names.filter((name) => name.startsWith(prefix)).sort()
}

/** Deletes segments, and the date directories that are empty afterwards. */
export async function removeSegments(root: string, segments: readonly StoredSegment[]): Promise<void> {
  for (const { path } of segments) await rm(join(root, path), { force: true })
  for (const directory of new Set(segments.map(({ path }) => dirname(path)))) {
    await rmdir(join(root, directory)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'ENOENT') throw error
    })
  }
}
