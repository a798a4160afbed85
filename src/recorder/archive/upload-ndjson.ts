import { join } from 'node:path'
import type { Partition } from '../layout.ts'
import { KINDS } from '../records/kinds.ts'
import { identifier, literal } from '../sql.ts'
import { hashFile } from './file-hash.ts'
import { table } from './parquet.ts'
import type { PartitionJob } from './upload-parquet.ts'
import type { ObjectState, PartitionUpload } from './upload-state.ts'

/** A segment is closed after 15 minutes, and converted soon after. */
const GRACE_MS = 20 * 60_000
const HOUR_MS = 3_600_000

/** `<kind>/%Y/%m/%d/%Y%m%d%H_<index>.gz`, as fluentd's out_s3 names its objects. */
export function ndjsonKey(prefix: string, { kind, date }: Partition, hour: number, index: number): string {
  const compact = date.replaceAll('-', '')
  return `${prefix}${kind}/${date.replaceAll('-', '/')}/${compact}${String(hour).padStart(2, '0')}_${index}.gz`
}

/** The kind, date and index of a key; undefined for any other object. */
export function ndjsonParts(
  prefix: string,
  key: string,
): { readonly kind: string; readonly date: string; readonly index: number } | undefined {
  const match = /^([a-z]{1,20})\/(\d{4})\/(\d{2})\/(\d{2})\/\2\3\4\d{2}_(\d{1,6})\.gz$/.exec(
    key.startsWith(prefix) ? key.slice(prefix.length) : '',
  )
  const [, kind, year, month, day, index] = match ?? []
  return kind ? { kind, date: `${year}-${month}-${day}`, index: Number(index) } : undefined
}

/**
 * Brings the hours that are over as gzipped JSON lines, in the order of time. An hour is put again when it has grown. What
 * comes after the local copy is gone makes objects of its own, with the next index.
 */
export async function putNdjson(job: PartitionJob): Promise<PartitionUpload> {
  const { partition, before, now, engine } = job
  const from = table(partition.kind, job.files)
  // A record of another day, filed here because its own was out of range, goes to the first or the last hour.
  const start = `TIMESTAMP ${literal(`${partition.date} 00:00:00`)}`
  const hourOf = `greatest(0, least(23, floor(epoch("time" - ${start}) / 3600)::INTEGER))`
  const index = (before?.index ?? 0) + (before?.released ? 1 : 0)

  const counted = await engine.rows(
    `SELECT ${hourOf} AS hour, count(*)::DOUBLE AS n FROM ${from} GROUP BY 1 ORDER BY 1`,
  )
  const hours = counted.map(({ hour, n }) => ({ hour: Number(hour), rows: Number(n) }))
  const objects: Record<string, ObjectState> = { ...before?.objects }
  let open = false
  for (const { hour, rows } of hours) {
    if (!job.final && Date.parse(partition.date) + (hour + 1) * HOUR_MS + GRACE_MS > now) {
      open = true
      continue
    }
    const key = ndjsonKey(job.prefix, partition, hour, index)
    if (objects[key]?.rows === rows) continue
    const path = join(job.temporary, 'hour.gz')
    await engine.run(
      `COPY (SELECT ${columnsOf(partition.kind)} FROM ${from} WHERE ${hourOf} = ${hour} ORDER BY "time") TO ${literal(path)} ` +
        `(FORMAT json, COMPRESSION gzip, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%fZ')`,
    )
    const hash = await hashFile(path)
    if (objects[key]?.sha256 !== hash.sha256) await job.client.putFile(key, path, hash)
    job.onProgress()
    objects[key] = { bytes: hash.bytes, sha256: hash.sha256, rows }
  }
  return {
    // As long as an hour is open there is more to bring.
    sequence: open ? -1 : job.sequence,
    final: job.final,
    verified: new Date(now).toISOString(),
    released: before?.released === true,
    objects,
    index,
  }
}

function columnsOf(kind: Partition['kind']): string {
  return Object.entries(KINDS[kind].columns)
    .map(([name, type]) =>
      type === 'JSON' ? `${identifier(name)}::JSON AS ${identifier(name)}` : identifier(name),
    )
    .join(', ')
}
