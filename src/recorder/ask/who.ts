import {
  type AddressFilter,
  addressMatch,
  condition,
  type Filter,
  isOneOf,
  nameMatch,
} from '../query/filter.ts'
import type { Session } from '../query/session.ts'
import { literal } from '../sql.ts'
import { endsSql, withDevice } from './ends.ts'
import { type Answer, moment, number, rowsOf, text, texts } from './rows.ts'

/** What somebody may have talked to. */
export type Target =
  | { readonly kind: 'name'; readonly name: string }
  /** `label` is how it was asked for: "192.0.2.0/24". */
  | { readonly kind: 'address'; readonly address: AddressFilter; readonly label: string }

export interface WhoOptions {
  readonly target: Target
  readonly span: Pick<Filter, 'fromMs' | 'toMs'>
  /** This router's addresses. */
  readonly own?: readonly string[]
}

/** A device that asked for the target or connected to it. Times are milliseconds since 1970. */
export interface Talker {
  readonly device: string
  readonly macAddress?: string
  readonly addresses: readonly string[]
  readonly first: number
  readonly last: number
  /** Questions of DNS, and the last one with what was answered: "NOERROR", or "timeout". */
  readonly asked: number
  readonly lastAsked?: number
  readonly lastResponse?: string
  readonly connections: number
  /** Of these, those that were open at their last record. */
  readonly open: number
  /** Of these, those to an address of the name by one who had not asked for it. */
  readonly unresolved: number
  /** Of these, those that came in from the target. */
  readonly incoming: number
  /** When the last record of a connection was made. */
  readonly lastRecorded?: number
  readonly down: number
  readonly up: number
  /** What was asked for, most often first: a few. */
  readonly names: readonly string[]
}

export interface Who {
  readonly talkers: readonly Talker[]
  /** Addresses that DNS gave for the name: a few. */
  readonly addresses: readonly string[]
}

/** A name that has had more addresses is not told from others by them. */
const MOST_ADDRESSES = 4096
const MOST_NAMES = 5
/** Of a device's addresses so many are told. */
const SHOWN_ADDRESSES = 16
const DAY_MS = 86_400_000

/** For an address answers are looked through this far back unless it is said from when on: they are long, and flows tell more. */
const ANSWERS_MS = 24 * 3_600_000

/** Which devices asked for a name, or connected to it or to an address; the one that did last first. */
export async function whoTalked(session: Session, { target, span, own }: WhoOptions): Promise<Who> {
  const asked = await dnsOf(session, target, span)
  const addresses = target.kind === 'name' ? await addressesOf(session, asked) : []
  const connected = await flowsOf(session, target, addresses, span)
  const dns = `SELECT "time", clientAddress AS address, NULL AS zone, queryName AS name, 1 AS asked,
    CASE WHEN status = 'timeout' THEN status ELSE responseCode END AS response,
    NULL AS flowId, NULL AS since, NULL AS reason, NULL AS down, NULL AS up, false AS unresolved, false AS incoming
    FROM dns WHERE ${asked}`
  const flows = `SELECT "time", address, zone, name, 0 AS asked, NULL AS response, flowId, flowStart AS since,
    flowEndReason AS reason, down, up, name IS NULL AND ${target.kind === 'name'} AS unresolved, incoming
    FROM ${endsSql(connected)} WHERE ${target.kind === 'name' ? 'NOT incoming' : addressMatch('peer', target.address)}`
  const rows = await rowsOf(
    session,
    ['dns', 'flows', 'devices'],
    `WITH happened AS MATERIALIZED (SELECT * FROM ${withDevice(`${dns} UNION ALL BY NAME ${flows}`, own)}),
    flow AS (SELECT device, flowId, arg_max(reason, "time") AS reason, bool_or(unresolved) AS unresolved,
      bool_or(incoming) AS incoming FROM happened WHERE flowId IS NOT NULL GROUP BY 1, 2),
    flowsOf AS (SELECT device, count(*) AS connections, count(*) FILTER (reason = 2) AS "open",
      count(*) FILTER (unresolved) AS unresolved, count(*) FILTER (incoming) AS incoming FROM flow GROUP BY 1),
    namesOf AS (SELECT device, arg_max(name, n, ${MOST_NAMES}) AS "names" FROM (
      SELECT device, name, count(*) AS n FROM happened WHERE name IS NOT NULL GROUP BY 1, 2) GROUP BY 1)
    SELECT h.device, max(mac) AS mac, list_sort(list(DISTINCT address))[:${SHOWN_ADDRESSES}] AS addresses,
      min(coalesce(since, "time")) AS "first", max("time") AS "last",
      sum(asked) AS asked, max("time") FILTER (asked = 1) AS lastAsked, max("time") FILTER (asked = 0) AS lastRecorded,
      arg_max(response, "time") FILTER (asked = 1) AS lastResponse, sum(down) AS down, sum(up) AS up,
      any_value(f.connections) AS connections, any_value(f."open") AS "open", any_value(f.unresolved) AS unresolved,
      any_value(f.incoming) AS incoming, any_value(n."names") AS "names"
    FROM happened h LEFT JOIN flowsOf f ON f.device = h.device LEFT JOIN namesOf n ON n.device = h.device
    GROUP BY h.device ORDER BY "last" DESC, h.device`,
  )
  return { addresses, talkers: rows.map(talkerOf) }
}

function talkerOf(row: Answer): Talker {
  const mac = text(row.mac)
  const [lastAsked, lastRecorded] = [moment(row.lastAsked), moment(row.lastRecorded)]
  const lastResponse = text(row.lastResponse)
  return {
    device: text(row.device) ?? '',
    ...(mac !== undefined && { macAddress: mac }),
    addresses: texts(row.addresses),
    first: moment(row.first) ?? 0,
    last: moment(row.last) ?? 0,
    asked: number(row.asked),
    ...(lastAsked !== undefined && { lastAsked }),
    ...(lastResponse !== undefined && { lastResponse }),
    connections: number(row.connections),
    open: number(row.open),
    unresolved: number(row.unresolved),
    incoming: number(row.incoming),
    ...(lastRecorded !== undefined && { lastRecorded }),
    down: number(row.down),
    up: number(row.up),
    names: texts(row.names),
  }
}

async function addressesOf(session: Session, asked: string): Promise<string[]> {
  const rows = await rowsOf(
    session,
    ['dns'],
    `SELECT DISTINCT a."data" AS address FROM (SELECT unnest(answers) AS a FROM dns WHERE ${asked})
      WHERE a."type" IN ('A', 'AAAA') ORDER BY 1 LIMIT ${MOST_ADDRESSES}`,
  )
  return rows.flatMap((row) => text(row.address) ?? [])
}

/** SQL for the questions about the target. */
function dnsOf(session: Session, target: Target, span: WhoOptions['span']): Promise<string> {
  if (target.kind === 'name')
    return narrowed(session, 'dns', condition('dns', span), nameMatch('dns', 'queryName', target.name))
  const { fromMs = Date.now() - ANSWERS_MS } = span
  const given = `list_transform(list_filter(answers, lambda a: a."type" IN ('A', 'AAAA')), lambda a: a."data")`
  const match = `len(list_filter(${given}, lambda given: ${addressMatch('given', target.address)})) > 0`
  const time = condition('dns', { ...span, fromMs })
  return Promise.resolve(`(${time}) AND ${match}`)
}

/**
 * SQL for connections to the target. An address of a name is the name's unless its client had asked for another: many
 * names share one.
 */
function flowsOf(
  session: Session,
  target: Target,
  addresses: readonly string[],
  span: WhoOptions['span'],
): Promise<string> {
  const columns = ['destinationAddress', 'sourceAddress']
  const match =
    target.kind === 'name'
      ? `${nameMatch('flows', 'destinationName', target.name)} OR (destinationName IS NULL AND ${isOneOf('destinationAddress', addresses)})`
      : columns.map((column) => `(${addressMatch(column, target.address)})`).join(' OR ')
  return narrowed(session, 'flows', condition('flows', span), match)
}

/**
 * SQL for a condition that statistics do not help with: it looks for the days first, through the columns that the condition
 * needs, so that of the others only these days are read.
 */
async function narrowed(
  session: Session,
  kind: 'dns' | 'flows',
  time: string,
  match: string,
): Promise<string> {
  const all = `(${time}) AND (${match})`
  const rows = await rowsOf(
    session,
    [kind],
    `SELECT DISTINCT strftime(date, '%Y-%m-%d') AS "date" FROM "${kind}" WHERE ${all}`,
  )
  const dates = rows.flatMap((row) => text(row.date) ?? [])
  // What came since is in the newest days, which are there in any case.
  const newest = new Date(Date.now() - DAY_MS).toISOString().slice(0, 10)
  const list = dates.map((date) => `DATE ${literal(date)}`)
  const days = list.length === 0 ? 'false' : `date IN (${list.join(', ')})`
  return `(${days} OR date >= DATE ${literal(newest)}) AND ${all}`
}
