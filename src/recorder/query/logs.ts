import { setTimeout as sleep } from 'node:timers/promises'
import { KINDS, type KindName } from '../records/kinds.ts'
import { identifier } from '../sql.ts'
import { condition, type Filter } from './filter.ts'
import { type Format, Output } from './output.ts'
import type { Place } from './place.ts'
import type { Session } from './session.ts'
import { SHOWN } from './shown.ts'
import { Tail } from './tail.ts'

export interface LogsOptions {
  readonly filter: Filter
  readonly format: Format
  /** Only the last so many. */
  readonly limit?: number
  /** Goes on with what comes, until this signal. */
  readonly follow?: AbortSignal
  readonly write: (text: string) => Promise<void>
  readonly width?: number
}

const POLL_MS = 250

/** Writes the records of a kind that pass the filter, the oldest first. */
export async function writeLogs(
  place: Place,
  session: Session,
  kind: KindName,
  options: LogsOptions,
): Promise<void> {
  const { filter, format, limit, follow, write, width } = options
  const json = Object.entries(KINDS[kind].columns).flatMap(([name, type]) => (type === 'JSON' ? [name] : []))
  const output = new Output({
    format,
    write,
    ...(width !== undefined && { width }),
    json: new Set(json),
    records: true,
  })
  // Opened before the log is read, and read from there on.
  const tail = follow && new Tail(place.data, kind)
  try {
    await session.run([kind], logsSql(kind, filter, format, limit), (result) => output.take(result))
    await output.end()
    if (!tail) return
    tail.skip(session.ends(kind))
    while (!follow?.aborted) {
      const lines = await tail.read(session.directory)
      if (lines)
        await session.runOver(kind, [lines], logsSql(kind, filter, format), (result) => output.take(result))
      await output.end()
      await sleep(POLL_MS, undefined, follow ? { signal: follow } : {}).catch(() => undefined)
    }
  } finally {
    tail?.close()
  }
}

function logsSql(kind: KindName, filter: Filter, format: Format, limit?: number): string {
  const matching = `SELECT * FROM ${identifier(kind)} WHERE ${condition(kind, filter)}`
  const rows =
    limit === undefined ? matching : `SELECT * FROM (${matching}) ORDER BY "time" DESC LIMIT ${limit}`
  const columns =
    format === 'table'
      ? ['"time"', ...Object.entries(SHOWN[kind]).map(([heading, sql]) => `${sql} AS ${identifier(heading)}`)]
      : Object.keys(KINDS[kind].columns).map(identifier)
  return `SELECT ${columns.join(', ')} FROM (${rows}) ORDER BY "time"`
}
