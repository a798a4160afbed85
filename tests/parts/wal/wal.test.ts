import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loggedFrames, loggedRecords } from '../../recorder-log.ts'
import { bodyOf } from './appender.ts'

/*
 * The log in processes of its own: killed at any moment, on a disk that is really full, under the kernel's own limits.
 */

const run = promisify(execFile)
const KILLS = process.env.SEKISHO_FULL === '1' ? 200 : 20
/** Of memory, as in the recorder's image. */
const LIMITS = ['--max-old-space-size=96', '--max-semi-space-size=4']
let data: string

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'wal-'))
})
afterEach(async () => {
  await rm(data, { recursive: true })
})

/** Runs the appender and kills it a moment after its first acknowledgement; what it had acknowledged. */
async function killAppender(name: string, ms: number): Promise<string[]> {
  const script = join(import.meta.dirname, 'appender.ts')
  const child = spawn(process.execPath, [script, data, name], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'close')
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    if (text === '') setTimeout(() => child.kill('SIGKILL'), ms)
    text += chunk.toString('latin1')
  })
  const [code, signal] = (await exited) as [number | null, string | null]
  expect([code, signal]).toEqual([null, 'SIGKILL'])
  // The last line may be torn; what it says is still true.
  return text.split('\n')
}

it(`loses nothing that it acknowledged, killed ${KILLS} times`, async () => {
  const acknowledged: string[] = []
  for (let kill = 0; kill < KILLS; kill++)
    acknowledged.push(...(await killAppender(String(kill), Math.random() * 150)))

  const stored = new Set<string>()
  for (const { meta, body } of await loggedFrames(data)) {
    if (meta.encoding !== 'forward') continue
    const id = body.subarray(0, body.indexOf('\n')).toString()
    expect(body.equals(bodyOf(id)), id).toBe(true)
    expect(stored.has(id), `${id} is there twice`).toBe(false)
    stored.add(id)
  }
  const chunks = acknowledged.flatMap((line) => /^chunk (\d+\.\d+\.\d+)$/.exec(line)?.[1] ?? [])
  expect(chunks.length).toBeGreaterThan(KILLS * 20)
  expect(chunks.filter((id) => !stored.has(id))).toEqual([])

  const records = (await loggedRecords<{ n: number }>(data, 'container')).map(({ n }) => n)
  expect(records).toEqual(Array.from({ length: records.length }, (_, i) => i))
  const below = acknowledged.map((line) => Number(/^below (\d+)$/.exec(line)?.[1] ?? 0))
  const most = below.reduce((a, b) => Math.max(a, b))
  expect(most).toBeGreaterThan(KILLS * 20)
  expect(records.length).toBeGreaterThanOrEqual(most)
}, 600_000)

async function fault(name: string, around: readonly string[]): Promise<Record<string, unknown>> {
  const [program = '', ...args] = around
  const argv = [process.execPath, ...LIMITS, join(import.meta.dirname, 'faults.ts'), name, data]
  const { stdout } = await run(program, [...args, ...argv], { timeout: 60_000, killSignal: 'SIGKILL' })
  return JSON.parse(stdout) as Record<string, unknown>
}

it('acknowledges nothing while the disk is full, counts what cannot wait, and stores all when there is room', async () => {
  const user = process.getuid?.() === 0 ? [] : ['--map-root-user']
  const mounted = 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"'
  const around = ['unshare', ...user, '--mount', 'sh', '-c', mounted, data]
  const seen = await fault('full', around)
  expect(seen).toMatchObject({
    meanwhile: { error: expect.stringContaining('ENOSPC') as unknown, acknowledged: 0, stored: 0 },
    counts: { received: 10_000 },
    closed: true,
    chunks: seen.appended,
  })
  const counts = seen.counts as { stored: number; dropped: number }
  expect(counts.stored + counts.dropped).toBe(10_000)
  expect(counts.dropped).toBeGreaterThan(1000)
  expect(seen.records).toBe(counts.stored)
  expect(seen.error).toBeUndefined()
})

it('goes on with the old segment while no file can be opened, and begins one when it can', async () => {
  const seen = await fault('files', ['prlimit', '--nofile=64:64'])
  expect(seen).toMatchObject({ rotatedMeanwhile: false, rotated: true, chunks: 22 })
  expect(seen.held).toBeGreaterThan(10)
})

it('goes on in another file where one may not grow', async () => {
  const seen = await fault('size', ['prlimit', `--fsize=${2 ** 20}:${2 ** 20}`])
  expect(seen).toMatchObject({ chunks: 60 })
  expect(seen.segments).toBeGreaterThan(5)
  expect(seen.largest).toBeLessThanOrEqual(2 ** 20)
  expect(seen.error).toBeUndefined()
})

it('holds what it has and refuses the rest while the disk hangs, within 150 MB', async () => {
  // As in its image, it is compiled beforehand: what strips the types keeps 35 MB.
  const compiled = ['env', `NODE_COMPILE_CACHE=${join(data, 'compiled')}`]
  await fault('none', compiled)
  const seen = await fault('stalled', compiled)
  const counts = seen.counts as { received: number; stored: number; dropped: number }
  expect(seen).toMatchObject({ storedMeanwhile: 0, closed: true })
  expect(counts.received).toBe(1_200_000)
  expect(counts.stored + counts.dropped).toBe(counts.received)
  expect(counts.stored).toBeGreaterThan(10_000)
  expect(seen.refused).toBeGreaterThan(1000)
  expect(seen.peakMiB).toBeLessThan(150)
})
