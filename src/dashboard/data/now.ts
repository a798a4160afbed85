import { number, rowsOf, text } from '../../recorder/ask/rows.ts'
import { topOf } from '../../recorder/ask/top.ts'
import type { Session } from '../../recorder/query/session.ts'
import type { Alert, NowReport, Series, Span } from '../api.ts'
import { during, OUTCOME, onDates } from './conditions.ts'
import { cutName } from './cut.ts'
import { LATEST_NAMES } from './holders.ts'
import { partSql, partsOfLength, seriesOf } from './parts.ts'
import type { Router } from './questions.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
const WAN_PART = 15 * MINUTE
const MOST_TOP = 8
const MOST_NAMES = 50
/** Of each kind of event. */
const MOST_ALERTS = 10
/** A name is new that nobody had asked for in so long. */
export const NEW_AFTER = 30 * DAY

/** What the records say of the last hour and the last day. */
export interface Recent {
  readonly wan: { readonly down: Series; readonly up: Series }
  readonly dns: Pick<NowReport['dns'], 'asked' | 'failed' | 'medianMicros' | 'p95Micros'>
  readonly top: NowReport['top']
  readonly alerts: readonly Alert[]
}

export async function recentOf(session: Session, nowMs: number, router: Router): Promise<Recent> {
  const hour = { fromMs: nowMs - HOUR, toMs: nowMs }
  const top = await topOf(session, {
    by: 'device',
    span: { fromMs: hour.fromMs, toMs: nowMs - 1 },
    limit: MOST_TOP,
    own: router.addresses,
  })
  return {
    wan: await wanOf(session, { fromMs: nowMs - DAY, toMs: nowMs }, router),
    dns: await dnsOf(session, hour, router),
    top: top.rows.map((row) => ({ ...row, key: cutName(row.key) })),
    alerts: await eventsOf(session, { fromMs: nowMs - DAY, toMs: nowMs }),
  }
}

/** What went through the WAN: connections that one side of is outside. */
async function wanOf(session: Session, span: Span, { timezone }: Router): Promise<Recent['wan']> {
  const parts = partsOfLength(span, WAN_PART, timezone)
  const rows = await rowsOf(
    session,
    ['flows'],
    `SELECT ${partSql(parts)} AS part,
      sum(CASE WHEN sourceZone = 'wan' THEN octetDeltaCount ELSE reverseOctetDeltaCount END)::DOUBLE AS down,
      sum(CASE WHEN sourceZone = 'wan' THEN reverseOctetDeltaCount ELSE octetDeltaCount END)::DOUBLE AS up
      FROM flows WHERE (sourceZone = 'wan' OR destinationZone = 'wan') AND ${onDates(span)} AND ${during('flows', span)}
      GROUP BY 1`,
  )
  const series = (key: 'down' | 'up'): Series =>
    seriesOf(parts, new Map(rows.map((row) => [number(row.part), number(row[key])])))
  return { down: series('down'), up: series('up') }
}

async function dnsOf(session: Session, span: Span, { timezone }: Router): Promise<Recent['dns']> {
  const parts = partsOfLength(span, MINUTE, timezone)
  const where = `${onDates(span)} AND ${during('dns', span)}`
  const rows = await rowsOf(
    session,
    ['dns'],
    `SELECT ${partSql(parts)} AS part, count(*) AS asked, count(*) FILTER ((${OUTCOME}) IN ('failed', 'timeout')) AS failed
      FROM dns WHERE ${where} GROUP BY 1`,
  )
  const [latency] = await rowsOf(
    session,
    ['dns'],
    `SELECT quantile_disc(responseTimeMicroseconds, 0.5) AS median, quantile_disc(responseTimeMicroseconds, 0.95) AS p95
      FROM dns WHERE localResolver AND ${where}`,
  )
  const series = (key: 'asked' | 'failed'): Series =>
    seriesOf(parts, new Map(rows.map((row) => [number(row.part), number(row[key])])))
  return {
    asked: series('asked'),
    failed: series('failed'),
    ...(typeof latency?.median === 'number' && { medianMicros: latency.median }),
    ...(typeof latency?.p95 === 'number' && { p95Micros: latency.p95 }),
  }
}

const ALERTS = { 'dns.bypass': 'dns-bypass', 'egress.unresolved': 'unresolved' } as const

/** What the watchers told of, the latest of each device first. */
async function eventsOf(session: Session, span: Span): Promise<Alert[]> {
  const rows = await rowsOf(
    session,
    ['events', 'devices'],
    `SELECT e.tag, e.sender, e.told, e.detail, coalesce(n.device, e.mac, e.sender) AS subject FROM (
        SELECT tag, sender, max(told) AS told, arg_max(detail, told) AS detail, arg_max(mac, told) AS mac FROM (
          SELECT tag, senderAddress AS sender, epoch_ms("time")::DOUBLE AS told,
            coalesce(record->>'destinationName', record->>'serverAddress', record->>'destinationAddress') AS detail,
            record->>'macAddress' AS mac
          FROM events WHERE tag IN ('dns.bypass', 'egress.unresolved') AND ${onDates(span)} AND ${during('events', span)})
        GROUP BY 1, 2) e
      LEFT JOIN (SELECT address, arg_max(macAddress, "until") AS mac FROM devices GROUP BY 1) d ON d.address = e.sender
      LEFT JOIN (${LATEST_NAMES}) n ON n.macAddress = coalesce(e.mac, d.mac)
      ORDER BY e.told DESC`,
  )
  return Object.entries(ALERTS).flatMap(([tag, kind]) =>
    rows
      .filter((row) => row.tag === tag)
      .slice(0, MOST_ALERTS)
      .map((row): Alert => {
        const [subject, detail] = [text(row.subject), text(row.detail)]
        return {
          kind,
          timeMs: number(row.told),
          ...(subject !== undefined && { subject: cutName(subject) }),
          ...(detail !== undefined && { detail: cutName(detail) }),
        }
      }),
  )
}

/** Names of the last day that nobody had asked for in the time before, those most asked for first. */
export async function newNamesOf(session: Session, nowMs: number): Promise<string[]> {
  const day = { fromMs: nowMs - DAY, toMs: nowMs }
  const before = { fromMs: nowMs - NEW_AFTER, toMs: nowMs - DAY }
  const rows = await rowsOf(
    session,
    ['dns'],
    `SELECT queryName AS name, count(*) AS n FROM dns WHERE ${onDates(day)} AND ${during('dns', day)}
      AND responseCode = 'NOERROR' AND queryName IS NOT NULL AND NOT regexp_matches(queryName, ${`'(${UNTOLD.join('|')})$'`})
      AND queryName NOT IN (SELECT queryName FROM dns WHERE queryName IS NOT NULL AND ${onDates(before)} AND ${during('dns', before)})
      GROUP BY 1 ORDER BY n DESC, name LIMIT ${MOST_NAMES}`,
  )
  return rows.map((row) => cutName(text(row.name) ?? ''))
}

/** Names below these are addresses in other words. */
const UNTOLD = ['\\.in-addr\\.arpa', '\\.ip6\\.arpa']
