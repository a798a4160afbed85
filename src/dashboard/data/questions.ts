import { type Answer, moment, number, rowsOf, text, texts } from '../../recorder/ask/rows.ts'
import { heldBy } from '../../recorder/query/filter.ts'
import type { Session } from '../../recorder/query/session.ts'
import { literal } from '../../recorder/sql.ts'
import type { NamesReport, Outcome, QuestionRow, QuestionsReport } from '../api.ts'
import type { NamesQuery, QuestionsQuery } from '../queries.ts'
import { bypassSql, clientOf, during, nameHas, OUTCOME, ofClient, onDates, outcomeIs } from './conditions.ts'
import { cutName } from './cut.ts'
import { type HolderAt, holdersOf, withMac } from './holders.ts'
import { newest } from './newest.ts'
import { partSql, partsOf, seriesOf } from './parts.ts'

/** The router, as far as pages about questions must know it. */
export interface Router {
  readonly timezone: string
  /** Its own addresses. */
  readonly addresses: readonly string[]
}

const MOST_ANSWERS = 4

/** SQL for what a QuestionRow is made of. */
export function questionColumns(own: readonly string[]): string {
  return `"time", queryName, queryType, ${OUTCOME} AS outcome, responseCode, responseTimeMicroseconds AS latency,
    clientAddress, serverAddress, ${bypassSql(own)} AS bypass,
    list_transform(answers[1:${MOST_ANSWERS}], lambda a: a."data") AS given`
}

export function questionRow(row: Answer, holderAt: HolderAt): QuestionRow {
  const timeMs = moment(row.time) ?? 0
  const clientAddress = text(row.clientAddress) ?? ''
  const holder = holderAt(clientAddress, timeMs)
  const responseCode = text(row.responseCode)
  return {
    timeMs,
    name: cutName(text(row.queryName) ?? ''),
    type: text(row.queryType) ?? '',
    outcome: (text(row.outcome) ?? 'failed') as Outcome,
    ...(responseCode !== undefined && { responseCode }),
    ...(typeof row.latency === 'number' && { micros: row.latency }),
    clientAddress,
    ...(holder && { deviceId: holder.macAddress }),
    ...(holder?.name !== undefined && { device: cutName(holder.name) }),
    serverAddress: text(row.serverAddress) ?? '',
    bypass: row.bypass === true,
    answers: texts(row.given).map(cutName),
  }
}

/** The newest questions first. */
export async function questionsOf(
  session: Session,
  query: QuestionsQuery,
  { addresses }: Router,
): Promise<QuestionsReport> {
  const { rows, next } = await newest(session, {
    kind: 'dns',
    span: query,
    where: await matching(session, query, addresses),
    columns: questionColumns(addresses),
    limit: query.limit,
    cursor: query.cursor,
  })
  const holderAt = await holdersOf(
    session,
    rows.map((row) => text(row.clientAddress) ?? ''),
  )
  return { rows: rows.map((row) => questionRow(row, holderAt)), ...(next !== undefined && { next }) }
}

/** What was asked most, and how many questions there were. */
export async function namesOf(session: Session, query: NamesQuery, router: Router): Promise<NamesReport> {
  const parts = partsOf(query, router.timezone)
  const where = await namedWhere(session, query, router)
  const counts = await rowsOf(
    session,
    ['dns'],
    `SELECT ${partSql(parts)} AS part, count(*) AS n FROM dns WHERE ${where} GROUP BY 1`,
  )
  const { rows } = await mostAsked(session, where, query.limit)
  return {
    asked: seriesOf(parts, new Map(counts.map((row) => [number(row.part), number(row.n)]))),
    total: counts.reduce((sum, row) => sum + number(row.n), 0),
    rows,
  }
}

/** A place in the list of names, which has the most asked first. */
export interface NamePlace {
  readonly asked: number
  readonly name: string
}

interface MostAsked {
  readonly rows: NamesReport['rows']
  /** Of the last row, when there are as many as were asked for. */
  readonly end?: NamePlace
}

/** The names behind a place in the list; from its beginning without one. */
export async function namesAfter(
  session: Session,
  query: NamesQuery & { readonly behind: NamePlace | undefined },
  router: Router,
): Promise<MostAsked> {
  return mostAsked(session, await namedWhere(session, query, router), query.limit, query.behind)
}

/** SQL for the questions whose names are counted. */
async function namedWhere(session: Session, query: NamesQuery, { addresses }: Router): Promise<string> {
  return `${during('dns', query)} AND ${await matching(session, query, addresses)}`
}

async function mostAsked(
  session: Session,
  where: string,
  limit: number,
  place?: NamePlace,
): Promise<MostAsked> {
  const behind = place
    ? `HAVING asked < ${place.asked} OR (asked = ${place.asked} AND queryName > ${literal(place.name)})`
    : ''
  // The most first, then the rest of what is told of these: of all names that would take far more memory.
  const most = await rowsOf(
    session,
    ['dns'],
    `SELECT queryName AS name, count(*) AS asked FROM dns WHERE ${where} AND queryName IS NOT NULL
      GROUP BY queryName ${behind} ORDER BY asked DESC, queryName LIMIT ${limit}`,
  )
  const places = most.map((row) => ({ name: text(row.name) ?? '', asked: number(row.asked) }))
  const details = await detailsOf(
    session,
    where,
    places.map(({ name }) => name),
  )
  const end = places[limit - 1]
  return {
    rows: places.map(({ name, asked }) => {
      const { failed = 0, devices = 0, lastMs = 0 } = details.get(name) ?? {}
      return { name: cutName(name), asked, failed, devices, lastMs }
    }),
    ...(end && { end }),
  }
}

interface Details {
  readonly failed: number
  readonly devices: number
  readonly lastMs: number
}

async function detailsOf(
  session: Session,
  where: string,
  names: readonly string[],
): Promise<Map<string, Details>> {
  if (names.length === 0) return new Map()
  const asked = `SELECT "time", queryName, clientAddress AS address, (${OUTCOME}) <> 'answered' AS failed
    FROM dns WHERE queryName IN (${names.map(literal).join(', ')}) AND ${where}`
  const rows = await rowsOf(
    session,
    ['dns', 'devices'],
    `SELECT queryName AS name, count(*) FILTER (failed) AS failed, count(DISTINCT coalesce(mac, address)) AS devices,
      max("time") AS "last" FROM (${withMac(asked)}) GROUP BY 1`,
  )
  return new Map(
    rows.map((row) => [
      text(row.name) ?? '',
      { failed: number(row.failed), devices: number(row.devices), lastMs: moment(row.last) ?? 0 },
    ]),
  )
}

/** SQL for the questions that are meant. */
async function matching(
  session: Session,
  query: Omit<QuestionsQuery, 'limit'>,
  own: readonly string[],
): Promise<string> {
  const { text, client, outcome, type, bypass } = query
  const all = [
    onDates(query),
    ...(text === undefined ? [] : [await textMatch(session, text, query)]),
    await ofClient(session, client, ['clientAddress'], query),
    ...(outcome === undefined ? [] : [outcomeIs(outcome)]),
    ...(type === undefined ? [] : [`queryType = ${literal(type)}`]),
    ...(bypass === undefined ? [] : [`${bypassSql(own)} = ${bypass}`]),
  ]
  return all.map((one) => `(${one})`).join(' AND ')
}

/** A part of a name, or who asked. */
async function textMatch(
  session: Session,
  text: string,
  query: Omit<QuestionsQuery, 'limit'>,
): Promise<string> {
  const name = nameHas('dns', 'queryName', text)
  const client = await clientOf(session, text, query)
  return client && client.holdings.length > 0 ? `${name} OR (${heldBy('clientAddress', client)})` : name
}
