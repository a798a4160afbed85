import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Engine } from '../src/recorder/archive/engine.ts'
import type { KindName } from '../src/recorder/records/kinds.ts'
import { literal } from '../src/recorder/sql.ts'
import { frame, makeData, writeSegment } from '../tests/archive-pass.ts'
import { archiveDay } from './archive-day.ts'
import { type DnsRow, dnsRows } from './dns-rows.ts'

/*
 * A year of a household of some thirty devices, as the recorder keeps it: what they asked (dns-rows.ts), the connections
 * that followed, lines of containers and of the system, and who had which address. Finished days are the archive's, the
 * last minutes are the log's. Beside it each day of questions, connections and lines as gzipped NDJSON, for zgrep.
 */

const DAY_MS = 86_400_000
/** Of all rows: questions, connections, lines of containers and of the system. */
const SHARES = { dns: 0.5, flows: 0.42, container: 0.06, syslog: 0.02 } as const
export type GreppedKind = keyof typeof SHARES

export interface Household {
  /** The recorder's data directory. */
  readonly data: string
  /** Folders of a kind each, with a file for each day. */
  readonly gzipped: string
  readonly rows: number
  /** Milliseconds since 1970: when its last record was made. */
  readonly nowMs: number
}

/** Writes so many rows over so many days that end now. */
export async function writeHousehold(root: string, rows: number, days: number): Promise<Household> {
  const [data, gzipped] = [join(root, 'data'), join(root, 'gzipped')]
  const nowMs = Date.now()
  makeData(data)
  const engine = await Engine.start(join(root, 'duckdb'))
  let written = 0
  for (const kind of Object.keys(SHARES)) await mkdir(join(gzipped, kind), { recursive: true })
  const lastDay = Math.floor(nowMs / DAY_MS) * DAY_MS
  let today: DnsRow[] = []
  let date = ''
  const finish = async (): Promise<void> => {
    written += await writeDay({ engine, data, gzipped, date, rows: rows / days, dns: today })
    today = []
  }
  for (const row of dnsRows({ rows: Math.round(rows * SHARES.dns), days, lastDay })) {
    if (Date.parse(row.time) > nowMs) break
    const day = row.time.slice(0, 10)
    if (day !== date && today.length > 0) await finish()
    date = day
    today.push(row)
  }
  if (today.length > 0) await finish()
  engine.close()
  written += writeLog(data, nowMs)
  return { data, gzipped, rows: written, nowMs }
}

interface DayOptions {
  readonly engine: Engine
  readonly data: string
  readonly gzipped: string
  readonly date: string
  /** About so many of all kinds. */
  readonly rows: number
  readonly dns: readonly DnsRow[]
}

async function writeDay({ engine, data, gzipped, date, rows, dns }: DayOptions): Promise<number> {
  const of = (kind: GreppedKind): string => join(gzipped, kind, `${date}.ndjson`)
  await writeLines(
    of('dns'),
    dns.map((row) => ({ ...row, queryName: row.queryName.replace(/\.$/, ''), ...REST })),
  )
  const counts: Record<string, number> = { dns: dns.length }
  for (const [kind, sql] of [
    ['flows', flowsSql(of('dns'))],
    ['container', linesSql('container', date, Math.round(rows * SHARES.container))],
    ['syslog', linesSql('syslog', date, Math.round(rows * SHARES.syslog))],
  ] as const) {
    const [copied] = await engine.rows(`COPY (${sql}) TO ${literal(of(kind))} (FORMAT json)`)
    counts[kind] = Number(copied?.Count)
  }
  const holders = new Map(dns.map(({ clientAddress }, i) => [clientAddress, i]))
  const held = join(gzipped, `${date}.ndjson`)
  const devices = [...holders.keys()].flatMap((address) => deviceRows(address, date))
  await writeLines(held, devices)
  await archiveDay(engine, data, { kind: 'devices', date }, held, devices.length)
  await rm(held)
  for (const [kind, count] of Object.entries(counts) as [KindName & GreppedKind, number][]) {
    await archiveDay(engine, data, { kind, date }, of(kind), count)
    await once(spawn('gzip', ['-6', of(kind)], { stdio: 'inherit' }), 'close')
  }
  return devices.length + Object.values(counts).reduce((sum, count) => sum + count, 0)
}

const REST = { clientPort: 40_000, messageId: 7, localResolver: true, queryClass: 'IN', status: 'answered' }

/** A row each hour of an address, as the devices source writes it. */
function deviceRows(address: string, date: string): object[] {
  const from = Date.parse(date)
  const host = [...address].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 65_536, 7)
  const macAddress = `00:00:5e:00:${(host >> 8).toString(16).padStart(2, '0')}:${(host & 255).toString(16).padStart(2, '0')}`
  return Array.from({ length: 24 }, (_, hour) => {
    const until = new Date(from + (hour + 1) * 3_600_000 - 1000).toISOString()
    return {
      time: new Date(from).toISOString(),
      until,
      lastSeen: until,
      open: hour < 23,
      address,
      macAddress,
      device: `device-${host}`,
      network: 'home',
      vendor: 'Example Devices',
      randomMac: false,
    }
  })
}

/** Most answers with an address are followed by a connection to it; some go to where nobody had asked. */
function flowsSql(dns: string): string {
  return `SELECT strftime(ended, '%Y-%m-%dT%H:%M:%S.%fZ') AS "time", strftime(began, '%Y-%m-%dT%H:%M:%S.%fZ') AS flowStart,
      strftime(ended, '%Y-%m-%dT%H:%M:%S.%fZ') AS flowEnd, n AS flowId, 'home' AS ingressInterface, 'wan0' AS egressInterface,
      clientAddress AS sourceAddress, CASE WHEN n % 17 = 0 THEN concat('198.51.100.', n % 250) ELSE answer END AS destinationAddress,
      CASE WHEN n % 3 = 0 THEN 17 ELSE 6 END AS protocolIdentifier, 1024 + n % 60000 AS sourceTransportPort,
      443 AS destinationTransportPort, n % 100000 AS octetDeltaCount, n % 100 AS packetDeltaCount,
      n % 1000003 AS reverseOctetDeltaCount, n % 1000 AS reversePacketDeltaCount, '203.0.113.7' AS postNatSourceAddress,
      1024 + n % 60000 AS postNaptSourceTransportPort, 3 AS flowEndReason, 'home' AS sourceZone, 'wan' AS destinationZone,
      CASE WHEN n % 17 <> 0 THEN queryName END AS destinationName, CASE WHEN n % 17 = 0 THEN 'none' ELSE 'asked' END AS destinationNameStatus
    FROM (SELECT *, "time" + to_milliseconds(n % 1000) AS began, "time" + to_seconds(n % 300) AS ended FROM (
      SELECT *, answers[-1]."data" AS answer, (hash("time", queryName) % 9007199254740991)::BIGINT AS n
      FROM read_json(${literal(dns)}, format = 'newline_delimited', columns = {"time": 'TIMESTAMP', clientAddress: 'VARCHAR',
        queryName: 'VARCHAR', answers: 'STRUCT("type" VARCHAR, "data" VARCHAR)[]'})
      WHERE len(answers) > 0) WHERE regexp_matches(answer, '^[0-9a-f.:]+$')) WHERE ended::DATE = "time"::DATE`
}

function linesSql(kind: 'container' | 'syslog', date: string, rows: number): string {
  const time = `strftime(TIMESTAMP ${literal(date)} + to_milliseconds((n * ${Math.floor(DAY_MS / Math.max(1, rows))})::BIGINT), '%Y-%m-%dT%H:%M:%S.%fZ')`
  const words = `concat(['started', 'lease renewed for', 'timeout from', 'cache flushed', 'query refused by'][(1 + hash(n) % 5)::INTEGER], ' ', hash(n, ${literal(date)}) % 100000, ' after ', hash(n + 1) % 1000, ' ms')`
  return kind === 'container'
    ? `SELECT ${time} AS "time", concat('sekisho-', ['unbound', 'kea', 'recorder'][1 + n % 3], '-1') AS containerName, 'sekisho' AS project,
        ['unbound', 'kea', 'recorder'][1 + n % 3] AS service, 'stdout' AS stream, ${words} AS log FROM range(${rows}) r(n)`
    : `SELECT ${time} AS "time", 3 AS facility, 6 AS severity, 'gate' AS hostname, 'kernel' AS appName, ${words} AS msg, 'rfc3164' AS format FROM range(${rows}) r(n)`
}

/** The last minutes, which are not converted yet. */
function writeLog(data: string, nowMs: number): number {
  const rows = Array.from({ length: 4000 }, (_, i) => {
    const time = new Date(nowMs - i * 200).toISOString()
    const client = `10.0.0.${20 + (i % 30)}`
    const name = `now-${i % 300}.example.org`
    const address = `198.51.100.${i % 250}`
    return {
      dns: {
        time,
        clientAddress: client,
        serverAddress: '10.0.0.1',
        queryName: name,
        queryType: 'A',
        responseCode: 'NOERROR',
        answers: [{ name, type: 'A', ttl: 300, data: address }],
        responseTimeMicroseconds: 1000 + i,
        ...REST,
      },
      flow: {
        time,
        flowStart: time,
        flowEnd: time,
        flowId: i + 1,
        sourceAddress: client,
        destinationAddress: address,
        protocolIdentifier: 6,
        sourceTransportPort: 50_000,
        destinationTransportPort: 443,
        octetDeltaCount: 1000,
        packetDeltaCount: 4,
        reverseOctetDeltaCount: 50_000,
        reversePacketDeltaCount: 40,
        flowEndReason: 3,
        sourceZone: 'home',
        destinationZone: 'wan',
        destinationName: name,
        destinationNameStatus: 'asked',
      },
    }
  })
  writeSegment(data, [
    frame(
      'dns',
      rows.map(({ dns }) => dns),
    ),
    frame(
      'flows',
      rows.map(({ flow }) => flow),
    ),
  ])
  return 2 * rows.length
}

async function writeLines(path: string, records: readonly object[]): Promise<void> {
  const file = createWriteStream(path)
  for (let i = 0; i < records.length; i += 5000) {
    const lines = records.slice(i, i + 5000).map((record) => `${JSON.stringify(record)}\n`)
    if (!file.write(lines.join(''))) await once(file, 'drain')
  }
  file.end()
  await once(file, 'close')
}
