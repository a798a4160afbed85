import { join } from 'node:path'
import { type Client, condition, heldBy, isOneOf } from '../query/filter.ts'
import type { Session } from '../query/session.ts'
import { literal } from '../sql.ts'
import { endsSql, NAME, NOTE, type Note, PORT } from './ends.ts'
import { type Answer, moment, number, rowsOf, text, texts } from './rows.ts'

/** Milliseconds since 1970, the end included. */
export interface DeviceSpan {
  readonly fromMs: number
  readonly toMs: number
}

/** A device on one screen. Times are milliseconds since 1970, bytes of IP packets from the device's side. */
export interface DeviceReport {
  /** What is known by this name: the MAC addresses, the latest first; none of an address that no device had. */
  readonly known: readonly KnownMac[]
  /** Those it has at the end of the time, and those that it had before, the latest first. */
  readonly addresses: { readonly now: readonly string[]; readonly before: readonly string[] }
  readonly questions: Questions
  readonly names: readonly AskedName[]
  readonly resolvers: readonly Resolver[]
  readonly traffic: Traffic
  readonly destinations: readonly Destination[]
  readonly encryptedDns: readonly Peer[]
  /** Connections to addresses outside that no answer of DNS gave it. */
  readonly unresolved: {
    readonly connections: number
    readonly addresses: number
    readonly most: readonly Peer[]
  }
}

interface KnownMac {
  readonly macAddress: string
  readonly randomMac: boolean
  readonly device?: string
  readonly vendor?: string
  readonly network?: string
  readonly firstSeen: number
  readonly lastSeen: number
}

interface Questions {
  readonly asked: number
  readonly names: number
  readonly nxdomain: number
  /** Answered with another error. */
  readonly failed: number
  readonly unanswered: number
}

interface AskedName {
  readonly name: string
  readonly asked: number
  /** The last answer: "NOERROR", "NXDOMAIN", …, "timeout". */
  readonly response?: string
}

interface Resolver {
  readonly address: string
  /** It is this router. */
  readonly local: boolean
  readonly asked: number
}

interface Traffic {
  readonly down: number
  readonly up: number
  readonly connections: number
  readonly addresses: number
  /** The time in equal parts. */
  readonly partMs: number
  readonly parts: readonly { readonly down: number; readonly up: number }[]
}

interface Destination {
  readonly name: string
  readonly note?: Note
  readonly addresses: number
  /** "tcp 443": a few. */
  readonly ports: readonly string[]
  readonly down: number
  readonly up: number
  readonly connections: number
}

interface Peer {
  readonly address: string
  readonly port: string
  readonly connections: number
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const PARTS = [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY, 28 * DAY, 364 * DAY]
const MOST_PARTS = 60
const MOST_PEERS = 5

/** What a device asked, where it went and how much that was. `client` is who is meant, of findClient. */
export async function deviceReport(
  session: Session,
  client: Client,
  span: DeviceSpan,
  limit: number,
): Promise<DeviceReport> {
  const kept = await keepRows(session, client, span)
  const asked = `FROM read_parquet(${literal(kept.asked)}) WHERE true`
  const ends = `FROM read_parquet(${literal(kept.ends)}) ends WHERE true`
  return {
    known: await knownMacs(session, client),
    addresses: addressesOf(client, span),
    questions: await questionsOf(session, asked),
    names: await namesOf(session, asked, limit),
    resolvers: await resolversOf(session, asked),
    traffic: await trafficOf(session, ends, span),
    destinations: await destinationsOf(session, ends, limit),
    encryptedDns: await peersOf(session, `${ends} AND applicationName = 'encrypted-dns'`),
    unresolved: await unresolvedOf(session, `${ends} AND (${NOTE}) = 'unresolved'`),
  }
}

/** Files with its questions and connections, which are read once for all that is told of them; they go with the session. */
async function keepRows(
  session: Session,
  client: Client,
  span: DeviceSpan,
): Promise<{ readonly asked: string; readonly ends: string }> {
  const [asked, ends] = ['asked', 'ends'].map((name) =>
    join(session.directory, `device-${name}.parquet`),
  ) as [string, string]
  const options = '(FORMAT parquet, COMPRESSION lz4, ROW_GROUP_SIZE 20480)'
  await rowsOf(
    session,
    ['dns'],
    `COPY (SELECT "time", queryName, responseCode, status, serverAddress, localResolver FROM dns
      WHERE (${condition('dns', span)}) AND (${heldBy('clientAddress', client)})) TO ${literal(asked)} ${options}`,
  )
  await rowsOf(
    session,
    ['flows'],
    `COPY (SELECT "time", flowId, protocolIdentifier, port, applicationName, peer, name, nameStatus, incoming, down, up
      FROM ${endsSql(condition('flows', span))} ends WHERE ${heldBy('address', client)}) TO ${literal(ends)} ${options}`,
  )
  return { asked, ends }
}

async function knownMacs(session: Session, { macs }: Client): Promise<KnownMac[]> {
  const rows = await rowsOf(
    session,
    ['devices'],
    `SELECT macAddress, bool_or(randomMac) AS random, arg_max(device, "until") AS device,
      arg_max(vendor, "until") AS vendor, arg_max(network, "until") AS network, min("time") AS "first",
      max(lastSeen) AS "last" FROM devices WHERE ${isOneOf('macAddress', macs)} GROUP BY 1 ORDER BY "last" DESC`,
  )
  return rows.map((row) => ({
    macAddress: text(row.macAddress) ?? '',
    randomMac: row.random === true,
    ...defined('device', text(row.device)),
    ...defined('vendor', text(row.vendor)),
    ...defined('network', text(row.network)),
    firstSeen: moment(row.first) ?? 0,
    lastSeen: moment(row.last) ?? 0,
  }))
}

function addressesOf({ holdings }: Client, { fromMs, toMs }: DeviceSpan): DeviceReport['addresses'] {
  const its = holdings
    .filter((holding) => holding.fromMs <= toMs && holding.toMs >= fromMs)
    .toSorted((a, b) => b.toMs - a.toMs)
  const now = new Set(its.filter((holding) => holding.toMs >= toMs).map(({ address }) => address))
  const before = new Set(its.map(({ address }) => address).filter((address) => !now.has(address)))
  return { now: [...now], before: [...before] }
}

async function questionsOf(session: Session, asked: string): Promise<Questions> {
  const [row] = await rowsOf(
    session,
    [],
    `SELECT count(*) AS asked, count(DISTINCT queryName) AS "names",
      count(*) FILTER (responseCode = 'NXDOMAIN') AS nxdomain,
      count(*) FILTER (responseCode NOT IN ('NOERROR', 'NXDOMAIN')) AS failed,
      count(*) FILTER (status = 'timeout') AS unanswered ${asked}`,
  )
  return {
    asked: number(row?.asked),
    names: number(row?.names),
    nxdomain: number(row?.nxdomain),
    failed: number(row?.failed),
    unanswered: number(row?.unanswered),
  }
}

async function namesOf(session: Session, asked: string, limit: number): Promise<AskedName[]> {
  const rows = await rowsOf(
    session,
    [],
    `SELECT queryName AS name, count(*) AS asked,
      arg_max(CASE WHEN status = 'timeout' THEN status ELSE responseCode END, "time") AS response
      ${asked} AND queryName IS NOT NULL GROUP BY 1 ORDER BY asked DESC, name LIMIT ${limit}`,
  )
  return rows.map((row) => ({
    name: text(row.name) ?? '',
    asked: number(row.asked),
    ...defined('response', text(row.response)),
  }))
}

async function resolversOf(session: Session, asked: string): Promise<Resolver[]> {
  const rows = await rowsOf(
    session,
    [],
    `SELECT serverAddress AS address, bool_or(coalesce(localResolver, false)) AS "local", count(*) AS asked
      ${asked} GROUP BY 1 ORDER BY "local" DESC, asked DESC, address`,
  )
  return rows.map((row) => ({
    address: text(row.address) ?? '',
    local: row.local === true,
    asked: number(row.asked),
  }))
}

async function trafficOf(session: Session, ends: string, { fromMs, toMs }: DeviceSpan): Promise<Traffic> {
  const partMs = PARTS.find((ms) => (toMs - fromMs) / ms <= MOST_PARTS) ?? (toMs - fromMs) / MOST_PARTS
  const count = Math.max(1, Math.ceil((toMs - fromMs) / partMs))
  const [all] = await rowsOf(
    session,
    [],
    `SELECT count(DISTINCT flowId) AS connections, count(DISTINCT peer) AS addresses ${ends}`,
  )
  const rows = await rowsOf(
    session,
    [],
    // Parts end with the time: the last one is whole.
    `SELECT floor((${toMs} - epoch_ms("time")) / ${partMs})::BIGINT AS part, sum(down) AS down, sum(up) AS up
      ${ends} GROUP BY 1`,
  )
  const byPart = new Map(rows.map((row) => [count - 1 - number(row.part), row]))
  const parts = Array.from({ length: count }, (_, i) => {
    const row = byPart.get(i)
    return { down: number(row?.down), up: number(row?.up) }
  })
  return {
    down: rows.reduce((sum, row) => sum + number(row.down), 0),
    up: rows.reduce((sum, row) => sum + number(row.up), 0),
    connections: number(all?.connections),
    addresses: number(all?.addresses),
    partMs,
    parts,
  }
}

async function destinationsOf(session: Session, ends: string, limit: number): Promise<Destination[]> {
  const rows = await rowsOf(
    session,
    [],
    // The most first, then the rest of what is told of these: of all that would take far more memory.
    `WITH kept AS NOT MATERIALIZED (SELECT *, ${NAME} AS shown, ${NOTE} AS noted ${ends}),
      most AS (SELECT shown, noted FROM kept GROUP BY 1, 2 ORDER BY sum(down + up) DESC, shown LIMIT ${limit})
      SELECT shown AS name, noted AS note, count(DISTINCT peer) AS addresses,
        list_sort(list(DISTINCT ${PORT}))[:${MOST_PEERS}] AS ports, sum(down) AS down, sum(up) AS up,
        count(DISTINCT flowId) AS connections
      FROM kept SEMI JOIN most USING (shown, noted) GROUP BY 1, 2 ORDER BY sum(kept.down + kept.up) DESC, shown`,
  )
  return rows.map((row) => ({
    name: text(row.name) ?? '',
    ...(text(row.note) ? { note: text(row.note) as Note } : {}),
    addresses: number(row.addresses),
    ports: texts(row.ports),
    down: number(row.down),
    up: number(row.up),
    connections: number(row.connections),
  }))
}

async function unresolvedOf(session: Session, ends: string): Promise<DeviceReport['unresolved']> {
  const [row] = await rowsOf(
    session,
    [],
    `SELECT count(DISTINCT flowId) AS connections, count(DISTINCT peer) AS addresses ${ends}`,
  )
  return {
    connections: number(row?.connections),
    addresses: number(row?.addresses),
    most: await peersOf(session, ends),
  }
}

async function peersOf(session: Session, ends: string): Promise<Peer[]> {
  const rows = await rowsOf(
    session,
    [],
    `SELECT peer AS address, ${PORT} AS port, count(DISTINCT flowId) AS connections ${ends} GROUP BY 1, 2
      ORDER BY connections DESC, address, port LIMIT ${MOST_PEERS}`,
  )
  return rows.map((row: Answer) => ({
    address: text(row.address) ?? '',
    port: text(row.port) ?? '',
    connections: number(row.connections),
  }))
}

function defined<K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, string>)
}
