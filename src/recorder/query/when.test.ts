import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { localTime, parseDuration, parseWhen, utcTime } from './when.ts'

const NOW = Date.UTC(2026, 10, 24, 9, 30)

beforeEach(() => {
  vi.stubEnv('TZ', 'Asia/Tokyo')
})
afterEach(() => {
  vi.unstubAllEnvs()
})

describe('parseWhen', () => {
  it.each([
    ['5m', '2026-11-24T09:25:00.000Z'],
    ['2h', '2026-11-24T07:30:00.000Z'],
    ['1h30m', '2026-11-24T08:00:00.000Z'],
    ['3d', '2026-11-21T09:30:00.000Z'],
    ['1w', '2026-11-17T09:30:00.000Z'],
    ['now', '2026-11-24T09:30:00.000Z'],
    ['today', '2026-11-23T15:00:00.000Z'],
    ['yesterday', '2026-11-22T15:00:00.000Z'],
    ['2026-11-20', '2026-11-19T15:00:00.000Z'],
    ['2026-11-20 10:15', '2026-11-20T01:15:00.000Z'],
    ['2026-11-20T10:15:30', '2026-11-20T01:15:30.000Z'],
    ['2026-11-20T10:15:30Z', '2026-11-20T10:15:30.000Z'],
    ['2026-11-20T10:15:30.5+02:00', '2026-11-20T08:15:30.500Z'],
  ])('reads %s', (text, instant) => {
    expect(new Date(parseWhen(text, NOW) ?? Number.NaN).toISOString()).toBe(instant)
  })

  it('takes a date alone to its last moment at the end', () => {
    expect(new Date(parseWhen('2026-11-20', NOW, true) ?? 0).toISOString()).toBe('2026-11-20T14:59:59.999Z')
    expect(parseWhen('2026-11-20 10:15', NOW, true)).toBe(parseWhen('2026-11-20 10:15', NOW))
  })

  it.each([
    '',
    'never',
    '5',
    '5x',
    '-5m',
    '2026-13-01',
    '2026-02-31',
    '2026-11-20 24:00',
    '2026-11-20 10',
    "5m'",
  ])('refuses %j', (text) => {
    expect(parseWhen(text, NOW)).toBeUndefined()
  })
})

it('reads durations', () => {
  expect(['90s', '1m', '1m30s', '2d', '1w'].map(parseDuration)).toEqual([
    90_000, 60_000, 90_000, 172_800_000, 604_800_000,
  ])
  expect(['', 's', '1', '1 m', '1.5h'].map(parseDuration)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ])
})

it('writes instants for people here, and for programs in UTC', () => {
  const micros = BigInt(NOW) * 1000n + 123_456n
  expect(localTime(micros)).toBe('2026-11-24 18:30:00.123')
  expect(utcTime(micros)).toBe('2026-11-24T09:30:00.123456Z')
  expect(utcTime(-1n)).toBe('1969-12-31T23:59:59.999999Z')
  // Beyond what Date holds, as a hostile record may be.
  expect(utcTime(9_223_372_036_854_775_806n)).toBe('9223372036854775806')
  expect(localTime(9_223_372_036_854_775_806n)).toBe('9223372036854775806')
})
