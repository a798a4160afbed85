import { closeSync, existsSync, openSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { zeroCounts } from '../../../src/recorder/counters.ts'
import { segmentFile, walDirectory } from '../../../src/recorder/layout.ts'
import { Wal } from '../../../src/recorder/wal/wal.ts'
import { loggedFrames, loggedRecords } from '../../recorder-log.ts'

/*
 * `faults.ts FAULT DATA`: lives through a fault in a process of its own, and prints what it saw as JSON.
 */

const KiB = 1024
const forward = { encoding: 'forward' } as const

/** DATA is a small file system: fills it, and frees it again. */
async function full(data: string): Promise<object> {
  const wal = await Wal.open({ data, flushMs: 50, maxPendingBytes: 256 * KiB })
  await wal.append(forward, Buffer.from('before'))
  const filler = join(data, 'filler')
  try {
    for (;;) writeFileSync(filler, Buffer.alloc(64 * KiB), { flag: 'a' })
  } catch {
    // It is full.
  }
  const counts = zeroCounts()
  const writer = wal.writer({ kind: 'syslog', counts, maxPendingBytes: 64 * KiB })
  let acknowledged = 0
  const appended: Promise<void>[] = []
  while (!wal.full)
    appended.push(
      wal.append(forward, Buffer.alloc(10 * KiB, 'x')).then(() => {
        acknowledged += 1
      }),
    )
  // A source that cannot wait.
  for (let n = 0; n < 10_000; n++) {
    counts.received += 1
    if (!writer.offer(Date.now(), { n })) counts.dropped += 1
  }
  await sleep(500)
  const meanwhile = { error: wal.error, acknowledged, stored: counts.stored, dropped: counts.dropped }
  rmSync(filler)
  await Promise.all(appended)
  await writer.flush()
  const frames = await loggedFrames(data)
  return {
    meanwhile,
    error: wal.error,
    counts,
    closed: await wal.close(),
    chunks: frames.filter(({ meta }) => meta.encoding === 'forward').length,
    appended: appended.length + 1,
    records: (await loggedRecords(data, 'syslog')).length,
  }
}

/** The process may open no more files when the next segment is due. */
async function files(data: string): Promise<object> {
  const wal = await Wal.open({ data, segmentBytes: 64 * KiB, flushMs: 50 })
  await wal.append(forward, Buffer.from('first'))
  const sequence = Number.parseInt(readdirSync(walDirectory(data))[0] ?? '', 10)
  const held: number[] = []
  try {
    for (;;) held.push(openSync('/dev/null', 'r'))
  } catch {
    // There are too many.
  }
  for (let i = 0; i < 20; i++) await wal.append(forward, Buffer.alloc(10 * KiB, 'x'))
  const rotatedMeanwhile = existsSync(segmentFile(data, sequence + 1))
  for (const fd of held) closeSync(fd)
  await wal.append(forward, Buffer.from('last'))
  const rotated = existsSync(segmentFile(data, sequence + 1))
  await wal.close()
  return { held: held.length, rotatedMeanwhile, rotated, chunks: (await loggedFrames(data)).length - 2 }
}

/** No file may grow beyond 1 MiB (setrlimit(2), RLIMIT_FSIZE). */
async function size(data: string): Promise<object> {
  process.on('SIGXFSZ', () => undefined)
  const wal = await Wal.open({ data, flushMs: 20 })
  for (let i = 0; i < 60; i++) await wal.append(forward, Buffer.alloc(100 * KiB, 'x'))
  await wal.close()
  const sizes = readdirSync(walDirectory(data)).map((name) => statSync(join(walDirectory(data), name)).size)
  const chunks = (await loggedFrames(data)).filter(({ meta }) => meta.encoding === 'forward').length
  return { segments: sizes.length, largest: Math.max(...sizes), chunks, error: wal.error }
}

/** The disk takes nothing and says nothing, while everybody has a lot to say. */
async function stalled(data: string): Promise<object> {
  const wal = await Wal.open({ data })
  await wal.append(forward, Buffer.from('before'))
  const handle = await open('/dev/null')
  await handle.close()
  let release = (): void => undefined
  const stall = new Promise<void>((resolve) => {
    release = resolve
  })
  const prototype = Object.getPrototypeOf(handle) as { datasync: () => Promise<void> }
  const { datasync } = prototype
  prototype.datasync = async function (this: { datasync: () => Promise<void> }) {
    await stall
    await datasync.call(this)
  }
  const counts = zeroCounts()
  const writers = (['syslog', 'drops', 'netflow', 'container'] as const).map((kind) =>
    wal.writer({ kind, counts }),
  )
  const appended: Promise<void>[] = []
  let refused = 0
  let peak = 0
  for (let round = 0; round < 300; round++) {
    for (let n = 0; n < 1000; n++) {
      for (const writer of writers) {
        counts.received += 1
        if (!writer.offer(Date.now(), { round, n, msg: 'x'.repeat(200) })) counts.dropped += 1
      }
    }
    for (let n = 0; n < 10; n++) {
      if (wal.full) refused += 1
      else appended.push(wal.append(forward, Buffer.alloc(64 * KiB, 'x')))
    }
    await sleep(1)
    peak = Math.max(peak, process.memoryUsage.rss())
  }
  const storedMeanwhile = counts.stored
  release()
  await Promise.all(appended)
  const closed = await wal.close()
  peak = Math.max(peak, process.memoryUsage.rss())
  return { counts, storedMeanwhile, refused, appended: appended.length, closed, peakMiB: peak / KiB / KiB }
}

const FAULTS: Readonly<Record<string, (data: string) => Promise<object>>> = {
  none: () => Promise.resolve({}),
  full,
  files,
  size,
  stalled,
}
const [fault = '', data = ''] = process.argv.slice(2)
process.stdout.write(`${JSON.stringify(await FAULTS[fault]?.(data))}\n`)
