import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { segmentSequence, walDirectory } from '../src/recorder/layout.ts'
import type { KindName } from '../src/recorder/records/kinds.ts'
import { type ReadFrame, readFrames } from '../src/recorder/wal/read.ts'

/** Every frame of a data directory's log, oldest first. */
export async function loggedFrames(data: string): Promise<ReadFrame[]> {
  const directory = walDirectory(data)
  const names: string[] = await readdir(directory).catch(() => [])
  const frames: ReadFrame[] = []
  for (const name of names.filter((name) => segmentSequence(name) !== undefined).sort())
    for await (const frame of readFrames(join(directory, name))) frames.push(frame)
  return frames
}

/** The records of a kind in a data directory's log, in the order in which they were stored. */
export async function loggedRecords<T>(data: string, kind: KindName): Promise<T[]> {
  const frames = (await loggedFrames(data)).filter(({ meta }) => meta.kind === kind)
  return frames.flatMap(({ meta, body }) => {
    const lines = body.toString().split('\n').slice(0, -1)
    if (lines.length !== meta.rows) throw new Error(`${lines.length} lines in a frame of ${meta.rows} rows`)
    return lines.map((line) => JSON.parse(line) as T)
  })
}
