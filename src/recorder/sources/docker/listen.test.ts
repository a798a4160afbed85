import {
  appendFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loggedFrames, loggedRecords } from '../../../../tests/recorder-log.ts'
import type { ContainerRecord } from '../../records/container.ts'
import { Wal } from '../../wal/wal.ts'
import { DockerSource } from './listen.ts'

const PIECE = 16 * 1024
const ids = ['a', 'b', 'c'].map((letter) => letter.repeat(64))

/** Writes a container's log files as Docker's json-file driver does. */
class SimulatedContainer {
  readonly #root: string
  readonly id: string
  readonly #directory: string
  readonly #maxFile: number
  constructor(root: string, id: string, maxFile = 3) {
    this.#root = root
    this.id = id
    this.#directory = join(root, id)
    this.#maxFile = maxFile
    mkdirSync(this.#directory)
    writeFileSync(this.path(), '')
    const config = {
      Name: `/name-${id[0]}`,
      Config: { Labels: { 'com.docker.compose.service': `service-${id[0]}` } },
    }
    writeFileSync(join(this.#directory, 'config.v2.json'), JSON.stringify(config))
  }

  path(age = 0): string {
    return join(this.#directory, `${this.id}-json.log${age === 0 ? '' : `.${age}`}`)
  }

  /** A line, in pieces when it is long; `rotateWithin` rotates after the first piece. */
  write(text: string, stream = 'stdout', rotateWithin = false): void {
    const pieces = text.match(new RegExp(`[\\s\\S]{1,${PIECE}}`, 'g')) ?? ['']
    pieces.forEach((piece, i) => {
      const log = i === pieces.length - 1 ? `${piece}\n` : piece
      this.raw(`${JSON.stringify({ log, stream, time: new Date().toISOString() })}\n`)
      if (rotateWithin && i === 0) this.rotate()
    })
  }

  /** One piece of a line that goes on. */
  begin(piece: string, stream: string): void {
    this.raw(`${JSON.stringify({ log: piece, stream, time: new Date().toISOString() })}\n`)
  }

  raw(text: string): void {
    appendFileSync(this.path(), text)
  }

  rotate(): void {
    if (this.#maxFile === 1) {
      truncateSync(this.path())
      return
    }
    for (let age = this.#maxFile - 1; age > 0; age--) {
      if (existsSync(this.path(age - 1))) renameSync(this.path(age - 1), this.path(age))
    }
    writeFileSync(this.path(), '')
  }

  remove(): void {
    rmSync(join(this.#root, this.id), { recursive: true })
  }
}

let root: string
let containers: string
let data: string
let wal: Wal
let source: DockerSource

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'docker-'))
  containers = join(root, 'containers')
  data = join(root, 'data')
  mkdirSync(containers)
})
afterEach(async () => {
  await stop()
  await rm(root, { recursive: true })
})

async function start(): Promise<void> {
  wal = await Wal.open({ data, flushMs: 20 })
  source = await DockerSource.start(containers, wal, 20)
}

async function stop(): Promise<void> {
  await source.stop()
  await wal.close()
}

function stored(): Promise<ContainerRecord[]> {
  return loggedRecords(data, 'container')
}

/** Waits until this many records are stored. */
async function until(count: number): Promise<ContainerRecord[]> {
  await expect
    .poll(async () => (await stored()).length, { timeout: 8000, interval: 50 })
    .toBeGreaterThanOrEqual(count)
  return stored()
}

it('stores lines of containers old and new with their names', async () => {
  const a = new SimulatedContainer(containers, ids[0] ?? '')
  a.write('before')
  await start()
  await until(1)
  const b = new SimulatedContainer(containers, ids[1] ?? '')
  b.write('of another', 'stderr')
  a.write('after')
  const records = await until(3)
  expect(
    records.map((record) => ({ ...record, time: undefined })).toSorted((x, y) => (x.log < y.log ? -1 : 1)),
  ).toEqual([
    {
      containerName: 'name-a',
      containerId: 'aaaaaaaaaaaa',
      service: 'service-a',
      stream: 'stdout',
      log: 'after',
    },
    {
      containerName: 'name-a',
      containerId: 'aaaaaaaaaaaa',
      service: 'service-a',
      stream: 'stdout',
      log: 'before',
    },
    {
      containerName: 'name-b',
      containerId: 'bbbbbbbbbbbb',
      service: 'service-b',
      stream: 'stderr',
      log: 'of another',
    },
  ])
  expect(source.counts).toMatchObject({ received: 3, stored: 3, dropped: 0, malformed: 0, gaps: 0 })
})

it('reads the rest of a container that is removed', async () => {
  const a = new SimulatedContainer(containers, ids[0] ?? '')
  await start()
  a.write('first')
  await until(1)
  a.write('last words')
  a.remove()
  expect((await until(2)).map(({ log }) => log)).toEqual(['first', 'last words'])
  await expect.poll(() => source.details().containers, { timeout: 4000 }).toBe(0)
  await stop()
  expect((await loggedFrames(data)).at(-1)?.meta).toMatchObject({ source: 'container', position: {} })
  await start()
})

it('says so when the file was emptied (max-file: 1), while it ran and while it did not', async () => {
  const a = new SimulatedContainer(containers, ids[0] ?? '', 1)
  a.write('one, which is rather long')
  await start()
  await until(1)
  a.rotate()
  a.write('two')
  await until(2)
  expect(source.counts.gaps).toBe(1)
  await stop()
  a.rotate()
  a.write('three, longer than what was there before it was emptied')
  await start()
  expect((await until(3)).map(({ log }) => log)).toEqual([
    'one, which is rather long',
    'two',
    'three, longer than what was there before it was emptied',
  ])
  expect(source.counts.gaps).toBe(1)
})

it('notices a file that was emptied and has grown beyond where it was', async () => {
  const a = new SimulatedContainer(containers, ids[0] ?? '', 1)
  a.write('one')
  await start()
  await until(1)
  a.rotate()
  a.write('two, much longer than what was there')
  a.write('three')
  expect((await until(3)).map(({ log }) => log)).toEqual([
    'one',
    'two, much longer than what was there',
    'three',
  ])
  expect(source.counts).toMatchObject({ gaps: 1, malformed: 0 })
})

it('joins a line that began in a file rotated away, before a restart', async () => {
  const a = new SimulatedContainer(containers, ids[0] ?? '')
  a.write('whole')
  a.begin('begun ', 'stdout')
  a.write('of the other stream', 'stderr')
  await start()
  await until(2)
  a.rotate()
  a.write('meanwhile', 'stderr')
  await until(3)
  await stop()
  await start()
  a.write('and ended')
  expect((await until(4)).map(({ log }) => log)).toEqual([
    'whole',
    'of the other stream',
    'meanwhile',
    'begun and ended',
  ])
})

it('goes on after entries that are torn, empty, endless or not JSON', async () => {
  const a = new SimulatedContainer(containers, ids[0] ?? '')
  await start()
  a.write('first')
  a.raw('{"log":"torn')
  a.write('second')
  a.raw('\n\nnot json\n{"log":5}\n\0\0\0\n')
  a.raw(`{"log":"${'x'.repeat(3 * 1024 * 1024)}\\n"}\n`)
  a.write('third')
  a.raw('{"log":"torn at the end of a file')
  a.rotate()
  a.write('fourth')
  expect((await until(4)).map(({ log }) => log)).toEqual(['first', 'second', 'third', 'fourth'])
  expect(source.counts).toMatchObject({ received: 10, stored: 4, malformed: 6, gaps: 0 })
})

it('cuts a line that is longer than it joins', async () => {
  const a = new SimulatedContainer(containers, ids[0] ?? '')
  await start()
  a.write('y'.repeat(600 * 1024))
  a.write('next')
  const records = await until(4)
  expect(records.map(({ log, partial }) => [log.length, partial])).toEqual([
    [256 * 1024, true],
    [256 * 1024, true],
    [88 * 1024, undefined],
    [4, undefined],
  ])
})

type Step =
  | {
      readonly do: 'write'
      readonly container: number
      readonly length: number
      readonly error: boolean
      readonly within: boolean
    }
  | { readonly do: 'begin'; readonly container: number; readonly error: boolean }
  | { readonly do: 'rotate'; readonly container: number }
  | { readonly do: 'restart'; readonly settled: boolean }
  | { readonly do: 'settle' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      container: fc.nat({ max: 1 }),
      length: fc.oneof(fc.nat({ max: 200 }), fc.constantFrom(0, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE)),
      error: fc.boolean(),
      within: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('begin' as const),
      container: fc.nat({ max: 1 }),
      error: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rotate' as const), container: fc.nat({ max: 1 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('restart' as const), settled: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'settle' as const }) },
)

it('stores every line once and in order over any mix of writes, rotations and restarts', async () => {
  await start()
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      await stop()
      rmSync(containers, { recursive: true })
      rmSync(data, { recursive: true })
      mkdirSync(containers)
      // So many files that rotation never deletes what was not read.
      const simulated = [0, 1].map((i) => new SimulatedContainer(containers, ids[i] ?? '', 60))
      const written: string[][] = [[], []]
      await start()
      let n = 0
      let b = 0
      /** Lines begun and not ended, by container and stream. */
      const begun = new Map<string, string>()
      for (const s of steps) {
        if (s.do === 'write') {
          const stream = s.error ? 'stderr' : 'stdout'
          const text = `${n++}:${'z'.repeat(s.length)}`
          written[s.container]?.push((begun.get(`${s.container} ${stream}`) ?? '') + text)
          begun.delete(`${s.container} ${stream}`)
          simulated[s.container]?.write(text, stream, s.within)
        } else if (s.do === 'begin') {
          const stream = s.error ? 'stderr' : 'stdout'
          const piece = `${b++};${'p'.repeat(10)}`
          begun.set(`${s.container} ${stream}`, (begun.get(`${s.container} ${stream}`) ?? '') + piece)
          simulated[s.container]?.begin(piece, stream)
        } else if (s.do === 'rotate') simulated[s.container]?.rotate()
        else if (s.do === 'restart') {
          if (s.settled) await new Promise((resolve) => setTimeout(resolve, 50))
          await stop()
          await start()
        } else await new Promise((resolve) => setTimeout(resolve, 30))
      }
      const records = await until(n)
      for (const i of [0, 1]) {
        const of = records.filter(({ containerId }) => containerId === ids[i]?.slice(0, 12))
        expect(of.map(({ log }) => log)).toEqual(written[i])
        expect(of.every(({ partial }) => partial === undefined)).toBe(true)
      }
      expect(source.counts.gaps).toBe(0)
    }),
    { numRuns: 40 },
  )
}, 120_000)
