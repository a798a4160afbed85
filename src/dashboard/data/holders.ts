import { rowsOf, text } from '../../recorder/ask/rows.ts'
import { spansSql } from '../../recorder/devices/spans-sql.ts'
import { isOneOf } from '../../recorder/query/filter.ts'
import type { Session } from '../../recorder/query/session.ts'

export interface Holder {
  readonly macAddress: string
  /** What it was called last. */
  readonly name?: string
}

/** Whose an address was at a time; undefined where no device had it. */
export type HolderAt = (address: string, ms: number) => Holder | undefined

interface While extends Holder {
  readonly fromMs: number
  readonly toMs: number
}

/** Who had these addresses when. */
export async function holdersOf(session: Session, addresses: Iterable<string>): Promise<HolderAt> {
  const wanted = [...new Set(addresses)]
  if (wanted.length === 0) return () => undefined
  const rows = await rowsOf(
    session,
    ['devices'],
    `SELECT s.address, s.macAddress, n.device, epoch_ms(s."from")::DOUBLE AS fromMs, epoch_ms(s."to")::DOUBLE AS toMs
      FROM (${mergedSpansSql(`SELECT * FROM devices WHERE ${isOneOf('address', wanted)}`)}) s
      JOIN (${LATEST_NAMES}) n ON n.macAddress = s.macAddress`,
  )
  const byAddress = new Map<string, While[]>()
  for (const row of rows) {
    const name = text(row.device)
    const one: While = {
      macAddress: text(row.macAddress) ?? '',
      ...(name !== undefined && { name }),
      fromMs: Number(row.fromMs),
      toMs: Number(row.toMs),
    }
    const address = text(row.address) ?? ''
    byAddress.set(address, [...(byAddress.get(address) ?? []), one])
  }
  return (address, ms) => byAddress.get(address)?.find(({ fromMs, toMs }) => fromMs <= ms && ms < toMs)
}

/** SQL for what each device was called last. */
export const LATEST_NAMES = 'SELECT macAddress, arg_max(device, "until") AS device FROM devices GROUP BY 1'

/**
 * SQL for the spans of `devices` (spans-sql.ts), those that go on where another ended as one: each day a new one begins.
 * So few are left that records are joined with them by address and time at little cost.
 */
export function mergedSpansSql(devices: string): string {
  const order = 'PARTITION BY address ORDER BY "from"'
  return `SELECT address, macAddress, min("from") AS "from", max("to") AS "to" FROM (
    SELECT *, sum(begins) OVER (${order} ROWS UNBOUNDED PRECEDING) AS number FROM (
      SELECT *, CASE WHEN lag("to") OVER (${order}) >= "from" AND lag(macAddress) OVER (${order}) = macAddress THEN 0 ELSE 1 END AS begins
      FROM (${spansSql(devices)})))
    GROUP BY address, macAddress, number`
}

/** SQL for rows with an `address` and a "time", with whose it was then: `mac`, null where no device had it. */
export function withMac(rows: string): string {
  return `SELECT r.*, s.macAddress AS mac FROM (${rows}) r LEFT JOIN (${mergedSpansSql('SELECT * FROM devices')}) s
    ON r.address = s.address AND r."time" >= s."from" AND r."time" < s."to"`
}
