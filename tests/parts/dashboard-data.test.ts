import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AgentRequest, ConnectionRow, OpenConnection, QuestionRow } from '../../src/dashboard/api.ts'
import type { DashboardData, LiveEvent } from '../../src/dashboard/dashboard-data.ts'
import { openData } from '../../src/dashboard/data/index.ts'
import { ConnectionsQuery, NamesQuery, QuestionsQuery, SearchQuery } from '../../src/dashboard/queries.ts'
import { Requests } from '../../src/lib/requests.ts'
import type { Interval } from '../../src/recorder/devices/intervals.ts'
import type { KnownDevice } from '../../src/recorder/devices/known.ts'
import { serialiseState } from '../../src/recorder/devices/state.ts'
import { walDirectory } from '../../src/recorder/layout.ts'
import type { KindName } from '../../src/recorder/records/kinds.ts'
import { Wal } from '../../src/recorder/wal/wal.ts'
import { frame, writeSegment } from '../archive-pass.ts'
import { spansOf } from '../device-spans.ts'
import { archivedRows } from '../parquet.ts'
import { loggedRecords } from '../recorder-log.ts'
import {
  DAY,
  dns,
  flow,
  HOUR,
  iso,
  LAPTOP,
  MINUTE,
  NAMELESS,
  QUOTED,
  TV,
  writeWatched,
} from '../watched-records.ts'

/*
 * The answers behind the dashboard's pages, over a log and Parquet that the recorder made, each beside a count of the same
 * rows that another reader read.
 */

const EVIL = '<script>alert(1)</script>\u001b[2J\u202e'
const LONG = `${'x'.repeat(2000)}.example.org`

let root: string
let data: string
let now: number
let dashboard: DashboardData
let agentAnswers: Partial<Record<string, unknown>>

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'dashboard-data-'))
  data = join(root, 'records')
  await mkdir(data)
  now = Date.now()
  await writeWatched(data, now)
  writeSegment(data, [
    frame('dns', [
      dns(now - 5 * MINUTE, '10.0.0.9', `${EVIL}.example.com`, ['192.0.2.66']),
      dns(now - 6 * MINUTE, '10.0.0.9', LONG, ['192.0.2.66']),
      // Two questions that differ in nothing but their place.
      ...[1, 2, 3].map((messageId) =>
        dns(now - 7 * MINUTE, '10.0.0.7', 'same.example.net', [], { messageId }),
      ),
    ]),
    frame('flows', [
      flow(now - 4 * MINUTE, ['10.0.0.9', '198.51.100.77'], [10, 20], { destinationName: EVIL }),
    ]),
    frame('syslog', [
      {
        time: iso(now - HOUR),
        facility: 3,
        severity: 4,
        hostname: 'gate',
        appName: 'kernel',
        msg: `Link of wan0 ${EVIL}`,
      },
      {
        time: iso(now - 26 * HOUR),
        facility: 3,
        severity: 4,
        hostname: 'gate',
        appName: 'kernel',
        msg: 'link up',
      },
    ]),
    frame('container', [
      {
        time: iso(now - 2 * HOUR),
        containerName: 'kea',
        service: 'kea',
        stream: 'stdout',
        log: 'LEASE for 192.0.2.80',
      },
      {
        time: iso(now - 2 * HOUR),
        containerName: 'kea',
        service: 'kea',
        stream: 'stdout',
        log: "it's 100% a_b",
      },
    ]),
    frame('events', [
      {
        time: iso(now - HOUR),
        tag: 'dns.bypass',
        senderAddress: '10.0.0.9',
        record: { serverAddress: '192.0.2.53', macAddress: LAPTOP },
      },
    ]),
    frame('dhcp', [
      {
        time: iso(now - 3 * HOUR),
        event: 'assigned',
        network: 'home',
        address: '10.0.0.9',
        macAddress: LAPTOP,
        hostname: EVIL,
      },
    ]),
  ])
  await writeStatus()
  agentAnswers = {
    status: {
      generation: 2,
      confirmed: false,
      confirmWithinSecs: 20,
      release: '1.2.3',
      services: [
        { module: 'kea', service: 'kea', state: 'unhealthy' },
        { module: 'unbound', service: 'unbound', state: 'healthy' },
      ],
    },
    generations: [
      {
        number: 2,
        createdAt: iso(now - HOUR),
        author: 'root',
        summary: ['one', EVIL],
        current: true,
        confirmed: false,
      },
      { number: 1, createdAt: iso(now - 40 * DAY), summary: [], current: false, confirmed: true },
    ],
    leases: [
      {
        address: '10.0.0.9',
        name: 'laptop',
        mac: LAPTOP,
        ends: iso(now + HOUR),
        reserved: true,
        state: 'in use',
      },
    ],
    cost: {
      bills: [
        { label: 'now', years: 0, storedBytes: 5, yen: 900 },
        { label: '1 year', years: 1, storedBytes: 50, yen: 1000 },
        { label: '10 years, tenfold', years: 10, storedBytes: 5000, yen: 90_000 },
      ],
      budgetYen: 500,
    },
    connections: [open({ deviceId: LAPTOP, down: 100 }), open({ deviceId: TV, sourcePort: 2 })],
    diff: { text: `- a\n+ ${EVIL}\n`, changes: true },
    plan: { text: 'nothing\n', changes: false },
    paused: [TV],
  }
  dashboard = await openDashboard()
})

afterAll(async () => {
  await dashboard.close()
  await rm(root, { recursive: true, force: true })
})

function openDashboard(askAgent = answer, dataDirectory = data): Promise<DashboardData> {
  return openData({
    settings: {
      hostname: 'gate',
      timezone: 'Asia/Tokyo',
      addresses: ['10.0.0.1'],
      dataDirectory,
      runDirectory: join(root, 'run'),
    },
    askAgent,
  })
}

async function answer(request: AgentRequest): Promise<unknown> {
  const value = 'ask' in request ? agentAnswers[request.ask] : undefined
  if (value === undefined)
    throw Object.assign(new Error('the host cannot be asked'), { fix: 'sekisho status' })
  return value
}

function open(more: Partial<OpenConnection>): OpenConnection {
  return {
    protocol: 'tcp',
    source: '10.0.0.9',
    sourcePort: 1,
    destination: '192.0.2.80',
    destinationPort: 443,
    startMs: 1,
    down: 0,
    up: 0,
    ...more,
  }
}

async function writeStatus(): Promise<void> {
  for (const folder of ['agent', 'recorder', 'watch'])
    await mkdir(join(root, 'run', folder), { recursive: true })
  const known = (macAddress: string, device: string, firstSeen: number): [string, KnownDevice] => [
    macAddress,
    { macAddress, device, network: 'home', leased: true, firstSeen, lastSeen: now },
  ]
  const held = (address: string, macAddress: string): [string, Interval] => [
    `home ${address}`,
    { address, network: 'home', macAddress, leased: true, from: now - DAY, until: now, seen: now },
  ]
  const files = {
    'agent/status.json': JSON.stringify({
      wan: {
        state: 'up',
        ipv4: 'up',
        ipv6: 'no-address',
        since: iso(now - DAY),
        addresses: ['198.51.100.10'],
        gateway4: '198.51.100.1',
      },
      jobs: { names: { ok: true }, figures: { ok: false, lastError: EVIL } },
    }),
    'agent/figures.json': JSON.stringify({ resolver: { 'total.num.queries': 10, 'total.num.cachehits': 4 } }),
    'agent/clients.json': JSON.stringify({
      version: 1,
      asOf: now,
      leases: [],
      reservations: [{ macAddress: LAPTOP }],
    }),
    'recorder/status.json': JSON.stringify({
      log: { bytes: 77, dropped: { segments: 1, rows: 3 } },
      archive: { upload: { waiting: 2, dropped: { files: 1, bytes: 5 }, problem: 'refused' } },
      sources: { syslog: { received: 5, stored: 4, dropped: 1, malformed: 0 } },
    }),
    'recorder/devices.json': serialiseState({
      time: now,
      open: new Map([held('10.0.0.9', LAPTOP), held('10.0.0.7', TV)]),
      known: new Map([known(LAPTOP, 'laptop', now - 9 * DAY), known(TV, 'tv', now - HOUR)]),
      leases: new Map(),
    }),
    'watch/dns.json': JSON.stringify({ received: 9, stored: 8, dropped: 1 }),
    'watch/flows.json': 'not JSON',
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, 'run', name), text)
}

type Row = Readonly<Record<string, unknown>>

/** All rows of a kind, by another reader than the dashboard's; times in milliseconds. */
async function rowsOf(kind: KindName): Promise<(Row & { readonly ms: number })[]> {
  const rows = [...(await archivedRows(data, kind)), ...(await loggedRecords<Row>(data, kind))]
  return rows.map((row) => ({ ...row, ms: new Date(row.time as string | Date).getTime() }))
}

const ALL = (): { fromMs: number; toMs: number } => ({ fromMs: now - 30 * DAY, toMs: now + MINUTE })

async function allQuestions(query: object = {}, limit = 500): Promise<QuestionRow[]> {
  const rows: QuestionRow[] = []
  let cursor: string | undefined
  do {
    const page = await dashboard.questions(QuestionsQuery.parse({ ...ALL(), ...query, limit, cursor }))
    rows.push(...page.rows)
    cursor = page.next
  } while (cursor !== undefined)
  return rows
}

async function allConnections(query: object = {}, limit = 500): Promise<ConnectionRow[]> {
  const rows: ConnectionRow[] = []
  let cursor: string | undefined
  do {
    const page = await dashboard.connections(ConnectionsQuery.parse({ ...ALL(), ...query, limit, cursor }))
    rows.push(...page.rows)
    cursor = page.next
  } while (cursor !== undefined)
  return rows
}

describe('questions', () => {
  test('all of them once, the newest first, however many a page has', async () => {
    const counted = await rowsOf('dns')
    const whole = await allQuestions()
    expect(whole.map(({ timeMs }) => timeMs)).toEqual(counted.map(({ ms }) => ms).toSorted((a, b) => b - a))
    for (const limit of [1, 4, 7]) expect(await allQuestions({}, limit)).toEqual(whole)
  })

  test('tell who asked, what became of it, and what was given', async () => {
    const [cdn] = await allQuestions({ text: 'cdn.www' })
    expect(cdn).toEqual({
      timeMs: now - 2 * HOUR + 2000,
      name: 'cdn.www.example.org',
      type: 'A',
      outcome: 'answered',
      responseCode: 'NOERROR',
      micros: 1234,
      clientAddress: '10.0.0.9',
      deviceId: LAPTOP,
      device: 'laptop',
      serverAddress: '10.0.0.1',
      bypass: false,
      answers: ['edge.example.com', '192.0.2.90'],
    })
    // The address was the laptop's then, and is the television's now.
    expect((await allQuestions({ client: '10.0.0.7' })).map(({ deviceId }) => deviceId)).not.toContain(LAPTOP)
    expect((await allQuestions({ client: LAPTOP })).map(({ clientAddress }) => clientAddress)).toContain(
      '10.0.0.7',
    )
  })

  test.each([
    ['text', { text: 'example.org' }, (row: Row) => String(row.queryName).includes('example.org')],
    ['a pattern', { text: '*.example.net' }, (row: Row) => /^.*\.example\.net$/.test(String(row.queryName))],
    ['text that is no pattern', { text: 'a_b%c' }, (row: Row) => String(row.queryName).includes('a_b%c')],
    ['a quote', { text: "it's" }, (row: Row) => String(row.queryName).includes("it's")],
    ['no answer', { outcome: 'timeout' }, (row: Row) => row.status === 'timeout'],
    ['no such name', { outcome: 'nxdomain' }, (row: Row) => row.responseCode === 'NXDOMAIN'],
    ['past the resolver', { bypass: 'true' }, (row: Row) => row.localResolver === false],
    ['a type', { type: 'aaaa' }, (row: Row) => row.queryType === 'AAAA'],
  ])('by %s', async (_, query, is) => {
    const counted = (await rowsOf('dns')).filter(is)
    expect(counted.length).toBeGreaterThan(0)
    expect((await allQuestions(query)).length).toBe(counted.length)
  })

  test('nobody is nobody, and no error', async () => {
    expect(await allQuestions({ client: 'nobody' })).toEqual([])
    expect(await allQuestions({ text: "x' OR true --" })).toEqual([])
    await expect(allQuestions({ cursor: "1.1' OR true" }, 5)).resolves.toBeDefined()
    const bad = dashboard.questions(QuestionsQuery.parse({ ...ALL(), cursor: "1.1' --" }))
    await expect(bad).rejects.toMatchObject({ name: 'DataProblem', status: 400 })
  })

  test('a name is what was asked, up to a length', async () => {
    const names = (await allQuestions()).map(({ name }) => name)
    expect(names).toContain(`${EVIL}.example.com`)
    expect(Math.max(...names.map(({ length }) => length))).toBe(300)
  })
})

describe('names', () => {
  test('the most asked first, with all there are in the chart', async () => {
    const counted = await rowsOf('dns')
    const report = await dashboard.names(NamesQuery.parse(ALL()))
    expect(report.total).toBe(counted.length)
    expect(report.asked.values.reduce((sum, n) => sum + n, 0)).toBe(counted.length)
    const byName = Map.groupBy(counted, ({ queryName }) => String(queryName))
    const wanted = [...byName].map(([name, rows]) => ({
      name: name.length > 300 ? `${name.slice(0, 299)}…` : name,
      asked: rows.length,
      failed: rows.filter((row) => row.status === 'timeout' || row.responseCode !== 'NOERROR').length,
      lastMs: Math.max(...rows.map(({ ms }) => ms)),
    }))
    expect(
      new Set(report.rows.map(({ name, asked, failed, lastMs }) => ({ name, asked, failed, lastMs }))),
    ).toEqual(new Set(wanted))
    expect(report.rows.map(({ asked }) => asked)).toEqual(
      report.rows.map(({ asked }) => asked).toSorted((a, b) => b - a),
    )
    expect(report.rows.find(({ name }) => name === 'www.example.org')?.devices).toBe(1)
  })

  test('of one device', async () => {
    const report = await dashboard.names(NamesQuery.parse({ ...ALL(), client: 'tv' }))
    expect(report.rows.map(({ name, asked }) => [name, asked])).toEqual([
      ['same.example.net', 3],
      ['stream.example.com', 1],
    ])
  })
})

describe('connections', () => {
  test('a long one once, with all it moved, and each other one', async () => {
    const counted = Map.groupBy(await rowsOf('flows'), ({ flowId }) => String(flowId))
    const rows = await allConnections()
    expect(rows.map(({ flowId }) => flowId).toSorted()).toEqual([...counted.keys()].toSorted())
    const long = rows.find(({ name }) => name === 'stream.example.com')
    expect(long).toMatchObject({ down: 5_900_000, up: 50_000, device: 'tv', deviceId: TV, unresolved: false })
    for (const limit of [1, 3]) expect(await allConnections({}, limit)).toEqual(rows)
  })

  test('what came in is seen from our side, and NAT is told', async () => {
    const [forward] = await allConnections({ text: '203.0.113.9' })
    expect(forward).toMatchObject({
      source: '203.0.113.9',
      destination: '203.0.113.2',
      natDestination: '10.0.0.20:22',
      device: QUOTED,
      down: 250,
      up: 4000,
      unresolved: false,
    })
  })

  test.each([
    ['a prefix', { text: '192.0.2.0/24' }, 7],
    ['an address in another spelling', { text: '2001:DB8:0::80' }, 1],
    ['a port', { text: 'tcp 853' }, 1],
    ['a zone', { text: 'guest' }, 1],
    ['a part of a name', { text: 'www.exam' }, 3],
    ['a device', { client: 'printer' }, 1],
    ['nobody resolved it', { unresolved: 'true' }, 4],
    ['encrypted DNS', { encryptedDns: 'true' }, 1],
    ['a protocol', { protocol: 'udp' }, 1],
    ['what is nowhere', { text: "' OR true --" }, 0],
  ])('by %s', async (_, query, count) => {
    expect(await allConnections(query)).toHaveLength(count)
  })
})

/** Whose an address was, by TypeScript of its own (tests/device-spans.ts). */
async function holderOf(): Promise<(address: string, ms: number) => string | undefined> {
  const spans = spansOf(
    (await rowsOf('devices')).map((row) => ({
      address: String(row.address),
      macAddress: String(row.macAddress),
      open: row.open === true,
      time: row.ms,
      until: new Date(row.until as string | Date).getTime(),
    })),
  )
  return (address, ms) =>
    spans.find((span) => span.address === address && span.from <= ms && ms < span.to)?.macAddress
}

describe('devices', () => {
  test('all that were ever seen, each with what it used while an address was its', async () => {
    const holder = await holderOf()
    const { devices } = await dashboard.devices(ALL())
    const used = new Map<string, { down: number; up: number; questions: number }>()
    const of = (mac: string | undefined) => {
      const its = used.get(mac ?? '') ?? { down: 0, up: 0, questions: 0 }
      used.set(mac ?? '', its)
      return its
    }
    for (const row of await rowsOf('flows')) {
      const [sent, returned] = [Number(row.octetDeltaCount), Number(row.reverseOctetDeltaCount)]
      if (row.sourceZone !== 'wan') {
        const its = of(holder(String(row.sourceAddress), row.ms))
        its.up += sent
        its.down += returned
      }
      if (row.destinationZone !== 'wan' && row.destinationZone !== 'router') {
        const its = of(holder(String(row.postNatDestinationAddress ?? row.destinationAddress), row.ms))
        its.down += sent
        its.up += returned
      }
    }
    for (const row of await rowsOf('dns')) of(holder(String(row.clientAddress), row.ms)).questions += 1
    for (const { id, down, up, questions } of devices)
      expect({ id, down, up, questions }).toEqual({
        id,
        ...(used.get(id) ?? { down: 0, up: 0, questions: 0 }),
      })
    expect(devices.map(({ id }) => id).toSorted()).toEqual(
      [...new Set((await rowsOf('devices')).map(({ macAddress }) => String(macAddress)))].toSorted(),
    )
    expect(devices.find(({ id }) => id === LAPTOP)).toMatchObject({
      name: 'laptop',
      addresses: ['10.0.0.9'],
      reserved: true,
      paused: false,
      randomMac: true,
      firstSeenMs: now - 9 * DAY,
    })
    expect(devices.filter(({ paused }) => paused).map(({ id }) => id)).toEqual([TV])
    expect(devices.find(({ id }) => id === NAMELESS)).toMatchObject({ addresses: [], reserved: false })
  })

  test('one of them, with its lease and what is open', async () => {
    const page = await dashboard.device(LAPTOP, ALL())
    expect(page.lease).toEqual({ address: '10.0.0.9', expiresMs: Math.floor(now + HOUR), reserved: true })
    expect(page.open).toHaveLength(1)
    expect(page.device).toMatchObject({ id: LAPTOP, down: page.report.traffic.down })
    const mine = (await allQuestions({ client: LAPTOP })).length
    expect(page.report.questions.asked).toBe(mine)
    expect(page.device.questions).toBe(mine)
  })

  test.each(['00:00:5e:00:53:99', 'laptop', "x' --", '..%2f'])('%s is none', async (id) => {
    await expect(dashboard.device(id, ALL())).rejects.toMatchObject({ name: 'DataProblem', status: 404 })
  })
})

async function searched(text: string | undefined, more: object = {}) {
  const query = { ...ALL(), text, ...more }
  const first = await dashboard.search(SearchQuery.parse(query))
  const hits = [...first.hits]
  for (let cursor = first.next; cursor !== undefined; ) {
    const page = await dashboard.search(SearchQuery.parse({ ...query, cursor }))
    hits.push(...page.hits)
    cursor = page.next
  }
  return { ...first, hits }
}

describe('search', () => {
  const has = (row: Row, columns: readonly string[], text: string): boolean =>
    columns.some((column) => {
      const value = row[column]
      return (typeof value === 'string' ? value : JSON.stringify(value ?? '')).toLowerCase().includes(text)
    })

  test.each(['example.org', 'stream', 'link', "it's", '100% a_b', '<script>', 'nothing has this'])(
    '%j: whatever has it, counted and told once',
    async (text) => {
      const columns: Partial<Record<KindName, readonly string[]>> = {
        dns: ['queryName'],
        flows: ['destinationName'],
        syslog: ['msg', 'appName'],
        container: ['log', 'containerName'],
        events: ['record', 'tag'],
        dhcp: ['hostname'],
      }
      let wanted = 0
      for (const [kind, names] of Object.entries(columns) as [KindName, readonly string[]][])
        wanted += (await rowsOf(kind)).filter((row) => has(row, names, text)).length
      for (const limit of [2, 500]) {
        const { hits, total, found } = await searched(text, { limit })
        expect(total).toBe(wanted)
        expect(found.values.reduce((sum, n) => sum + n, 0)).toBe(wanted)
        expect(hits).toHaveLength(wanted)
        expect(hits.map(({ timeMs }) => timeMs)).toEqual(
          hits.map(({ timeMs }) => timeMs).toSorted((a, b) => b - a),
        )
      }
    },
  )

  test('a device: itself, and its records', async () => {
    const { devices, hits } = await searched('laptop')
    expect(devices.map(({ id }) => id)).toEqual([LAPTOP])
    const holder = await holderOf()
    const asked = (await rowsOf('dns')).filter((row) => holder(String(row.clientAddress), row.ms) === LAPTOP)
    expect(hits.filter(({ kind }) => kind === 'dns')).toHaveLength(asked.length)
    expect((await searched(LAPTOP.toUpperCase().replaceAll(':', '-'))).devices.map(({ id }) => id)).toEqual([
      LAPTOP,
    ])
  })

  test('an address and a prefix, also in lines', async () => {
    const { hits } = await searched('192.0.2.80')
    expect(new Set(hits.map(({ kind }) => kind))).toEqual(new Set(['flows', 'container']))
    expect((await searched('192.0.2.0/28')).total).toBe(0)
    expect((await searched('2001:db8:6::/48')).hits.map(({ kind }) => kind)).toEqual(['flows'])
  })

  test('of one kind, with or without a text', async () => {
    expect((await searched(undefined, { kind: 'container' })).hits.map(({ detail }) => detail)).toEqual([
      'kea',
      'kea',
    ])
    expect((await searched('link', { kind: 'syslog' })).total).toBe(2)
    expect((await searched(undefined)).total).toBe(0)
  })

  test('the parts of the chart begin when days do here', async () => {
    const { found } = await searched('example', { fromMs: now - 300 * DAY })
    expect(found.partMs).toBe(DAY)
    // Midnight in Tokyo.
    expect((found.fromMs + 9 * HOUR) % DAY).toBe(0)
    const [row] = (await rowsOf('dns')).filter(({ queryName }) => queryName === 'notexample.org')
    const part = Math.floor(((row?.ms ?? 0) - found.fromMs) / DAY)
    const same = (await searched('notexample.org', { fromMs: now - 300 * DAY })).found.values
    expect(same.flatMap((n, i) => (n > 0 ? [i] : []))).toEqual([part])
  })
})

test('now: the WAN, DNS, who used most, what is wrong and what is new', async () => {
  const report = await dashboard.now()
  const since = report.timeMs - DAY
  const flows = (await rowsOf('flows')).filter(({ ms }) => ms >= since)
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
  const outside = flows.filter((row) => row.sourceZone === 'wan' || row.destinationZone === 'wan')
  const down = outside.map((row) =>
    Number(row.sourceZone === 'wan' ? row.octetDeltaCount : row.reverseOctetDeltaCount),
  )
  expect(sum(report.wan.down.values)).toBe(sum(down))
  expect(report.wan).toMatchObject({
    ipv4: 'up',
    ipv6: 'down',
    sinceMs: now - DAY,
    addresses: ['198.51.100.10'],
    gateways: ['198.51.100.1'],
  })
  const asked = (await rowsOf('dns')).filter(({ ms }) => ms >= report.timeMs - HOUR)
  expect(sum(report.dns.asked.values)).toBe(asked.length)
  expect(report.dns).toMatchObject({ medianMicros: 1234, p95Micros: 1234, cacheHitRatio: 0.4 })
  expect(report.devices).toEqual({ present: 2, known: 2 })
  expect(report.alerts.map(({ kind, subject }) => [kind, subject])).toEqual([
    ['service-unhealthy', 'kea'],
    ['unconfirmed', '2'],
    ['records-lost', undefined],
    ['over-budget', 'now'],
    ['dns-bypass', 'laptop'],
    ['new-device', 'tv'],
  ])
  expect(report.changes.devices.map(({ id }) => id)).toEqual([TV])
  expect(report.changes.generations.map(({ number }) => number)).toEqual([2])
  // www.example.org was asked for three days ago.
  expect(report.changes.names).toContain('stream.example.com')
  expect(report.changes.names).not.toContain('www.example.org')
})

test('archive: what is kept, in rows and bytes, and what it costs', async () => {
  const report = await dashboard.archive()
  for (const kind of ['dns', 'flows', 'devices'] as const)
    expect(report.kinds.find((one) => one.kind === kind)?.rows).toBe((await archivedRows(data, kind)).length)
  const bytes = report.kinds.reduce((sum, kind) => sum + kind.bytes, 0)
  expect(report.daily.values.reduce((sum, n) => sum + n, 0)).toBe(bytes)
  expect(report).toMatchObject({
    logBytes: 77,
    lostRows: 3,
    bucket: { waitingFiles: 2, droppedFiles: 1, problem: 'refused' },
    cost: { currency: 'JPY', now: 900, budget: 500, years: [{ years: 1, perMonth: 1000, bytes: 50 }] },
  })
})

describe('what the host knows', () => {
  test('services, changes, differences and the plan', async () => {
    expect(await dashboard.services()).toEqual({
      release: '1.2.3',
      services: agentAnswers.status && (agentAnswers.status as { services: unknown }).services,
      jobs: [
        { name: 'names', ok: true },
        { name: 'figures', ok: false, lastError: EVIL },
      ],
      sources: [
        { name: 'syslog', received: 5, stored: 4, dropped: 1, malformed: 0 },
        { name: 'watch dns', received: 9, stored: 8, dropped: 1, malformed: 0 },
      ],
    })
    const { generations } = await dashboard.changes()
    expect(generations[0]).toEqual({
      number: 2,
      timeMs: now - HOUR,
      author: 'root',
      summary: `one; ${EVIL}`,
      current: true,
      confirmed: false,
    })
    expect(await dashboard.diff(1, 2)).toEqual(agentAnswers.diff)
    expect(await dashboard.plan()).toEqual(agentAnswers.plan)
  })

  test('a host that does not answer takes only its own part with it', async () => {
    const alone = await openDashboard(() => Promise.reject(Object.assign(new Error('away'), { fix: 'look' })))
    try {
      const away = { name: 'DataProblem', status: 503, message: 'away', fix: 'look' }
      await expect(alone.changes()).rejects.toMatchObject(away)
      await expect(alone.plan()).rejects.toMatchObject(away)
      expect(await alone.device(LAPTOP, ALL())).toMatchObject({ open: [], device: { id: LAPTOP } })
      expect((await alone.now()).changes.generations).toEqual([])
      expect((await alone.archive()).cost).toBeUndefined()
      expect((await alone.services()).services).toEqual([])
    } finally {
      await alone.close()
    }
  })
})

test('exports have all rows, and nothing that a spreadsheet would run', async () => {
  const texts = async (rows: AsyncIterable<string>): Promise<string> => {
    let all = ''
    for await (const text of rows) all += text
    return all
  }
  const questions = QuestionsQuery.parse({ ...ALL(), limit: 1 })
  const lines = (await texts(dashboard.exportRows('questions', questions, 'json'))).trimEnd().split('\n')
  expect(lines.map((line) => (JSON.parse(line) as { name: string }).name)).toEqual(
    (await allQuestions()).map(({ name }) => name),
  )
  const csv = await texts(dashboard.exportRows('connections', ConnectionsQuery.parse(ALL()), 'csv'))
  expect(csv.split('\n')).toHaveLength((await allConnections()).length + 2)
  expect(csv).toMatch(/^start,end,device,/)
  expect(csv).not.toContain('\u001b')
  const hits = await texts(
    dashboard.exportRows('search', SearchQuery.parse({ ...ALL(), text: 'link' }), 'json'),
  )
  expect(hits.trimEnd().split('\n')).toHaveLength(2)
  const devices = await texts(dashboard.exportRows('devices', ALL(), 'csv'))
  expect(devices).toContain(LAPTOP)
})

test('an export has all names, the most asked first, and not only as many as a page', async () => {
  const own = join(root, 'many-names')
  await mkdir(walDirectory(own), { recursive: true })
  // That they differ, the page does not show.
  const name = (i: number) => `${"it's".repeat(90)}${i}.example.org`
  const asked = Array.from({ length: 1200 }, (_, i) => name(i % 1050))
  writeSegment(own, [
    frame(
      'dns',
      asked.map((one) => dns(now - HOUR, '10.0.0.9', one, ['192.0.2.1'])),
    ),
  ])
  const other = await openDashboard(answer, own)
  try {
    const counts: number[] = []
    for await (const text of other.exportRows('names', NamesQuery.parse({ ...ALL(), limit: 1 }), 'json'))
      for (const line of text.split('\n'))
        if (line !== '') counts.push((JSON.parse(line) as { asked: number }).asked)
    expect(counts).toEqual([...Array<number>(150).fill(2), ...Array<number>(900).fill(1)])
  } finally {
    await other.close()
  }
})

test('what the watchers know is recorded before a page about now is made, and not at each look', async () => {
  let asked = 0
  const keeper = await Requests.start(join(root, 'run/watch/flows.sock'), async () => {
    asked += 1
  })
  const other = await openDashboard()
  try {
    const until = (toMs: number) => ConnectionsQuery.parse({ fromMs: now - DAY, toMs })
    await other.connections(until(now - HOUR))
    expect(asked).toBe(0)
    await other.connections(until(Date.now() + HOUR))
    await other.connections(until(Date.now() + 2 * HOUR))
    expect(asked).toBe(1)
  } finally {
    await other.close()
    keeper.stop()
  }
})

test('live: what comes, while somebody listens', async () => {
  const stop = new AbortController()
  const events: LiveEvent[] = []
  let looks = 0
  const live = await openDashboard((request) => {
    if (!('ask' in request) || request.ask !== 'connections') return answer(request)
    looks += 1
    return Promise.resolve([open({ deviceId: LAPTOP, device: EVIL, down: looks * 1000, up: 5 })])
  })
  const wal = await Wal.open({ data })
  try {
    const listening = (async () => {
      for await (const event of live.live(stop.signal)) events.push(event)
    })()
    await expect.poll(() => events.some(({ event }) => event === 'rates'), { timeout: 30_000 }).toBe(true)
    const at = Date.now()
    const append = (kind: KindName, lines: readonly string[]): Promise<unknown> =>
      wal.append(
        { encoding: 'ndjson', kind, rows: lines.length },
        Buffer.from(lines.map((line) => `${line}\n`).join('')),
      )
    await append('dns', [
      '{"time":"2026-',
      '[]',
      'null',
      JSON.stringify(dns(at, '10.0.0.9', `${EVIL}.live.example`, [])),
    ])
    await append('flows', [JSON.stringify(flow(at, ['10.0.0.7', '192.0.2.9'], [1, 2]))])
    await expect
      .poll(() => events.some(({ event }) => event === 'connection'), { timeout: 30_000 })
      .toBe(true)
    stop.abort()
    await listening
    const of = (name: LiveEvent['event']) =>
      events.filter(({ event }) => event === name).map(({ data }) => data)
    expect(of('wan')).toEqual([{ ipv4: 'up', ipv6: 'down' }])
    expect(of('question')).toMatchObject([
      { name: `${EVIL}.live.example`, device: 'laptop', outcome: 'answered' },
    ])
    expect(of('connection')).toMatchObject([
      { destination: '192.0.2.9', deviceId: TV, down: 2, up: 1, unresolved: true },
    ])
    const [rate] = events.flatMap((one) => (one.event === 'rates' ? [one.data] : []))
    expect(rate?.devices.map(({ deviceId }) => deviceId)).toEqual([LAPTOP])
    expect(rate?.down).toBeGreaterThan(0)
    // Nobody listens: nothing is asked any more.
    await live.close()
    const before = looks
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(looks).toBe(before)
  } finally {
    stop.abort()
    await wal.close()
    await live.close()
  }
})
