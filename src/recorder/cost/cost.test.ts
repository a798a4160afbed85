import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Wal } from '../wal/wal.ts'
import { bills, overBudget } from './bill.ts'
import { describeCost } from './describe-cost.ts'
import { measure, rates } from './measure.ts'
import { pricesFor } from './prices.ts'

const MiB = 2 ** 20
const now = Date.parse('2026-11-24T12:00:00Z')
const usage = (put: number, get = 0) => ({ put, get, head: 0, list: 0, bytes: 0 })
const { prices } = pricesFor('ap-northeast-1', { yenPerDollar: 150 })

describe('the rates', () => {
  it('are the mean of whole days, also those on which nothing came', () => {
    const days = ['2026-11-20', '2026-11-22', '2026-11-23', '2026-11-24']
    const all = days.map((date) => ({ kind: 'dns', date, bytes: 4 * MiB }))
    const requests = { '2026-11-19': { dns: usage(99) }, '2026-11-23': { dns: usage(100, 8) } }
    expect(rates(all, requests, now, 0)).toEqual({
      kinds: { dns: { bytesPerDay: 3 * MiB, putsPerDay: 25, getsPerDay: 2 } },
      storedBytes: 16 * MiB,
      days: 4,
      until: '2026-11-23',
      requestsCounted: true,
    })
  })

  it('are made of a part of the first day, and say so', () => {
    const all = [{ kind: 'dns', date: '2026-11-24', bytes: MiB }]
    const began = now - 3_600_000
    expect(rates(all, {}, now, began)).toMatchObject({
      kinds: { dns: { bytesPerDay: 24 * MiB, putsPerDay: 25 } },
      days: 0,
      requestsCounted: false,
    })
    expect(rates([], {}, now, began)).toBeUndefined()
  })
})

it('counts what is in the log only, so that a bill is there from the first minute', async () => {
  const data = await mkdtemp(join(tmpdir(), 'cost-'))
  const wal = await Wal.open({ data })
  const lines = Buffer.from('{"time":"2026-11-24T12:00:00Z","msg":"hello"}\n'.repeat(100))
  await wal.append({ encoding: 'ndjson', kind: 'syslog', rows: 100 }, lines)
  await wal.append({ encoding: 'none' }, Buffer.alloc(0))
  await wal.close()
  const measured = await measure(data, Date.now())
  await rm(data, { recursive: true })
  expect(Object.keys(measured?.kinds ?? {})).toEqual(['syslog'])
  expect(measured?.logBytes).toBeGreaterThan(20)
  expect(measured?.logBytes).toBeLessThan(lines.length / 10)
  expect(measured?.storedBytes).toBe(measured?.logBytes)
})

describe('the bill', () => {
  // The article: a GB a year; after ten years 10 GB at $0.025, "a little less than 30 yen" then.
  const measured = {
    kinds: { dns: { bytesPerDay: 2 ** 30 / 365.25, putsPerDay: 0, getsPerDay: 0 } },
    storedBytes: 0,
    logBytes: 0,
    days: 30,
    until: '2026-11-23',
    requestsCounted: true,
  }
  it('is that of the article for its bytes', () => {
    const [today, year, , decade] = bills(measured, { ...prices, yenPerDollar: 113 })
    expect(today?.yen).toBe(0)
    expect(year?.dollars).toBeCloseTo(0.025, 10)
    expect(decade?.dollars).toBeCloseTo(0.25, 10)
    expect(decade?.yen).toBeCloseTo(28.25, 5)
  })

  it('has requests that do not grow with the rows', () => {
    const busy = { ...measured, kinds: { dns: { bytesPerDay: MiB, putsPerDay: 25, getsPerDay: 10 } } }
    const all = bills(busy, prices)
    const requests = ((25 * 0.0047 + 10 * 0.00037) / 1000) * (365.25 / 12)
    for (const { requestDollars } of all) expect(requestDollars).toBeCloseTo(requests, 10)
    const [, , , decade, tenfold] = all
    expect((tenfold?.storageDollars ?? 0) / (decade?.storageDollars ?? 1)).toBeCloseTo(10, 5)
    expect(tenfold?.dollars).toBeLessThan(10 * (decade?.dollars ?? 0))
  })

  it('tells when it is over the budget', () => {
    const all = bills(measured, prices)
    expect(overBudget(all, undefined)).toBeUndefined()
    expect(overBudget(all, 40)).toBeUndefined()
    expect(overBudget(all, 10)?.label).toBe('5 years')
    const text = describeCost({
      measured,
      bills: all,
      region: 'ap-northeast-1',
      prices,
      bucket: true,
      budgetYen: 10,
    })
    expect(text).toContain('warning: over the budget of ¥10 a month after 5 years')
    expect(text).toMatch(/10 years +10\.0 GB .* ¥37\.5 +█+\n/)
  })

  it('takes the prices of Tokyo where it knows none, and the user’s own before all', () => {
    expect(pricesFor('eu-west-1').region).toBe('ap-northeast-1')
    expect(pricesFor('us-east-1', { putPer1000: 1 }).prices).toMatchObject({
      storagePerGbMonth: 0.023,
      putPer1000: 1,
    })
  })
})
