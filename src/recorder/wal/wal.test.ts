import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { type FileHandle, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { loggedFrames, loggedRecords } from '../../../tests/recorder-log.ts'
import { zeroCounts } from '../counters.ts'
import { segmentFile, segmentSequence, walDirectory } from '../layout.ts'
import { HEADER } from './frame.ts'
import { readFrames } from './read.ts'
import { Wal, type WalOptions } from './wal.ts'
import type { Writer } from './writer.ts'

const now = Date.UTC(2026, 10, 23, 12)
const forward = { encoding: 'forward' } as const
let data: string
let wals: Wal[]

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'wal-'))
  wals = []
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const wal of wals) await wal.close()
  await rm(data, { recursive: true })
})

async function openWal(options: Partial<WalOptions> = {}): Promise<Wal> {
  const wal = await Wal.open({ data, flushMs: 10, now: () => now, ...options })
  wals.push(wal)
  return wal
}

async function sequences(): Promise<number[]> {
  const names = await readdir(walDirectory(data))
  return names.flatMap((name) => segmentSequence(name) ?? []).sort((a, b) => a - b)
}

async function bodies(): Promise<string[]> {
  return (await loggedFrames(data)).flatMap(({ body }) => (body.length > 0 ? [body.toString()] : []))
}

function texts(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => `body ${from + i}`)
}

async function appendAll(wal: Wal, all: readonly string[]): Promise<void> {
  await Promise.all(all.map((text) => wal.append(forward, Buffer.from(text))))
}

/** What every file handle inherits from: to let its calls fail. */
async function handles(): Promise<FileHandle> {
  const handle = await open('/dev/null')
  await handle.close()
  return Object.getPrototypeOf(handle) as FileHandle
}

function ioError(): Error {
  return Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' })
}

/** A source that counts: its position is the next number. */
function counting(wal: Wal): { readonly writer: Writer; readonly next: { n: number } } {
  const next = { n: 0 }
  const counts = zeroCounts()
  const writer = wal.writer({ kind: 'container', counts, source: 's', position: () => next.n })
  if (typeof writer.savedPosition === 'number') next.n = writer.savedPosition
  return { writer, next }
}

function offer({ writer, next }: ReturnType<typeof counting>, count: number): void {
  for (let i = 0; i < count; i++) writer.offer(now, { n: next.n++ })
}

it('stores frames in order, and syncs once for all that came meanwhile', async () => {
  const datasync = vi.spyOn(await handles(), 'datasync')
  const wal = await openWal()
  await appendAll(wal, texts(1000))
  expect(await bodies()).toEqual(texts(1000))
  // The segment's beginning, then the frames.
  expect(datasync.mock.calls.length).toBeLessThan(5)
})

it('acknowledges nothing before it is synced', async () => {
  const wal = await openWal()
  await wal.append(forward, Buffer.from('first'))
  let release = (): void => undefined
  const hung = new Promise<void>((resolve) => {
    release = resolve
  })
  vi.spyOn(await handles(), 'datasync').mockImplementationOnce(() => hung)
  let acknowledged = false
  const appended = wal.append(forward, Buffer.from('second')).then(() => {
    acknowledged = true
  })
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(await bodies()).toEqual(['first', 'second'])
  expect(acknowledged).toBe(false)
  release()
  await appended
})

it('writes the records of a flush as one frame with its kind, rows, times and position', async () => {
  const source = counting(await openWal())
  source.writer.offer(now + 5, { n: source.next.n++ })
  source.writer.offer(now - 7, { n: source.next.n++ })
  await source.writer.flush()
  source.next.n = 9
  source.writer.touch()
  await source.writer.flush()
  const frames = await loggedFrames(data)
  expect(frames.map(({ meta }) => meta)).toEqual([
    { at: now, encoding: 'none', positions: {} },
    {
      at: now,
      encoding: 'ndjson',
      kind: 'container',
      rows: 2,
      times: [now - 7, now + 5],
      source: 's',
      position: 2,
    },
    { at: now, encoding: 'none', source: 's', position: 9 },
  ])
  expect(frames[1]?.body.toString()).toBe('{"n":0}\n{"n":1}\n')
})

it('flushes by itself', async () => {
  const wal = await openWal()
  const counts = zeroCounts()
  wal.writer({ kind: 'syslog', counts }).offer(now, { n: 1 })
  expect(counts.stored).toBe(0)
  await expect.poll(() => counts.stored).toBe(1)
})

it('reads the same with one piece of memory for all frames, small and large, from any of them on', async () => {
  const wal = await openWal()
  const all = Array.from({ length: 60 }, (_, i) => `${i} `.repeat(1 + ((i * 7919) % 200_000)))
  for (const text of all) await wal.append(forward, Buffer.from(text))
  const [sequence = 0] = await sequences()
  const path = segmentFile(data, sequence)
  const ends: number[] = []
  const seen: string[] = []
  for await (const { body, end } of readFrames(path, { transient: true })) {
    ends.push(end)
    if (body.length > 0) seen.push(body.toString())
  }
  expect(seen).toEqual(all)
  const from = ends[40]
  const rest: string[] = []
  for await (const { body } of readFrames(path, { transient: true, ...(from !== undefined && { from }) }))
    rest.push(body.toString())
  expect(rest).toEqual(all.slice(-rest.length))
  expect(rest).toHaveLength(ends.length - 41)
})

it('goes on after the last whole frame, wherever a crash tore the file', async () => {
  const source = counting(await openWal())
  for (let flush = 0; flush < 4; flush++) {
    offer(source, 3)
    await source.writer.flush()
  }
  await wals.pop()?.close()
  const [sequence = 0] = await sequences()
  const path = segmentFile(data, sequence)
  const whole = join(data, 'whole')
  copyFileSync(path, whole)
  const ends: number[] = []
  for await (const { end } of readFrames(path)) ends.push(end)
  const { size } = await stat(path)
  expect(ends).toEqual([expect.any(Number), expect.any(Number), expect.any(Number), expect.any(Number), size])

  for (let length = ends[0] ?? 0; length <= size; length++) {
    for (const rubbish of ['', '\0'.repeat(100)]) {
      copyFileSync(whole, path)
      truncateSync(path, length)
      writeFileSync(path, rubbish, { flag: 'a' })
      const wal = await openWal()
      const resumed = counting(wal)
      const frames = ends.filter((end) => end <= length).length
      expect(resumed.next.n).toBe((frames - 1) * 3)
      expect(wal.recovered).toEqual({
        segments: 1,
        frames,
        cutBytes: length - (ends[frames - 1] ?? 0) + rubbish.length,
      })
      offer(resumed, 2)
      await resumed.writer.flush()
      await wals.pop()?.close()
      const records = await loggedRecords<{ n: number }>(data, 'container')
      expect(records.map(({ n }) => n)).toEqual(Array.from({ length: resumed.next.n }, (_, i) => i))
    }
  }
})

it('survives a crash at any point of beginning a segment', async () => {
  const source = counting(await openWal())
  offer(source, 5)
  await source.writer.flush()
  await wals.pop()?.close()
  const [sequence = 0] = await sequences()
  writeFileSync(`${segmentFile(data, sequence + 1)}.tmp`, HEADER.subarray(0, 3))
  const resumed = counting(await openWal())
  expect(resumed.next.n).toBe(5)
  expect(await readdir(walDirectory(data))).toEqual([`${sequence}.wal`])
})

it('leaves a newest segment that lost its beginning, and finds the positions before it', async () => {
  const source = counting(await openWal())
  offer(source, 5)
  await source.writer.flush()
  await wals.pop()?.close()
  const [sequence = 0] = await sequences()
  writeFileSync(segmentFile(data, sequence + 1), 'no segment')
  const wal = await openWal()
  const resumed = counting(wal)
  expect(resumed.next.n).toBe(5)
  offer(resumed, 5)
  await resumed.writer.flush()
  expect(readFileSync(segmentFile(data, sequence + 1), 'utf8')).toBe('no segment')
  expect(await sequences()).toEqual([sequence, sequence + 1, sequence + 2])
  await rm(segmentFile(data, sequence + 1))
  expect(await loggedRecords(data, 'container')).toHaveLength(10)
})

it('begins a segment when one is full; positions stay when the closed ones are deleted', async () => {
  const wal = await openWal({ segmentBytes: 1000 })
  const source = counting(wal)
  for (let flush = 0; flush < 50; flush++) {
    offer(source, 10)
    await source.writer.flush()
  }
  const other = wal.writer({ kind: 'syslog', counts: zeroCounts() })
  for (let i = 0; i < 20; i++) {
    other.offer(now, { text: 'x'.repeat(100) })
    await other.flush()
  }
  const closed = (await sequences()).slice(0, -1)
  expect(closed.length).toBeGreaterThan(5)
  for (const sequence of closed) {
    expect((await stat(segmentFile(data, sequence))).size).toBeGreaterThanOrEqual(1000)
    await rm(segmentFile(data, sequence))
  }
  await wal.close()
  expect(counting(await openWal()).next.n).toBe(500)
})

it('begins a segment when one is old, but not for positions alone', async () => {
  const wal = await openWal({ segmentMs: 100 })
  const source = counting(wal)
  for (let i = 0; i < 20; i++) {
    source.writer.touch()
    await source.writer.flush()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  expect(await sequences()).toHaveLength(1)
  offer(source, 1)
  await expect.poll(sequences).toHaveLength(2)
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect((await sequences()).length).toBe(2)
})

it('ends a segment when asked, but none without a record', async () => {
  const wal = await openWal()
  const source = counting(wal)
  source.writer.touch()
  await wal.rotate()
  expect(await sequences()).toHaveLength(1)
  offer(source, 3)
  await wal.rotate()
  await wal.rotate()
  const [first = 0, ...later] = await sequences()
  expect(later).toHaveLength(1)
  let rows = 0
  for await (const { meta } of readFrames(segmentFile(data, first))) rows += meta.rows ?? 0
  expect(rows).toBe(3)
})

it('never gives a number twice, even when the log was deleted', async () => {
  await appendAll(await openWal(), ['a'])
  await wals.pop()?.close()
  const [first = 0] = await sequences()
  await rm(walDirectory(data), { recursive: true })
  await appendAll(await openWal({ now: () => now + 5000 }), ['b'])
  expect((await sequences())[0]).toBeGreaterThan(first)
})

it('reads only the newest segment at the start', async () => {
  const bytes = (process.env.SEKISHO_FULL === '1' ? 1024 : 48) * 1024 * 1024
  const segmentBytes = bytes / 32
  const first = await openWal({ segmentBytes })
  const source = counting(first)
  offer(source, 3)
  await source.writer.flush()
  const body = Buffer.alloc(segmentBytes / 4 + 1, 'x')
  for (let i = 0; i < 4 * 32 + 2; i++) await first.append(forward, body)
  await wals.pop()?.close()
  expect(await sequences()).toHaveLength(33)
  const wal = await openWal({ segmentBytes })
  expect(wal.recovered).toEqual({ segments: 1, frames: 3, cutBytes: 0 })
  expect(counting(wal).next.n).toBe(3)
}, 300_000)

it.each(['datasync', 'writev'] as const)('stores all once when %s fails with EIO', async (call) => {
  const wal = await openWal()
  const source = counting(wal)
  offer(source, 10)
  await source.writer.flush()
  const failing = vi.spyOn(await handles(), call).mockRejectedValueOnce(ioError())
  offer(source, 10)
  const appended = appendAll(wal, texts(3))
  await expect.poll(() => failing.mock.calls.length).toBeGreaterThan(0)
  await source.writer.flush()
  await appended
  expect(wal.error).toBeUndefined()
  expect(await loggedRecords(data, 'container')).toHaveLength(20)
  expect((await bodies()).filter((text) => text.startsWith('body'))).toEqual(texts(3))
  // Another file: it may be this one that is bad.
  expect(await sequences()).toHaveLength(2)
})

it('puts nothing behind a failed write that could not be cut off', async () => {
  const wal = await openWal()
  await appendAll(wal, ['before'])
  const prototype = await handles()
  vi.spyOn(prototype, 'datasync').mockRejectedValueOnce(ioError())
  const truncate = vi.spyOn(prototype, 'truncate').mockRejectedValue(ioError())
  const appended = appendAll(wal, ['after'])
  await expect.poll(() => truncate.mock.calls.length).toBeGreaterThan(2)
  expect(wal.error).toContain('EIO')
  truncate.mockRestore()
  await appended
  expect(await bodies()).toEqual(['before', 'after'])
  expect(await sequences()).toHaveLength(1)
})

it('refuses beyond its bound while the disk refuses, and says when there is room', async () => {
  const wal = await openWal({ maxPendingBytes: 1000 })
  const failing = vi.spyOn(await handles(), 'datasync').mockRejectedValue(ioError())
  const stored: Promise<void>[] = []
  while (!wal.full) stored.push(wal.append(forward, Buffer.alloc(100, 'x')))
  expect(stored).toHaveLength(10)
  await expect(wal.append(forward, Buffer.from('x'))).rejects.toThrow('no room')
  await expect.poll(() => wal.error).toContain('EIO')
  let room = false
  const waiting = wal.room(new AbortController().signal).then(() => {
    room = true
  })
  await wal.room(AbortSignal.abort())
  expect(room).toBe(false)
  failing.mockRestore()
  await Promise.all(stored)
  await waiting
  expect(wal.full).toBe(false)
  expect(await bodies()).toHaveLength(10)
})

it('bounds what a writer holds, and stores each record once when the disk takes them again', async () => {
  const wal = await openWal()
  const counts = zeroCounts()
  const writer = wal.writer({ kind: 'syslog', counts, maxPendingBytes: 1000 })
  const failing = vi.spyOn(await handles(), 'datasync').mockRejectedValue(ioError())
  let taken = 0
  for (let round = 0; round < 5; round++) {
    while (writer.offer(now, { n: taken })) taken += 1
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  expect(taken).toBeGreaterThan(80)
  expect(taken).toBeLessThan(120)
  expect(counts.stored).toBe(0)
  failing.mockRestore()
  await writer.room(new AbortController().signal)
  expect(writer.offer(now, { n: taken++ })).toBe(true)
  await writer.flush()
  expect(counts.stored).toBe(taken)
  const records = await loggedRecords<{ n: number }>(data, 'syslog')
  expect(records.map(({ n }) => n)).toEqual(Array.from({ length: taken }, (_, i) => i))
})

it('closes although the disk refuses: says so, counts what is lost, and keeps what can be read again', async () => {
  const wal = await openWal()
  const source = counting(wal)
  const counts = zeroCounts()
  const writer = wal.writer({ kind: 'syslog', counts })
  offer(source, 4)
  await source.writer.flush()
  vi.spyOn(await handles(), 'datasync').mockRejectedValue(ioError())
  offer(source, 4)
  writer.offer(now, { n: 1 })
  const appended = wal.append(forward, Buffer.from('x'))
  const rejected = expect(appended).rejects.toThrow('EIO')
  await expect.poll(() => wal.error).toContain('EIO')
  writer.offer(now, { n: 2 })
  expect(await wal.close()).toBe(false)
  await rejected
  expect(counts).toMatchObject({ stored: 0, dropped: 2 })
  expect(writer.offer(now, { n: 3 })).toBe(false)
  await expect(wal.append(forward, Buffer.from('y'))).rejects.toThrow('EIO')
  vi.restoreAllMocks()
  wals = []
  expect(counting(await openWal()).next.n).toBe(4)
  expect(await loggedRecords(data, 'container')).toHaveLength(4)
})

it('deletes the oldest segments beyond the budget, and counts what was in them', async () => {
  const wal = await openWal({ segmentBytes: 1000, maxBytes: 5000 })
  const counts = zeroCounts()
  const writer = wal.writer({ kind: 'syslog', counts })
  for (let n = 0; n < 300; n++) {
    writer.offer(now, { n, text: 'x'.repeat(40) })
    await writer.flush()
  }
  await wal.close()
  const kept = await loggedRecords<{ n: number }>(data, 'syslog')
  const { segments, bytes, dropped } = await wal.status()
  expect(kept.length + dropped.rows).toBe(300)
  expect(dropped.segments).toBeGreaterThan(10)
  expect(dropped.bytes).toBeGreaterThan(10_000)
  expect(bytes).toBeLessThan(6200)
  expect(segments).toBeGreaterThan(2)
  expect(kept.at(-1)?.n).toBe(299)
})

it('refuses a frame that is too large to be read again, and goes on', async () => {
  const wal = await openWal({ maxPendingBytes: 2 ** 30 })
  await expect(wal.append(forward, Buffer.alloc(64 * 1024 * 1024))).rejects.toThrow('too large')
  await appendAll(wal, ['next'])
  expect(await bodies()).toEqual(['next'])
})
