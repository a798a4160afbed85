import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type DeviceRow, type Span, spansOf } from '../../../tests/device-spans.ts'
import { LEAD_MS, OPEN_TAIL_MS, spansSql, TAIL_MS } from './spans-sql.ts'

const T = Date.UTC(2026, 10, 24, 12)
const HOUR = 3_600_000
const LAPTOP = '02:00:5e:30:00:01'
const PHONE = '02:00:5e:30:00:02'
const MOVING = '10.0.0.130'

function row(macAddress: string, from: number, to: number, more: Partial<DeviceRow> = {}): DeviceRow {
  return { address: MOVING, macAddress, time: T + from, until: T + to, open: false, ...more }
}

const SPANS = spansOf([
  row(LAPTOP, 0, HOUR, { device: 'laptop' }),
  row(PHONE, HOUR + 1000, 3 * HOUR, { device: 'phone' }),
  row(LAPTOP, 0, 2 * HOUR, { address: '2001:db8::a' }),
  // Written at first, after an hour, and when it had ended; the name came later.
  row(LAPTOP, 0, 0, { address: '2001:db8::b', open: true }),
  row(LAPTOP, 0, 3 * HOUR, { address: '2001:db8::b', device: 'laptop' }),
  row(LAPTOP, 0, HOUR, { address: '2001:db8::b', open: true }),
  row(PHONE, 0, HOUR, { address: '2001:db8::c', open: true }),
])

describe('spans', () => {
  test('a device speaks a little before it is looked at, and after, but never in the time of another', () => {
    const its = SPANS.filter(({ address }) => address === MOVING)
    expect(its.map(({ device, from, to }) => [device, from - T, to - T])).toEqual([
      ['laptop', -LEAD_MS, HOUR],
      ['phone', HOUR, 3 * HOUR + TAIL_MS],
    ])
  })

  test('each record has the device that had the address then', () => {
    const who = (at: number) =>
      SPANS.find(({ address, from, to }) => address === MOVING && from <= T + at && T + at < to)?.device
    expect([-LEAD_MS - 1, -1, HOUR - 1, HOUR + 500, 2 * HOUR, 4 * HOUR].map(who)).toEqual([
      undefined,
      'laptop',
      'laptop',
      'phone',
      'phone',
      undefined,
    ])
  })

  test('what is still so is believed until the next row must have come', () => {
    expect(SPANS.find(({ address }) => address === '2001:db8::c')?.to).toBe(T + HOUR + OPEN_TAIL_MS)
  })

  test('rows about the same time are one, the latest counts', () => {
    expect(SPANS.filter(({ address }) => address === '2001:db8::b')).toEqual([
      {
        address: '2001:db8::b',
        macAddress: LAPTOP,
        device: 'laptop',
        from: T - LEAD_MS,
        to: T + 3 * HOUR + TAIL_MS,
      },
    ])
  })
})

/** Rows as the recorder writes them and worse: also such that overlap, which only a clock set back brings. */
const anyRows = fc.array(
  fc
    .record({
      address: fc.constantFrom(MOVING, 'fd00::1'),
      macAddress: fc.constantFrom(LAPTOP, PHONE),
      start: fc.integer({ min: 0, max: 40 }),
      length: fc.integer({ min: 0, max: 12 }),
      open: fc.boolean(),
    })
    .map(({ start, length, ...rest }) => ({
      ...rest,
      device: `${rest.macAddress.slice(-1)} ${start}`,
      time: T + start * 30_000,
      until: T + (start + length) * 30_000,
    })),
  { maxLength: 12 },
)

test('property: an address has one device at any time', () => {
  fc.assert(
    fc.property(anyRows, (rows) => {
      const spans = spansOf(rows)
      for (const [i, one] of spans.entries()) {
        for (const other of spans.slice(i + 1)) {
          if (one.address === other.address) expect(one.to <= other.from || other.to <= one.from).toBe(true)
        }
      }
    }),
  )
})

test('property: SQL says the same', async () => {
  const database = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await database.connect()
  try {
    const ask = async (rows: readonly DeviceRow[]): Promise<Span[]> => {
      const values = rows.map(
        ({ address, macAddress, device, open, time, until }) =>
          `('${address}', '${macAddress}', '${device}', ${open}, make_timestamp(${time * 1000}), make_timestamp(${until * 1000}))`,
      )
      const relation =
        rows.length === 0
          ? `SELECT NULL::VARCHAR AS address, NULL::VARCHAR AS macAddress, NULL::VARCHAR AS device, NULL::BOOLEAN AS "open", NULL::TIMESTAMP AS "time", NULL::TIMESTAMP AS "until" WHERE false`
          : `SELECT * FROM (VALUES ${values.join(', ')}) t(address, macAddress, device, "open", "time", "until")`
      const whole = `SELECT *, 'home' AS network, NULL::VARCHAR AS vendor, true AS randomMac FROM (${relation})`
      const reader = await connection.runAndReadAll(
        `SELECT address, macAddress, device, epoch_ms("from")::DOUBLE AS "from", epoch_ms("to")::DOUBLE AS "to" FROM (${spansSql(whole)})`,
      )
      return reader.getRowObjectsJS() as unknown as Span[]
    }
    const sorted = (spans: readonly Span[]) =>
      spans.toSorted((a, b) => a.from - b.from || (a.address < b.address ? -1 : 1))
    await fc.assert(
      fc.asyncProperty(anyRows, async (rows) => {
        expect(sorted(await ask(rows))).toEqual(sorted(spansOf(rows)))
      }),
      { numRuns: 60 },
    )
  } finally {
    connection.closeSync()
    database.closeSync()
  }
})
