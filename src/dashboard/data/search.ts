import { type Answer, moment, number, rowsOf, text } from '../../recorder/ask/rows.ts'
import { type Client, condition } from '../../recorder/query/filter.ts'
import type { Session } from '../../recorder/query/session.ts'
import { summary } from '../../recorder/query/shown.ts'
import { KINDS, type KindName } from '../../recorder/records/kinds.ts'
import { identifier, literal } from '../../recorder/sql.ts'
import type { DeviceRow, SearchHit, SearchReport } from '../api.ts'
import type { SearchQuery } from '../queries.ts'
import { addressFilter, clientOf, during, lineHas, nameHas, onDates } from './conditions.ts'
import { cutLine, cutName } from './cut.ts'
import { identitiesOf, type Known, withUsage } from './devices.ts'
import { type HolderAt, holdersOf } from './holders.ts'
import { after, type Cursor, cursorText, orderColumns, parseCursor, placeIn } from './newest.ts'
import { type Parts, partSql, partsOf, seriesOf } from './parts.ts'

/** Whose records are told one by one; of devices there are rows of their own. */
const SEARCHED: readonly KindName[] = (Object.keys(KINDS) as KindName[]).filter((kind) => kind !== 'devices')
const MOST_DEVICES = 20
const MAC_BEGINNING = /^[0-9a-f]{2}([:-][0-9a-f]{2}){1,5}$/

/** SQL for the records of a kind that a text means; those that it cannot mean are left out. */
type Conditions = ReadonlyMap<KindName, string>

/** How many records match, by kind. */
export interface Found {
  readonly conditions: Conditions
  readonly parts: Parts
  /** Part of the time → records. */
  readonly byPart: ReadonlyMap<number, number>
  /** The dates that have some, the newest first. */
  readonly dates: ReadonlyMap<KindName, readonly { readonly date: string; readonly records: number }[]>
  readonly devices: readonly DeviceRow[]
}

/**
 * Counts what matches: of each kind only the column that is looked into and the time are read, and of a sorted day that
 * cannot have it, nothing but its statistics.
 */
export async function findAll(
  session: Session,
  query: Pick<SearchQuery, 'fromMs' | 'toMs' | 'text' | 'kind'>,
  known: Known,
  timezone: string,
): Promise<Found> {
  const parts = partsOf(query, timezone)
  const conditions = await conditionsOf(session, query)
  const byPart = new Map<number, number>()
  const dates = new Map<KindName, { date: string; records: number }[]>()
  for (const [kind, where] of conditions) {
    const rows = await rowsOf(
      session,
      [kind],
      `SELECT strftime(date, '%Y-%m-%d') AS "date", ${partSql(parts)} AS part, count(*) AS n FROM ${identifier(kind)}
        WHERE (${where}) AND ${onDates(query)} AND ${during(kind, query)} GROUP BY 1, 2`,
    )
    const byDate = new Map<string, number>()
    for (const row of rows) {
      const [part, n, date] = [number(row.part), number(row.n), text(row.date) ?? '']
      byPart.set(part, (byPart.get(part) ?? 0) + n)
      byDate.set(date, (byDate.get(date) ?? 0) + n)
    }
    const newestFirst = [...byDate].toSorted(([a], [b]) => (a < b ? 1 : -1))
    dates.set(
      kind,
      newestFirst.map(([date, records]) => ({ date, records })),
    )
  }
  return { conditions, parts, byPart, dates, devices: await devicesNamed(session, query.text, known) }
}

/** A page of what was found, and the whole of it as a chart. */
export async function searchPage(
  session: Session,
  query: SearchQuery,
  { conditions, parts, byPart, dates, devices }: Found,
): Promise<SearchReport> {
  const { limit } = query
  const candidates: Hit[] = []
  for (const [kind, where] of conditions)
    candidates.push(...(await newestHits(session, kind, where, query, dates.get(kind) ?? [])))
  candidates.sort(byPlace)
  const shown = candidates.slice(0, limit)
  const holderAt = await holdersOf(
    session,
    shown.flatMap(({ row }) => text(row.client) ?? []),
  )
  const last = shown.at(-1)
  return {
    found: seriesOf(parts, byPart),
    total: [...byPart.values()].reduce((sum, n) => sum + n, 0),
    devices: query.cursor === undefined ? devices : [],
    hits: shown.map((hit) => searchHit(hit, holderAt)),
    ...(candidates.length > limit && last && { next: placeOf(last) }),
  }
}

interface Hit extends Cursor {
  readonly kind: KindName
  readonly row: Answer
}

/** The newest of a kind, one more than is shown; only days that are known to have some are looked into. */
async function newestHits(
  session: Session,
  kind: KindName,
  where: string,
  query: SearchQuery,
  dates: readonly { readonly date: string; readonly records: number }[],
): Promise<Hit[]> {
  const cursor = query.cursor === undefined ? undefined : parsePlace(query.cursor)
  const span = cursor
    ? { ...query, toMs: Math.min(query.toMs, Number(cursor.micros / 1000n) + 1) }
    : { fromMs: query.fromMs, toMs: query.toMs }
  if (span.toMs <= span.fromMs) return []
  const wanted = query.limit + 1
  const until = new Date(span.toMs).toISOString().slice(0, 10)
  const days: string[] = []
  let records = 0
  for (const day of dates) {
    if (day.date > until) continue
    if (records >= wanted) break
    // Of the first day nobody knows how many come after the cursor.
    records += cursor && days.length === 0 ? 0 : day.records
    days.push(`DATE ${literal(day.date)}`)
  }
  if (days.length === 0) return []
  const rows = await rowsOf(
    session,
    [kind],
    `SELECT ${orderColumns(kind)}, "time", ${HIT_COLUMNS[kind]} FROM ${identifier(kind)}
      WHERE date IN (${days.join(', ')}) AND ${during(kind, span)} AND (${where})
      ${cursor ? `AND ${afterPlace(cursor, kind)}` : ''}
      ORDER BY micros DESC, tie DESC LIMIT ${wanted}`,
  )
  return rows.map((row) => ({ kind, row, ...placeIn(row) }))
}

/** The newest first; of the same time by kind. */
function byPlace(a: Hit, b: Hit): number {
  return (
    compare(b.micros, a.micros) ||
    SEARCHED.indexOf(a.kind) - SEARCHED.indexOf(b.kind) ||
    compare(b.tie, a.tie)
  )
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** A place among hits of all kinds. */
interface Place extends Cursor {
  readonly kind: number
}

function placeOf({ micros, tie, kind }: Hit): string {
  return `${cursorText({ micros, tie })}.${SEARCHED.indexOf(kind)}`
}

function parsePlace(text: string): Place {
  const dot = text.lastIndexOf('.')
  const kind = /^\d$/.test(text.slice(dot + 1)) ? Number(text.slice(dot + 1)) : -1
  return { ...parseCursor(kind === -1 ? '' : text.slice(0, dot)), kind }
}

/** SQL for what comes after a place that another kind may have. */
function afterPlace(place: Place, kind: KindName): string {
  const own = SEARCHED.indexOf(kind)
  if (own === place.kind) return after(place, kind)
  return `"time" ${own > place.kind ? '<=' : '<'} make_timestamp(${place.micros})`
}

/** What of a record is told: the line or name that it is about, what else there is to say, and whose it is. */
const HIT_COLUMNS: Readonly<Record<KindName, string>> = {
  dns: `queryName AS "text", concat_ws(' ', queryType, CASE WHEN status = 'timeout' THEN status ELSE responseCode END,
    array_to_string(list_transform(answers[1:3], lambda a: a."data"), ' ')) AS detail, clientAddress AS client`,
  flows: `coalesce(destinationName, destinationAddress) AS "text", ${summary('flows')} AS detail,
    CASE WHEN sourceZone = 'wan' THEN coalesce(postNatDestinationAddress, destinationAddress) ELSE sourceAddress END AS client`,
  netflow: `${summary('netflow')} AS "text", exporterAddress AS detail, sourceAddress AS client`,
  drops: `${summary('drops')} AS "text", logPrefix AS detail, sourceAddress AS client`,
  syslog: `trim(msg) AS "text", concat_ws(' ', hostname, appName) AS detail, NULL AS client`,
  container: `log AS "text", containerName AS detail, NULL AS client`,
  dhcp: `coalesce(hostname, address) AS "text", concat_ws(' ', event, address, macAddress) AS detail, address AS client`,
  events: `record AS "text", tag AS detail, senderAddress AS client`,
  devices: `coalesce(device, macAddress) AS "text", address AS detail, address AS client`,
}

function searchHit({ kind, row }: Hit, holderAt: HolderAt): SearchHit {
  const timeMs = moment(row.time) ?? 0
  const holder = holderAt(text(row.client) ?? '', timeMs)
  const detail = text(row.detail)
  return {
    kind,
    timeMs,
    text: cutLine(text(row.text) ?? ''),
    ...(holder && { deviceId: holder.macAddress }),
    ...(holder?.name !== undefined && { device: cutName(holder.name) }),
    ...(detail !== undefined && detail !== '' && { detail: cutLine(detail) }),
  }
}

/**
 * What a text means: a device by its name or MAC address, an address or a prefix, else a part of a name or of a line. Without
 * a text it is all records of a kind.
 */
async function conditionsOf(
  session: Session,
  query: Pick<SearchQuery, 'fromMs' | 'toMs' | 'text' | 'kind'>,
): Promise<Conditions> {
  const kinds = query.kind === undefined ? SEARCHED : SEARCHED.filter((kind) => kind === query.kind)
  const { text: wanted } = query
  if (wanted === undefined)
    return new Map(query.kind === undefined ? [] : kinds.map((kind) => [kind, 'true']))
  const address = addressFilter(wanted)
  // An address means the packets, a name or a MAC address the device.
  const client = address ? undefined : await clientOf(session, wanted, query)
  const all = kinds.map((kind): [KindName, string] => {
    const ways = address
      ? [condition(kind, { address }), ...(address.single ? textIn(kind, wanted, LINES) : [])]
      : [...(client ? [ofDevice(kind, client)] : []), ...textIn(kind, wanted, [...LINES, ...NAMES])]
    const sql = ways.filter((way) => way !== 'false' && way !== '(false)').map((way) => `(${way})`)
    return [kind, sql.join(' OR ')]
  })
  return new Map(all.filter(([, sql]) => sql !== ''))
}

function ofDevice(kind: KindName, client: Client): string {
  const sql = condition(kind, { client })
  return /^[()]*false[()]*( OR [()]*false[()]*)*$/.test(sql) ? 'false' : sql
}

/** Where a kind has names, and where lines of text. */
const NAMES: readonly (readonly [KindName, string])[] = [
  ['dns', 'queryName'],
  ['flows', 'destinationName'],
]
const LINES: readonly (readonly [KindName, string])[] = [
  ['syslog', 'msg'],
  ['syslog', 'appName'],
  ['container', 'log'],
  ['container', 'containerName'],
  ['dhcp', 'hostname'],
  ['events', 'record'],
  ['events', 'tag'],
  ['drops', 'logPrefix'],
]

function textIn(kind: KindName, wanted: string, columns: typeof NAMES): string[] {
  return columns.flatMap(([of, column]) => {
    if (of !== kind) return []
    return kind === 'dns' || kind === 'flows' ? nameHas(kind, column, wanted) : lineHas(column, wanted)
  })
}

/** Devices whose name, maker or MAC address has the text, or that have the address now. */
async function devicesNamed(
  session: Session,
  wanted: string | undefined,
  known: Known,
): Promise<DeviceRow[]> {
  if (wanted === undefined) return []
  const text = wanted.toLowerCase()
  const mac = MAC_BEGINNING.test(text) ? text.replaceAll('-', ':') : undefined
  const found = (await identitiesOf(session, known)).filter(
    ({ name, vendor, macAddress, addresses }) =>
      (mac !== undefined && macAddress.startsWith(mac)) ||
      name?.toLowerCase().includes(text) ||
      vendor?.toLowerCase().includes(text) ||
      addresses.includes(text),
  )
  return found.slice(0, MOST_DEVICES).map((device) => withUsage(device))
}
