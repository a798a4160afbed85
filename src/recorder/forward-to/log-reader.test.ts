import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { keptDirectory, keptFile, segmentFile } from '../layout.ts'
import { noteLost } from '../wal/budget.ts'
import { Wal } from '../wal/wal.ts'
import { type Cursor, nextBatch, oldest, removeSent } from './log-reader.ts'

let data: string
let wal: Wal
let lost: number
const segments: number[] = []

/** Three segments, with the bodies "0" to "5": two in each. */
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'log-reader-'))
  wal = await Wal.open({ data, flushMs: 10 })
  lost = 0
  segments.length = 0
  for (const n of [0, 2, 4]) {
    for (const body of [n, n + 1])
      await wal.append({ encoding: 'ndjson', kind: 'syslog', rows: 10 }, Buffer.from(String(body)))
    segments.push(end().sequence)
    if (n < 4) await wal.rotate()
  }
})
afterEach(async () => {
  await wal.close()
  await rm(data, { recursive: true })
})

function end() {
  if (!wal.end) throw new Error('the log is empty')
  return wal.end
}

async function keep(sequence: number): Promise<void> {
  await mkdir(keptDirectory(data), { recursive: true })
  await rename(segmentFile(data, sequence), keptFile(data, sequence))
}

/** The bodies from a cursor to the end of the log. */
async function bodies(from?: Cursor, upTo = end()): Promise<string[]> {
  let cursor = from ?? (await oldest(data, upTo))
  const found: string[] = []
  const onLost = (rows: number, at: Cursor): void => {
    lost += rows
    cursor = at
  }
  for (;;) {
    const batch = await nextBatch(cursor, { data, end: upTo, onLost })
    if (!batch) return found
    found.push(
      ...batch.frames.filter(({ meta }) => meta.encoding !== 'none').map(({ body }) => body.toString()),
    )
    cursor = batch.next
  }
}

it('reads from the oldest on, wherever the archive has brought it meanwhile', async () => {
  const [first = 0, second = 0] = segments
  expect(await bodies()).toEqual(['0', '1', '2', '3', '4', '5'])
  await keep(first)
  expect(await bodies()).toEqual(['0', '1', '2', '3', '4', '5'])
  await keep(second)
  expect(await bodies()).toEqual(['0', '1', '2', '3', '4', '5'])
  expect(lost).toBe(0)
})

it('reads nothing beyond what is on the disk', async () => {
  const { sequence, bytes } = end()
  expect(await bodies(undefined, { sequence, bytes: bytes - 1 })).toEqual(['0', '1', '2', '3', '4'])
})

it('counts what was given up, less what had been sent of it', async () => {
  const [first = 0, second = 0] = segments
  for (const sequence of [first, second]) {
    await noteLost(data, sequence, { syslog: 20, dns: 7 })
    await rm(segmentFile(data, sequence))
  }
  expect(await bodies({ sequence: first, offset: 50, rows: 10 })).toEqual(['4', '5'])
  expect(lost).toBe(17 + 27)
  // For one who comes first now, all of it is lost that was noted.
  expect(await bodies()).toEqual(['4', '5'])
})

it('counts only what the receiver would have got', async () => {
  const [first = 0] = segments
  await noteLost(data, first, { syslog: 20, dns: 7, events: 3 })
  await rm(segmentFile(data, first))
  const cursor = { sequence: first, offset: 50, rows: 0 }
  const onLost = (rows: number): void => {
    lost += rows
  }
  await nextBatch(cursor, { data, end: end(), kinds: ['dns'], onLost })
  expect(lost).toBe(7)
  await nextBatch(cursor, { data, end: end(), kinds: ['container'], onLost })
  expect(lost).toBe(10)
})

it('removes what all have', async () => {
  const [first = 0, second = 0] = segments
  await keep(first)
  await keep(second)
  await noteLost(data, first - 1, {})
  await removeSent(data, second)
  expect(await readdir(keptDirectory(data))).toEqual([`${second}.wal`])
})
