import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Asker } from '../../src/dashboard/data/asker.ts'
import { number, rowsOf } from '../../src/recorder/ask/rows.ts'
import { heldBy } from '../../src/recorder/query/filter.ts'
import { findClient } from '../../src/recorder/query/find-client.ts'
import type { Session } from '../../src/recorder/query/session.ts'
import { frame, makeData, runPass, writeSegment } from '../archive-pass.ts'
import { DAY, dns, HOUR, held, LAPTOP } from '../watched-records.ts'

/* One session for all who ask: too many, too long, gone; and what it keeps between statements, beside the records. */

let data: string
let settings: string
let askers: Asker[]

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'dashboard-asker-'))
  settings = makeData(data)
  askers = []
})

afterEach(async () => {
  for (const asker of askers) await asker.close()
  await rm(data, { recursive: true, force: true })
})

function open(options: Partial<ConstructorParameters<typeof Asker>[0]> = {}): Asker {
  const asker = new Asker({ place: { data, site: 'home', retentionDays: 3650 }, ...options })
  askers.push(asker)
  return asker
}

/** An answer that takes for ever. */
function endless(session: Session): Promise<unknown> {
  return rowsOf(session, [], 'SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b')
}

async function count(session: Session, kind: 'dns' | 'devices' = 'dns'): Promise<number> {
  const [row] = await rowsOf(session, [kind], `SELECT count(*) AS n FROM ${kind}`)
  return number(row?.n)
}

describe('one after the other', () => {
  test('what takes too long ends, and the next is answered', async () => {
    const asker = open({ deadlineMs: 1500 })
    const late = asker.ask({}, undefined, endless)
    await expect(late).rejects.toMatchObject({ name: 'DataProblem', status: 503, fix: 'ask for less time' })
    expect(await asker.ask({}, undefined, count)).toBe(0)
  })

  test('whoever is gone is not answered, whether it runs or waits', async () => {
    const asker = open()
    const [running, waiting] = [new AbortController(), new AbortController()]
    let began = false
    const first = asker.ask({}, running.signal, (session) => {
      began = true
      return endless(session)
    })
    const second = asker.ask({}, waiting.signal, () => Promise.reject(new Error('it was answered')))
    const third = asker.ask({}, undefined, count)
    await expect.poll(() => began).toBe(true)
    waiting.abort(new Error('left the queue'))
    await expect(second).rejects.toThrow('left the queue')
    running.abort(new Error('left'))
    await expect(first).rejects.toThrow('left')
    expect(await third).toBe(0)
  })

  test('too many are told so at once', async () => {
    const asker = open({ maxWaiting: 2 })
    const end = new AbortController()
    let began = false
    const all = [
      asker.ask({}, end.signal, (session) => {
        began = true
        return endless(session)
      }),
    ]
    await expect.poll(() => began).toBe(true)
    all.push(asker.ask({}, end.signal, count), asker.ask({}, end.signal, count))
    await expect(asker.ask({}, undefined, count)).rejects.toMatchObject({ name: 'DataProblem', status: 503 })
    end.abort()
    expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      'rejected',
    ])
  })

  test('an error is its own, and leaves no file behind', async () => {
    const asker = open()
    await expect(asker.ask({}, undefined, () => Promise.reject(new Error('own')))).rejects.toThrow('own')
    let directory = ''
    await asker.ask({}, undefined, (session) => {
      directory = session.directory
      return count(session)
    })
    await asker.close()
    await expect(readdir(directory)).rejects.toThrow('ENOENT')
  })
})

describe('between statements', () => {
  test('the log is read on, while it grows and while it is converted', async () => {
    const asker = open()
    const now = Date.now()
    const day = { fromMs: now - DAY, toMs: now + DAY }
    const name = (i: number): object => dns(now - HOUR, '10.0.0.7', `n${i}.example.org`, [])
    expect(await asker.ask(day, undefined, count)).toBe(0)
    writeSegment(data, [frame('dns', [name(1), name(2)])])
    expect(await asker.ask(day, undefined, count)).toBe(2)
    await runPass(settings)
    expect(await asker.ask(day, undefined, count)).toBe(2)
    writeSegment(data, [frame('dns', [name(3), '{"time":"never"}', 'no JSON'])])
    expect(await asker.ask(day, undefined, count)).toBe(3)
    await runPass(settings)
    // In the archive a record without a time has that when it came.
    expect(await asker.ask(day, undefined, count)).toBe(4)
    writeSegment(data, [frame('dns', [name(4)])])
    expect(await asker.ask(day, undefined, count)).toBe(5)
  })

  test('within one answer all statements see the same', async () => {
    const asker = open()
    const counts = await asker.ask({}, undefined, async (session) => {
      const before = await count(session)
      writeSegment(data, [frame('dns', [dns(Date.now() - HOUR, '10.0.0.7', 'n.example.org', [])])])
      return [before, await count(session)]
    })
    expect(counts).toEqual([0, 0])
    expect(await asker.ask({}, undefined, count)).toBe(1)
  })

  test('of the devices of finished days one row a while is left, which says what all said', async () => {
    const day = Math.floor(Date.now() / DAY) * DAY - 3 * DAY
    const hourly = Array.from({ length: 5 }, (_, i) =>
      held([day, day + (i + 1) * HOUR], '10.0.0.7', LAPTOP, {
        open: i < 4,
        ...(i === 2 && { device: 'named' }),
        ...(i === 4 && { network: 'guest' }),
      }),
    )
    writeSegment(data, [frame('devices', hourly)])
    await runPass(settings)
    writeSegment(data, [frame('devices', [held([day + DAY, day + DAY + HOUR], '10.0.0.8', LAPTOP)])])
    await runPass(settings)
    const asker = open()
    const seen = async (): Promise<unknown> =>
      asker.ask({}, undefined, async (session) =>
        (
          await rowsOf(
            session,
            ['devices'],
            `SELECT address, epoch_ms("time")::DOUBLE AS "from", epoch_ms("until")::DOUBLE AS "until", "open", device, network,
              strftime(date, '%Y-%m-%d') AS "date", site FROM devices ORDER BY 1`,
          )
        ).map((row) => ({ ...row })),
      )
    const [first, second] = [day, day + DAY].map((ms) => new Date(ms).toISOString().slice(0, 10))
    expect(await seen()).toEqual([
      {
        address: '10.0.0.7',
        from: day,
        until: day + 5 * HOUR,
        open: false,
        device: 'named',
        network: 'guest',
        date: first,
        site: 'home',
      },
      {
        address: '10.0.0.8',
        from: day + DAY,
        until: day + DAY + HOUR,
        open: false,
        device: null,
        network: 'home',
        date: second,
        site: 'home',
      },
    ])
    // A day more, and what is not converted yet.
    writeSegment(data, [frame('devices', [held([day + 2 * DAY, day + 2 * DAY + HOUR], '10.0.0.9', LAPTOP)])])
    expect(await asker.ask({}, undefined, (session) => count(session, 'devices'))).toBe(3)
    await runPass(settings)
    expect(await asker.ask({}, undefined, (session) => count(session, 'devices'))).toBe(3)
  })
})

test('a device with hundreds of addresses, one after the other, is told from those who had them before and after', async () => {
  const start = Math.floor(Date.now() / DAY) * DAY - 5 * DAY
  const other = '00:00:5e:30:00:99'
  const address = (i: number): string => `2001:db8::${i.toString(16)}`
  const hour = (i: number): [number, number] => [start + i * HOUR, start + (i + 1) * HOUR - 10 * 60_000]
  const count = 100
  const records = Array.from({ length: count }, (_, i) => [
    held(hour(i), address(i), LAPTOP, { device: 'laptop' }),
    held(hour(i + 1), address(i), other, { device: 'other' }),
  ])
  writeSegment(data, [
    frame('devices', records.flat()),
    frame(
      'dns',
      Array.from({ length: count }, (_, i) => [
        dns(start + i * HOUR + 60_000, address(i), `mine-${i}.example.org`, []),
        dns(start + (i + 1) * HOUR + 60_000, address(i), `other-${i}.example.org`, []),
      ]).flat(),
    ),
  ])
  await runPass(settings)
  const names = await open().ask({}, undefined, async (session) => {
    const client = await findClient(session, 'laptop')
    expect(client.holdings).toHaveLength(count)
    const rows = await rowsOf(
      session,
      ['dns'],
      `SELECT queryName FROM dns WHERE ${heldBy('clientAddress', client)}`,
    )
    return rows.map(({ queryName }) => queryName)
  })
  expect(names.toSorted()).toEqual(
    Array.from({ length: count }, (_, i) => `mine-${i}.example.org`).toSorted(),
  )
})
