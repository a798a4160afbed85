import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { zeroCounts } from '../counters.ts'
import { segmentPath } from './partition.ts'
import { Store } from './store.ts'
import type { Writer } from './writer.ts'

const now = Date.UTC(2026, 10, 23, 12)
let root: string
let stores: Store[]

beforeEach(async () => {
  // A store that stands for a crashed process must not flush later on.
  vi.useFakeTimers({ toFake: ['setInterval'] })
  root = await mkdtemp(join(tmpdir(), 'store-'))
  stores = []
})
afterEach(async () => {
  vi.useRealTimers()
  for (const store of stores) await store.close()
  await rm(root, { recursive: true })
})

async function openStore(maxBytes = 2 ** 30): Promise<Store> {
  const store = await Store.open({ root, retentionDays: 30, maxBytes, now: () => now })
  stores.push(store)
  return store
}

/** All of a kind's records, in the order of the files. */
async function records(kind: string): Promise<{ n: number }[]> {
  const dates: string[] = await readdir(join(root, `kind=${kind}`)).catch(() => [])
  const texts: string[] = []
  for (const date of dates.sort()) {
    for (const name of (await readdir(join(root, `kind=${kind}`, date))).sort()) {
      texts.push(await readFile(join(root, `kind=${kind}`, date, name), 'utf8'))
    }
  }
  const text = texts.join('')
  if (text !== '') expect(text.endsWith('\n')).toBe(true)
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as { n: number }]))
}

it('stores records by kind and UTC date, and counts them when they are on the disk', async () => {
  const store = await openStore()
  const counts = zeroCounts()
  const writer = await store.writer({ kind: 'syslog', counts })
  expect(writer.offer(now, { n: 1 })).toBe(true)
  expect(writer.offer(now - 86_400_000, { n: 2 })).toBe(true)
  expect(counts.stored).toBe(0)
  expect(await writer.flush()).toBe(true)
  expect(counts.stored).toBe(2)
  expect(await readFile(join(root, segmentPath('syslog', '2026-11-23', 0)), 'utf8')).toBe('{"n":1}\n')
  expect(await readFile(join(root, segmentPath('syslog', '2026-11-22', 0)), 'utf8')).toBe('{"n":2}\n')
})

it('flushes by itself within about a second', async () => {
  vi.useRealTimers()
  const store = await openStore()
  const counts = zeroCounts()
  const writer = await store.writer({ kind: 'syslog', counts })
  writer.offer(now, { n: 1 })
  await expect.poll(() => counts.stored, { timeout: 3000 }).toBe(1)
})

it('appends to the last segment after a restart, and cuts off a torn line', async () => {
  const path = join(root, segmentPath('syslog', '2026-11-23', 4))
  await mkdir(join(root, 'kind=syslog/date=2026-11-23'), { recursive: true })
  await writeFile(path, `{"n":1}\n{"n":2}\n{"n":${'3'.repeat(200_000)}`)
  const writer = await (await openStore()).writer({ kind: 'syslog', counts: zeroCounts() })
  writer.offer(now, { n: 4 })
  await writer.flush()
  expect(await readFile(path, 'utf8')).toBe('{"n":1}\n{"n":2}\n{"n":4}\n')
})

it('begins a new segment when one is full, and deletes the oldest beyond max_bytes', async () => {
  const store = await openStore(2 * 1024 * 1024)
  const writer = await store.writer({ kind: 'docker', counts: zeroCounts() })
  const filler = 'x'.repeat(1000)
  for (let n = 0; n < 4000; n++) {
    expect(writer.offer(now, { n, filler })).toBe(true)
    if (n % 50 === 0) await writer.flush()
  }
  await writer.flush()
  await store.enforceLimits()
  const kept = await records('docker')
  expect(store.bytes).toBeLessThanOrEqual(2 * 1024 * 1024)
  expect(store.bytes).toBeGreaterThan(1.8 * 1024 * 1024)
  expect(kept.at(-1)?.n).toBe(3999)
  expect(kept.map(({ n }) => n)).toEqual(
    Array.from({ length: kept.length }, (_, i) => 4000 - kept.length + i),
  )
})

it('refuses records beyond its bound and says when there is room again', async () => {
  const store = await openStore()
  const writer = await store.writer({ kind: 'syslog', counts: zeroCounts(), maxPendingBytes: 10_000 })
  let taken = 0
  while (writer.offer(now, { n: taken, filler: 'x'.repeat(100) })) taken += 1
  expect(taken).toBeGreaterThan(50)
  expect(taken).toBeLessThan(110)
  await writer.room(new AbortController().signal)
  expect(writer.offer(now, { n: taken })).toBe(true)
  await writer.flush()
  expect((await records('syslog')).map(({ n }) => n)).toEqual(Array.from({ length: taken + 1 }, (_, i) => i))
})

it('keeps records while the disk refuses them, and stores each once when it takes them again', async () => {
  const store = await openStore()
  const counts = zeroCounts()
  const writer = await store.writer({ kind: 'syslog', counts, maxPendingBytes: 1000 })
  // A file where the directory has to be.
  await writeFile(join(root, 'kind=syslog'), '')
  let taken = 0
  while (writer.offer(now, { n: taken })) taken += 1
  expect(await writer.flush()).toBe(false)
  expect(store.error).toMatch(/EEXIST|ENOTDIR/)
  expect(counts.stored).toBe(0)
  expect(writer.offer(now, { n: 999 })).toBe(false)
  await rm(join(root, 'kind=syslog'))
  expect(await writer.flush()).toBe(true)
  expect(store.error).toBeUndefined()
  expect(counts.stored).toBe(taken)
  expect((await records('syslog')).map(({ n }) => n)).toEqual(Array.from({ length: taken }, (_, i) => i))
})

/** A source that counts: its position is the next number. */
async function counting(store: Store): Promise<{ writer: Writer; next: { n: number } }> {
  const next = { n: 0 }
  const writer = await store.writer({ kind: 'docker', counts: zeroCounts(), position: () => next.n })
  if (typeof writer.savedPosition === 'number') next.n = writer.savedPosition
  return { writer, next }
}

function offer({ writer, next }: { writer: Writer; next: { n: number } }, count: number): void {
  for (let i = 0; i < count; i++) writer.offer(now - (next.n % 3) * 86_400_000, { n: next.n++ })
}

it('resumes from the position that belongs to what is stored', async () => {
  const first = await counting(await openStore())
  offer(first, 100)
  await first.writer.flush()
  offer(first, 50)
  // Not flushed: this run ends here.
  const second = await counting(await openStore())
  expect(second.next.n).toBe(100)
})

it('cuts off what a crash stored beyond the position, so that nothing is stored twice', async () => {
  const first = await counting(await openStore())
  offer(first, 100)
  await first.writer.flush()
  const checkpoint = await readFile(join(root, 'state/docker.json'), 'utf8')
  offer(first, 100)
  await first.writer.flush()
  // The crash: the data was synced and the checkpoint was not, and a line is torn.
  await writeFile(join(root, 'state/docker.json'), checkpoint)
  await appendFile(join(root, segmentPath('docker', '2026-11-22', 0)), '{"n":')

  const second = await counting(await openStore())
  expect(second.next.n).toBe(100)
  offer(second, 200)
  await second.writer.flush()
  expect((await records('docker')).map(({ n }) => n).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 300 }, (_, i) => i),
  )
})

it('knows a segment before its first byte, so that a crash in the first round leaves nothing twice', async () => {
  const first = await counting(await openStore())
  // The third date cannot be stored: the round stays open, and two dates are on the disk.
  await mkdir(join(root, 'kind=docker'), { recursive: true })
  await writeFile(join(root, 'kind=docker/date=2026-11-21'), '')
  offer(first, 30)
  expect(await first.writer.flush()).toBe(false)
  expect(await readdir(join(root, 'kind=docker/date=2026-11-23'))).toEqual(['000000.ndjson'])
  await rm(join(root, 'kind=docker/date=2026-11-21'))

  // A second process after a crash: the first never comes back.
  const second = await counting(await openStore())
  expect(second.next.n).toBe(0)
  offer(second, 30)
  await second.writer.flush()
  expect((await records('docker')).length).toBe(30)
})

it('starts over from a checkpoint that is damaged', async () => {
  await mkdir(join(root, 'state'), { recursive: true })
  for (const text of ['', '{', '[]', '{"version":1}', '{"version":1,"position":3,"sizes":{"a":-1}}']) {
    await writeFile(join(root, 'state/docker.json'), text)
    expect((await counting(await openStore())).next.n).toBe(0)
  }
})

it('never touches a file outside its kind, whatever a checkpoint says', async () => {
  await mkdir(join(root, 'state'), { recursive: true })
  await writeFile(join(root, 'precious'), 'keep me')
  const sizes = { precious: 0, '../precious': 0, 'kind=syslog/date=2026-11-23/000000.ndjson': 0 }
  await writeFile(join(root, 'state/docker.json'), JSON.stringify({ version: 1, position: 1, sizes }))
  await counting(await openStore())
  expect(await readFile(join(root, 'precious'), 'utf8')).toBe('keep me')
})
