import type { Partition } from '../layout.ts'
import { isKindName } from '../records/kinds.ts'
import { dateOf } from './filing.ts'
import type { S3Client } from './s3/client.ts'
import type { ArchiveSettings } from './settings.ts'
import { ndjsonParts } from './upload-ndjson.ts'
import { parquetPartition } from './upload-parquet.ts'
import type { ObjectState, PartitionUpload } from './upload-state.ts'

interface Question {
  readonly site: string
  readonly format: ArchiveSettings['format']
  readonly prefix: string
  readonly client: S3Client
  readonly now: number
}

/**
 * What the bucket has, when our own notes are lost or it is a new one. What is in the objects is not known: they are the only
 * copy of it, and none of our segments counts as uploaded.
 */
export async function lookUp(question: Question): Promise<(readonly [Partition, PartitionUpload])[]> {
  const { site, format, prefix, client, now } = question
  const found = new Map<
    string,
    { partition: Partition; objects: Record<string, ObjectState>; index: number }
  >()
  for await (const { key, bytes } of client.list(format === 'parquet' ? `${prefix}site=${site}/` : prefix)) {
    const place = placeOf(question, key)
    if (!place) continue
    const name = `${place.partition.kind} ${place.partition.date}`
    const entry = found.get(name) ?? { partition: place.partition, objects: {}, index: 0 }
    entry.objects[key] = { bytes, sha256: '' }
    entry.index = Math.max(entry.index, place.index)
    found.set(name, entry)
  }
  return [...found.values()].map(({ partition, objects, index }) => [
    partition,
    {
      sequence: -1,
      final: partition.date < dateOf(now),
      verified: new Date(0).toISOString(),
      released: true,
      objects,
      ...(format === 'ndjson.gz' && { index }),
    },
  ])
}

function placeOf(
  { site, format, prefix }: Question,
  key: string,
): { readonly partition: Partition; readonly index: number } | undefined {
  if (format === 'parquet') {
    const partition = parquetPartition(prefix, key)
    return partition && { partition, index: 0 }
  }
  const parts = ndjsonParts(prefix, key)
  if (!parts || !isKindName(parts.kind)) return undefined
  return { partition: { site, kind: parts.kind, date: parts.date }, index: parts.index }
}
