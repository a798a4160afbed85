import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type FauxqsServer, startFauxqs } from 'fauxqs'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { readUploads } from '../../../src/recorder/archive/upload-state.ts'
import type { DateRange } from '../../../src/recorder/query/archive-files.ts'
import { QueryProblem } from '../../../src/recorder/query/problem.ts'
import { Session } from '../../../src/recorder/query/session.ts'
import { type Bed, KEY, makeBed, partition } from './bed.ts'

/* Days that are only in the bucket answer too: fetched once, kept within a budget. */

let server: FauxqsServer
let bed: Bed
let fetched: number[]

beforeEach(async () => {
  for (const [name, value] of Object.entries(KEY)) vi.stubEnv(name, value)
  server = await startFauxqs({ port: 0, host: 'localhost', logger: false })
  server.createBucket('home-network')
  bed = await makeBed(`http://127.0.0.1:${server.port}`)
  fetched = []
  for (const [i, date] of ['2026-11-20', '2026-11-21', '2026-11-22'].entries()) {
    await bed.write(date, `day-000000000${i}.parquet`, [`${date}.example`])
  }
  await bed.upload('2026-11-24T02:00:00Z')
  const state = await bed.state()
  for (const [i, date] of ['2026-11-20', '2026-11-21'].entries()) {
    await state.release(partition(date))
    await bed.remove(date, `day-000000000${i}.parquet`)
  }
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await bed.close()
  await server.stop().catch(() => undefined)
})

function open(dates: DateRange = {}, maxBytes = 2 ** 30): Promise<Session> {
  const place = { data: bed.data, site: 'gate', retentionDays: 30, s3: bed.s3 }
  return Session.open(place, {
    cache: { directory: join(bed.data, 'cache'), maxBytes },
    onFetch: (days) => fetched.push(days),
    dates,
  })
}

async function names(session: Session): Promise<unknown[]> {
  const rows = await session.query('SELECT queryName FROM dns ORDER BY 1', (result) => result.getRowsJS())
  return rows.flat()
}

async function cached(): Promise<string[]> {
  const all = await readdir(join(bed.data, 'cache'), { recursive: true })
  return all.filter((name) => name.includes('.parquet'))
}

it('answers from disk and bucket alike, and fetches a day once', async () => {
  const session = await open()
  const all = ['2026-11-20.example', '2026-11-21.example', '2026-11-22.example']
  expect(await names(session)).toEqual(all)
  session.close()
  await server.stop()
  const again = await open()
  expect(await names(again)).toEqual(all)
  again.close()
  expect(fetched).toEqual([2])
})

it('has each record once when the local copy of a day is about to go, or is added to', async () => {
  await bed.write('2026-11-20', 'day-0000000000.parquet', ['2026-11-20.example'])
  await bed.write('2026-11-21', 'part-0000000009.parquet', ['late.example'])
  const session = await open()
  expect(await names(session)).toEqual([
    '2026-11-20.example',
    '2026-11-21.example',
    '2026-11-22.example',
    'late.example',
  ])
  session.close()
})

it('fetches only the days that are asked for', async () => {
  const session = await open({ from: '2026-11-21' })
  expect(await names(session)).toEqual(['2026-11-21.example', '2026-11-22.example'])
  session.close()
  expect(fetched).toEqual([1])
  expect(await cached()).toEqual([expect.stringContaining('date=2026-11-21')])
})

it('keeps what was used last within its budget, and says when that does not do', async () => {
  const sizes = [...(await readUploads(bed.data)).values()].flatMap(({ objects }) => Object.values(objects))
  const budget = Math.max(...sizes.map(({ bytes }) => bytes))
  for (const date of ['2026-11-20', '2026-11-21', '2026-11-20']) {
    const session = await open({ from: date, to: date }, budget)
    expect(await names(session)).toEqual([`${date}.example`])
    session.close()
    expect(await cached()).toEqual([expect.stringContaining(`date=${date}`)])
  }
  expect(fetched).toEqual([1, 1, 1])
  const both = await open({}, budget)
  await expect(names(both)).rejects.toThrow(
    /2 days of 1 MB from the bucket, more than .* Fix: narrow it with --since/,
  )
  both.close()
})

it('says what is wrong with the bucket', async () => {
  await server.stop()
  const session = await open()
  const failure: unknown = await names(session).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(QueryProblem)
  expect(String(failure)).toMatch(/a day that is only in the bucket cannot be fetched: /)
  session.close()
  expect((await cached()).filter((name) => name.endsWith('.tmp'))).toEqual([])
})
