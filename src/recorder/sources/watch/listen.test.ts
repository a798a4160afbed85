import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loggedRecords } from '../../../../tests/recorder-log.ts'
import { Delivery } from '../../../watch/deliver.ts'
import { Wal } from '../../wal/wal.ts'
import { WatchSource } from './listen.ts'

/* The watchers' sender and the recorder's source together, over a real socket and a real log. */

const MiB = 1024 * 1024

let root: string
let path: string
let wal: Wal
let source: WatchSource
let delivery: Delivery

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'watch-source-'))
  path = join(root, 'watch.sock')
  delivery = new Delivery(path, { maxBytes: MiB })
  await begin()
})

afterEach(async () => {
  await source.stop()
  await wal.close()
  await delivery.stop()
  await rm(root, { recursive: true })
})

async function begin(): Promise<void> {
  wal = await Wal.open({ data: root, flushMs: 50 })
  source = await WatchSource.start(path, wal)
}

function offer(from: number, to: number): void {
  for (let i = from; i < to; i++) expect(delivery.offer('dns', 1000 + i, JSON.stringify({ i }))).toBe(true)
}

async function stored(): Promise<number[]> {
  return (await loggedRecords<{ i: number }>(root, 'dns')).map(({ i }) => i)
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

it('stores what was offered, in its order, and says so', async () => {
  offer(0, 50_000)
  delivery.offer('flows', 5, '{"flow":1}')
  await expect
    .poll(() => delivery.counts, { timeout: 20_000 })
    .toEqual({
      received: 50_001,
      stored: 50_001,
      dropped: 0,
    })
  expect(await stored()).toEqual(numbers(50_000))
  expect(await loggedRecords(root, 'flows')).toEqual([{ flow: 1 }])
  expect(source.counts).toEqual({ received: 50_001, stored: 50_001, dropped: 0, malformed: 0 })
  expect(statSync(path).mode & 0o777).toBe(0o660)
  expect(delivery.pendingBytes).toBe(0)
})

it('keeps what the recorder is not there for, within its room, and counts the rest', async () => {
  await source.stop()
  await wal.close()
  offer(0, 100)
  delivery.flush()
  const line = JSON.stringify({ i: 0, pad: 'x'.repeat(1000) })
  while (delivery.offer('dns', 1, line));
  expect(delivery.pendingBytes).toBeLessThan(MiB)
  const { received } = delivery.counts
  expect(delivery.counts).toEqual({ received, stored: 0, dropped: 1 })
  await begin()
  await expect.poll(() => delivery.counts.stored, { timeout: 20_000 }).toBe(received - 1)
  expect((await stored()).slice(0, 100)).toEqual(numbers(100))
})

it('stores once what comes again because its answer was lost', async () => {
  // A recorder that stores and dies before it answers: the log has the frame, the sender does not know.
  const { session, frames } = recordedFrames(20)
  const first = connect(path)
  first.write(Buffer.concat(frames.slice(0, 10)))
  await expect.poll(() => source.counts.stored, { timeout: 10_000 }).toBe(10)
  first.destroy()
  await source.stop()
  await wal.close()
  await begin()
  expect(wal.position('watch')).toEqual({ [session]: 10 })
  const second = connect(path)
  const answers: Buffer[] = []
  second.on('data', (bytes: Buffer) => answers.push(bytes))
  second.write(Buffer.concat(frames))
  await expect.poll(() => Buffer.concat(answers).length, { timeout: 10_000 }).toBe(80)
  const ids = Buffer.concat(answers)
  expect(numbers(20).map((i) => ids.readUInt32LE(i * 4))).toEqual(numbers(20).map((i) => i + 1))
  expect(await stored()).toEqual(numbers(20))
  expect(source.counts).toMatchObject({ received: 10, stored: 10 })
  expect(source.details()).toMatchObject({ duplicates: 10 })
  second.destroy()
})

it('closes a stream that is none, counts it, and serves the others', async () => {
  const bad = connect(path)
  bad.write('GET / HTTP/1.1\r\n\r\n')
  await once(bad.resume(), 'close')
  offer(0, 10)
  await expect.poll(() => delivery.counts.stored, { timeout: 10_000 }).toBe(10)
  expect(source.counts).toEqual({ received: 11, stored: 10, dropped: 0, malformed: 1 })
})

it('takes the place of the socket of a run that was killed', async () => {
  await source.stop()
  await wal.close()
  // Its file stays, and nobody listens at it.
  const text = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  expect(spawnSync(process.execPath, ['-e', text]).signal).toBe('SIGKILL')
  expect(statSync(path).isSocket()).toBe(true)
  await begin()
  offer(0, 1)
  await expect.poll(() => delivery.counts.stored, { timeout: 10_000 }).toBe(1)
})

function recordedFrames(count: number): { readonly session: string; readonly frames: Buffer[] } {
  const session = 'ab'.repeat(8)
  const frames = numbers(count).map((i) => {
    const meta = Buffer.from(JSON.stringify({ session, id: i + 1, kind: 'dns', rows: 1, times: [1, 1] }))
    const body = Buffer.from(`${JSON.stringify({ i })}\n`)
    const head = Buffer.alloc(8)
    head.writeUInt32LE(4 + meta.length + body.length, 0)
    head.writeUInt32LE(meta.length, 4)
    return Buffer.concat([head, meta, body])
  })
  return { session, frames }
}
