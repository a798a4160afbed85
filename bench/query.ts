import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { link, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Engine } from '../src/recorder/archive/engine.ts'
import { archiveDirectory, dayName, walDirectory } from '../src/recorder/layout.ts'
import { Session } from '../src/recorder/query/session.ts'
import type { KindName } from '../src/recorder/records/kinds.ts'
import { literal } from '../src/recorder/sql.ts'
import { archiveDay } from './archive-day.ts'
import { dnsRows } from './dns-rows.ts'
import { print, type Row } from './table.ts'

/*
 * The time to an answer, over the archive and beside zgrep over the same records as gzipped NDJSON, in the same run: "who
 * asked for this name, ever" and "who talked to this address in March". As a command, its start included, and from a
 * running session. Then the same over a tenth of the days: what more rows cost. `--days 300` spreads the DNS rows thin: then
 * it is the files that cost.
 */

const WANTED = { command: 50, session: 500 }
const ROOT = join(import.meta.dirname, '..')
const LAST_DAY = Date.UTC(2026, 10, 23)
const DAY_MS = 86_400_000
/** So that a March is among them. */
const FLOW_DAYS = 300
const COMMANDS = 7
const ANSWERS = 25

interface Question {
  readonly asked: string
  readonly kind: KindName
  readonly sql: string
  readonly pattern: string
  /** The gzipped files that somebody would look into who knows the date. */
  readonly files: RegExp
  readonly wanted: boolean
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '5000000' },
      days: { type: 'string', default: '30' },
      json: { type: 'boolean' },
    },
  })
  const [rows, days] = [Number(values.rows), Number(values.days)]
  const root = await mkdtemp(join(tmpdir(), 'bench-query-'))
  try {
    const whole = join(root, 'whole')
    const tenth = join(root, 'tenth')
    for (const data of [whole, tenth]) await mkdir(walDirectory(data), { recursive: true })
    await writeDns(root, whole, rows, days)
    await writeFlows(root, whole, rows, FLOW_DAYS)
    await linkTenth(whole, tenth)
    const questions = await makeQuestions(whole)
    let missed = false
    const table: Row[] = []
    const growth: Row[] = []
    for (const question of questions) {
      const grep = await zgrepSeconds(join(root, question.kind), question)
      const [command, session] = [
        await commandSeconds(whole, question),
        await sessionSeconds(whole, question),
      ]
      table.push(
        row(question, 'zgrep', grep, grep),
        row(question, 'sekisho query', command, grep, WANTED.command),
        row(question, 'a running session', session, grep, WANTED.session),
      )
      if (question.wanted && (grep / command < WANTED.command || grep / session < WANTED.session))
        missed = true
      growth.push({
        question: question.asked,
        'command, times': (command / (await commandSeconds(tenth, question))).toFixed(2),
        'session, times': (session / (await sessionSeconds(tenth, question))).toFixed(2),
      })
    }
    print(
      `The time to an answer over ${rows} rows, DNS of ${days} days, flows of ${FLOW_DAYS} (best of ${COMMANDS}; median of ${ANSWERS})`,
      table,
    )
    print('Ten times the rows', growth)
    if (missed) process.exitCode = 1
  } finally {
    await rm(root, { recursive: true })
  }
}

function row(question: Question, by: string, seconds: number, grep: number, wanted?: number): Row {
  return {
    question: question.asked,
    by,
    ms: (seconds * 1000).toFixed(1),
    'times zgrep': (grep / seconds).toFixed(1),
    wanted: wanted === undefined || !question.wanted ? '' : `>= ${wanted}`,
  }
}

/** Files of a day each: NDJSON for gzip, in the order of time, and Parquet as the archive's pass writes it. */
async function writeDns(root: string, data: string, rows: number, days: number): Promise<void> {
  await mkdir(join(root, 'dns'))
  const engine = await Engine.start(join(root, 'duckdb'))
  let date = ''
  let lines: string[] = []
  const finish = async (): Promise<void> => {
    const path = join(root, 'dns', `${date}.ndjson`)
    const file = createWriteStream(path)
    for (let i = 0; i < lines.length; i += 5000) {
      if (!file.write(`${lines.slice(i, i + 5000).join('\n')}\n`)) await once(file, 'drain')
    }
    file.end()
    await once(file, 'close')
    await store(engine, data, 'dns', date, path, lines.length)
    lines = []
  }
  for (const record of dnsRows({ rows, days })) {
    const day = record.time.slice(0, 10)
    if (day !== date && lines.length > 0) await finish()
    date = day
    lines.push(JSON.stringify(record))
  }
  if (lines.length > 0) await finish()
  engine.close()
}

/** Flows of some devices to 50,000 addresses, few of which have most of them. */
async function writeFlows(root: string, data: string, rows: number, days: number): Promise<void> {
  await mkdir(join(root, 'flows'))
  const engine = await Engine.start(join(root, 'duckdb'))
  const perDay = Math.floor(rows / days)
  for (let day = 0; day < days; day++) {
    const date = new Date(LAST_DAY - (days - 1 - day) * DAY_MS).toISOString().slice(0, 10)
    const path = join(root, 'flows', `${date}.ndjson`)
    const seed = day * perDay
    await engine.run(`COPY (SELECT strftime(ended, '%Y-%m-%dT%H:%M:%S.%fZ') AS "time",
        strftime(ended - to_seconds(took), '%Y-%m-%dT%H:%M:%S.%fZ') AS flowStart,
        strftime(ended, '%Y-%m-%dT%H:%M:%S.%fZ') AS flowEnd, 'home' AS ingressInterface, 'wan0' AS egressInterface,
        '10.0.0.' || (hash(n) % 30 + 129) AS sourceAddress, '198.' || (18 + peer // 65536) || '.' || (peer // 256 % 256) || '.' || (peer % 256) AS destinationAddress,
        CASE WHEN hash(n + 1) % 3 = 0 THEN 17 ELSE 6 END AS protocolIdentifier, 1024 + hash(n + 2) % 60000 AS sourceTransportPort,
        443 AS destinationTransportPort, hash(n + 3) % 100000 AS octetDeltaCount, hash(n + 4) % 100 AS packetDeltaCount,
        hash(n + 5) % 1000000 AS reverseOctetDeltaCount, hash(n + 6) % 1000 AS reversePacketDeltaCount
      FROM (SELECT n, TIMESTAMP ${literal(date)} + to_microseconds((n - ${seed}) * ${Math.floor((DAY_MS * 1000) / perDay)}) AS ended,
        hash(n + 7) % 300 AS took, floor(50000 * pow((hash(n + 8) % 1000000) / 1e6, 4))::BIGINT AS peer
        FROM range(${seed}, ${seed + perDay}) r(n))) TO ${literal(path)} (FORMAT json)`)
    await store(engine, data, 'flows', date, path, perDay)
  }
  engine.close()
}

async function store(
  engine: Engine,
  data: string,
  kind: KindName,
  date: string,
  path: string,
  rows: number,
): Promise<void> {
  await archiveDay(engine, data, { kind, date }, path, rows)
  await once(spawn('gzip', ['-6', path], { stdio: 'inherit' }), 'close')
}

/** Every tenth day, as the days of a younger archive. */
async function linkTenth(whole: string, tenth: string): Promise<void> {
  for (const kind of ['dns', 'flows'] as const) {
    const dates = await readdir(join(archiveDirectory(whole), `site=home/kind=${kind}`))
    // The last of each ten, so that March has its share.
    for (const name of dates.sort().filter((_, i) => i % 10 === 9)) {
      const folder = `site=home/kind=${kind}/${name}`
      await mkdir(join(archiveDirectory(tenth), folder), { recursive: true })
      await link(
        join(archiveDirectory(whole), folder, dayName(1)),
        join(archiveDirectory(tenth), folder, dayName(1)),
      )
    }
  }
}

async function makeQuestions(data: string): Promise<Question[]> {
  const session = await open(data)
  const rare = (column: string, table: string, where: string): Promise<string> =>
    session.query(
      `SELECT ${column} FROM ${table} WHERE ${where} GROUP BY 1 HAVING count(*) BETWEEN 10 AND 60 ORDER BY hash(${column}) LIMIT 1`,
      async (result) => (await result.getRowsJS())[0]?.[0] as string,
    )
  const march = "date BETWEEN '2026-03-01' AND '2026-03-31'"
  const name = await rare('queryName', 'dns', 'true')
  const address = await rare('destinationAddress', 'flows', march)
  session.close()
  return [
    {
      asked: 'who asked for this name, ever',
      kind: 'dns',
      sql: `SELECT clientAddress, count(*), min(time), max(time) FROM dns WHERE queryName = ${literal(name)} GROUP BY 1`,
      pattern: `"queryName":"${name}"`,
      files: /./,
      wanted: true,
    },
    {
      asked: 'who asked for a name that nobody asked for',
      kind: 'dns',
      sql: `SELECT clientAddress, count(*), min(time), max(time) FROM dns WHERE queryName = 'nobody.${name}' GROUP BY 1`,
      pattern: `"queryName":"nobody.${name}"`,
      files: /./,
      wanted: true,
    },
    {
      asked: 'who talked to this address in March',
      kind: 'flows',
      sql: `SELECT sourceAddress, count(*), sum(octetDeltaCount) FROM flows WHERE destinationAddress = ${literal(address)} AND ${march} GROUP BY 1`,
      pattern: `"destinationAddress":"${address}"`,
      files: /./,
      wanted: false,
    },
  ]
}

async function zgrepSeconds(folder: string, { pattern, files }: Question): Promise<number> {
  const names = (await readdir(folder)).filter((name) => files.test(name)).sort()
  const begun = performance.now()
  const child = spawn('zgrep', ['-hF', pattern, ...names], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await once(child, 'close')
  return (performance.now() - begun) / 1000
}

async function commandSeconds(data: string, { sql }: Question): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < COMMANDS; i++) {
    const begun = performance.now()
    const child = spawn(join(ROOT, 'sekisho'), ['query', sql, '--json', '--data', data], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const [code] = (await once(child, 'close')) as [number]
    if (code !== 0) throw new Error('the command failed')
    best = Math.min(best, performance.now() - begun)
  }
  return best / 1000
}

async function sessionSeconds(data: string, { sql }: Question): Promise<number> {
  const session = await open(data)
  const times: number[] = []
  for (let i = 0; i < ANSWERS; i++) {
    const begun = performance.now()
    await session.query(sql, (result) => result.getRows())
    times.push(performance.now() - begun)
  }
  session.close()
  return (times.sort((a, b) => a - b)[Math.floor(ANSWERS / 2)] ?? 0) / 1000
}

function open(data: string): Promise<Session> {
  return Session.open({ data, site: 'home', retentionDays: 3650 })
}

await main()
