import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { encode } from '@msgpack/msgpack'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../src/lib/run.ts'
import { type PassCounts, zeroConverted } from '../../src/recorder/archive/messages.ts'
import { runPass } from '../../src/recorder/archive/pass.ts'
import { archiveFiles } from '../../src/recorder/query/archive-files.ts'
import { findPlace } from '../../src/recorder/query/place.ts'
import { QueryProblem } from '../../src/recorder/query/problem.ts'
import { Session } from '../../src/recorder/query/session.ts'
import { KINDS, type KindName } from '../../src/recorder/records/kinds.ts'
import { Wal } from '../../src/recorder/wal/wal.ts'

/*
 * `sekisho logs` and `sekisho query` as a person runs them, over segments that the log wrote and Parquet that the archive
 * made of them.
 */

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')
const DAY = 86_400_000
const NOW = Date.UTC(2026, 10, 23, 12)
const OLD = NOW - 3 * DAY

let data: string
let temporary: string

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'query-data-'))
  temporary = await mkdtemp(join(tmpdir(), 'query-tmp-'))
  await record(OLD, {
    dns: [
      dns(OLD, '10.0.0.7', 'www.example.org'),
      dns(OLD + 1000, '10.0.0.8', 'example.org'),
      dns(OLD + 2000, '10.0.0.8', 'notexample.org'),
      dns(OLD + 3000, 'fd00::7', 'example.net'),
    ],
    devices: [
      device(OLD - DAY, OLD + DAY, '10.0.0.7', '02:00:00:00:00:07', 'laptop'),
      device(OLD - DAY, OLD + 2 * DAY, 'fd00::7', '02:00:00:00:00:07', 'laptop'),
    ],
  })
  await convert()
  // Three days later the address is another's, and the laptop has a new one.
  await record(NOW, {
    dns: [dns(NOW, '10.0.0.7', 'later.example.org'), dns(NOW + 1, '10.0.0.9', 'www.example.org')],
    devices: [
      device(NOW - DAY, NOW, '10.0.0.7', '02:00:00:00:00:99', 'tv'),
      device(NOW - DAY, NOW, '10.0.0.9', '02:00:00:00:00:07', 'laptop'),
    ],
    syslog: HOSTILE.map((msg, i) => ({
      time: iso(NOW + i),
      hostname: 'gate',
      appName: 'evil',
      severity: 4,
      msg,
    })),
    container: [{ time: iso(NOW), containerName: 'sekisho-unbound-1', stream: 'stderr', log: 'ready' }],
  })
})

afterAll(async () => {
  await rm(data, { recursive: true, force: true })
  await rm(temporary, { recursive: true, force: true })
})

const HOSTILE = [
  '\u001b]0;owned\u0007\u001b[2Jcleared',
  'a\r\nb\tc\u0000d\u009b31m\u202ereversed\u2028',
  '=HYPERLINK("http://example.org";"x")',
  'quote " comma , end',
  '日本語の行',
]

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

function dns(ms: number, clientAddress: string, queryName: string): Record<string, unknown> {
  const answers = [{ name: queryName, type: 'A', ttl: 60, data: '192.0.2.1' }]
  return {
    time: iso(ms),
    clientAddress,
    serverAddress: '10.0.0.1',
    transport: 'udp',
    queryName,
    queryType: 'A',
    responseCode: 'NOERROR',
    answers,
  }
}

function device(
  from: number,
  until: number,
  address: string,
  macAddress: string,
  name: string,
): Record<string, unknown> {
  return {
    time: iso(from),
    until: iso(until),
    lastSeen: iso(until),
    address,
    macAddress,
    device: name,
    network: 'home',
    randomMac: true,
  }
}

/** Writes records as a recorder does that lives at `now`, and ends the segment. */
async function record(now: number, records: Partial<Record<KindName, object[]>>, into = data): Promise<void> {
  const wal = await Wal.open({ data: into, now: () => now })
  for (const [kind, rows] of Object.entries(records)) {
    const times = rows.map((row) => Date.parse((row as { time: string }).time))
    const meta = {
      encoding: 'ndjson',
      kind: kind as KindName,
      rows: rows.length,
      times: [Math.min(...times), Math.max(...times)],
    } as const
    await wal.append(meta, Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join('')))
  }
  await wal.close()
}

/** Brings all that was recorded so far into the archive: only the newest segment is not closed, and it becomes an empty one. */
async function convert(into = data): Promise<void> {
  const wal = await Wal.open({ data: into, now: () => OLD, segmentBytes: 1 })
  await wal.append({ encoding: 'none' }, Buffer.alloc(0))
  await wal.append({ encoding: 'none' }, Buffer.alloc(0))
  await wal.close()
  const counts: PassCounts = {
    ...zeroConverted(),
    segments: 0,
    quarantined: 0,
    days: 0,
    deletedFiles: 0,
    deletedBytes: 0,
  }
  await runPass(
    {
      data: into,
      site: 'home',
      archive: { format: 'parquet', spoolBytes: 2 ** 40 },
      retentionDays: 3650,
      forwardTo: [],
      maxBytes: 2 ** 40,
      clockTrusted: true,
      now: () => NOW,
    },
    counts,
  )
}

function sekisho(...args: string[]): ReturnType<typeof run> {
  const env = { TMPDIR: temporary, TZ: 'Asia/Tokyo' }
  return run([process.execPath, MAIN, ...args, '--data', data], { env, timeout: 60_000 })
}

async function json(...args: string[]): Promise<Record<string, unknown>[]> {
  const { stdout, stderr, code } = await sekisho(...args, '--json')
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

async function names(...args: string[]): Promise<unknown[]> {
  return (await json('logs', 'dns', ...args)).map(({ queryName }) => queryName)
}

test('the archive has the old records, and the log the new ones', () => {
  const files = archiveFiles(data, new Set(['dns']))
  expect(files.map(({ date }) => date)).toEqual(['2026-11-20'])
})

describe('logs', () => {
  test('has every record once, the oldest first', async () => {
    expect(await names()).toEqual([
      'www.example.org',
      'example.org',
      'notexample.org',
      'example.net',
      'later.example.org',
      'www.example.org',
    ])
    expect(await names('--limit', '2')).toEqual(['later.example.org', 'www.example.org'])
  })

  test('by time, in the zone of this place', async () => {
    expect(await names('--since', '2026-11-23')).toHaveLength(2)
    expect(await names('--until', '2026-11-22')).toHaveLength(4)
    // 12:00 UTC is 21:00 in Tokyo.
    expect(await names('--since', '2026-11-23 21:00', '--until', '2026-11-23T12:00:00.000Z')).toEqual([
      'later.example.org',
    ])
    const { stdout } = await sekisho('logs', 'dns', '--limit', '1')
    expect(stdout.split('\n')[1]).toMatch(/^2026-11-23 21:00:00\.001 {2}10\.0\.0\.9 /)
  })

  test('by name, address and text', async () => {
    expect(await names('--name', 'Example.ORG.')).toEqual([
      'www.example.org',
      'example.org',
      'later.example.org',
      'www.example.org',
    ])
    expect(await names('--name', 'www.*')).toHaveLength(2)
    expect(await names('--name', '*%')).toEqual([])
    expect(await names('--address', '10.0.0.8/30')).toEqual([
      'example.org',
      'notexample.org',
      'www.example.org',
    ])
    expect(await names('--address', 'fd00:0::0/64')).toEqual(['example.net'])
    expect(await names('--address', 'FD00:0::0:7')).toEqual(['example.net'])
    expect(await names('--grep', '^LATER')).toEqual([])
    expect(await names('--grep', '^later')).toEqual(['later.example.org'])
  })

  test.each(['laptop', '02-00-00-00-00-07', '10.0.0.9'])(
    'by client, when %s had which address',
    async (client) => {
      expect(await names('--client', client)).toEqual(['www.example.org', 'example.net', 'www.example.org'])
    },
  )

  test('an address means who had it last', async () => {
    expect(await names('--client', '10.0.0.7')).toEqual(['later.example.org'])
    expect(await names('--client', '10.0.0.8')).toEqual(['example.org', 'notexample.org'])
  })

  test.each<[string, string[]]>([
    ['no device was ever called nobody', ['dns', '--client', 'nobody']],
    ['records of "syslog" have no addresses', ['syslog', '--address', '10.0.0.1']],
    ['--since never is no time', ['dns', '--since', 'never']],
    ['--since 2026-02-31 is no time', ['dns', '--since', '2026-02-31']],
    ['--address 10.0.0.256 is no address', ['dns', '--address', '10.0.0.256']],
    ['--limit many is no number', ['dns', '--limit', 'many']],
    ['missing argument', ['dns', '--grep', '(']],
    ['there is no kind "dsn"', ['dsn']],
    ['exclude each other', ['dns', '--json', '--csv']],
  ])('says %s', async (message, args) => {
    const { stdout, stderr, code } = await sekisho('logs', ...args)
    expect({ stdout, code }).toEqual({ stdout: '', code: 1 })
    expect(stderr).toContain(message === 'missing argument' ? 'missing )' : message)
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  test('without a kind it tells what there is', async () => {
    const { stdout, code } = await sekisho('logs')
    expect(code).toBe(0)
    expect(stdout.trim().split('\n')).toHaveLength(1 + Object.keys(KINDS).length)
    expect(stdout).toMatch(/^dns +6 {2}A DNS transaction/m)
    expect(stdout).toMatch(/^syslog +5 /m)
  })
})

describe('what strangers wrote', () => {
  test.each(['table', 'json', 'csv'])('drives no terminal as %s', async (format) => {
    const { stdout } = await sekisho('logs', 'syslog', ...(format === 'table' ? [] : [`--${format}`]))
    expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    expect(stdout).toContain('日本語の行')
    if (format === 'table') expect(stdout.trim().split('\n')).toHaveLength(1 + HOSTILE.length)
  })

  test('comes as it was in JSON', async () => {
    expect((await json('logs', 'syslog')).map(({ msg }) => msg)).toEqual(HOSTILE)
  })

  test('is no formula in CSV, and quoted', async () => {
    const { stdout } = await sekisho('query', 'SELECT msg, -5 AS n FROM syslog ORDER BY time', '--csv')
    expect(stdout).toContain(`"'=HYPERLINK(""http://example.org"";""x"")",-5\n`)
    expect(stdout).toContain('"quote "" comma , end",-5\n')
  })
})

describe('query', () => {
  let session: Session

  beforeAll(async () => {
    session = await Session.open(findPlace(data))
  })
  afterAll(() => session.close())

  test('knows the device of each record, also after the address moved', async () => {
    expect(await json('query', 'SELECT device, count(*) AS n FROM dns GROUP BY 1 ORDER BY 1')).toEqual([
      { device: 'laptop', n: 3 },
      { device: 'tv', n: 1 },
      { device: null, n: 2 },
    ])
    const [row] = await json('query', "SELECT * FROM dns WHERE queryName = 'example.net'")
    expect(row).toMatchObject({
      device: 'laptop',
      site: 'home',
      date: '2026-11-20',
      time: '2026-11-20T12:00:03.000000Z',
    })
  })

  test('has all kinds in one view', async () => {
    expect(
      await json('query', 'SELECT kind, count(*) AS n, max(text) AS text FROM records GROUP BY 1 ORDER BY 1'),
    ).toEqual([
      { kind: 'container', n: 1, text: 'sekisho-unbound-1 stderr ready' },
      { kind: 'devices', n: 4, text: expect.any(String) as unknown },
      { kind: 'dns', n: 6, text: expect.stringContaining('A NOERROR') as unknown },
      { kind: 'syslog', n: 5, text: expect.stringContaining('warning gate evil') as unknown },
    ])
  })

  test.each([
    'DESCRIBE dns',
    'SHOW TABLES',
    'WITH x AS (FROM dns) SELECT count(*) FROM x',
    'FROM range(3)',
    'VALUES (1)',
  ])('answers %s', async (sql) => {
    expect((await json('query', sql)).length).toBeGreaterThan(0)
  })

  test('a wrong column is answered with those that there are', async () => {
    const { stderr, code } = await sekisho('query', 'SELECT nam FROM dns')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^dns: time, clientAddress, .*device$/m)
  })

  test.each([
    "SELECT * FROM read_csv('/etc/shadow')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_text('/etc/hostname')",
    "SELECT * FROM read_blob('/proc/self/environ')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table(['dns'])",
    'SELECT * FROM enable_logging()',
    'SELECT * FROM duckdb_settings()',
    'SELECT * FROM information_schema.tables',
    "SELECT (SELECT content FROM read_text('/etc/hostname'))",
    `WITH "/etc/passwd" AS (SELECT 1) SELECT * FROM "/etc/passwd"`,
    `SELECT * FROM (WITH "/etc/passwd" AS (SELECT 1) FROM "/etc/passwd"), '/etc/passwd'`,
    "SELECT getenv('HOME')",
    "COPY (SELECT 1) TO '/tmp/sekisho-evil.csv'",
    "COPY dns TO '/tmp/sekisho-evil.csv'",
    "ATTACH '/tmp/sekisho-evil.db'",
    "EXPORT DATABASE '/tmp/sekisho-evil'",
    'INSTALL httpfs',
    'LOAD httpfs',
    "IMPORT DATABASE '/etc'",
    'PRAGMA database_list',
    "PRAGMA memory_limit='100GB'",
    'SET enable_external_access = true',
    'RESET lock_configuration',
    'CALL pragma_version()',
    'CREATE TABLE t AS SELECT 1',
    "CREATE MACRO m() AS TABLE FROM read_text('/etc/hostname')",
    'DROP VIEW dns',
    'DELETE FROM dns',
    'SELECT 1; SELECT 2',
    "SELECT 1; COPY (SELECT 1) TO '/tmp/sekisho-evil.csv'",
    'PREPARE p AS SELECT 1',
    "SELECT * FROM 'https://example.org/x.parquet'",
    "SELECT * FROM 's3://bucket/x.parquet'",
    '',
    'SELEC',
  ])('refuses %s', async (sql) => {
    const refused = await session
      .query(sql, (result) => result.getRows())
      .then(String, (error: unknown) => error)
    expect(refused).toBeInstanceOf(QueryProblem)
    expect((refused as Error).message).not.toMatch(/root:|INTERNAL/)
    expect(await session.query('SELECT count(*) FROM dns', (result) => result.getRowsJS())).toEqual([[6n]])
  })

  test('DuckDB itself has no way to a file, whatever the check lets through', async () => {
    for (const sql of [
      "FROM read_text('/etc/hostname')",
      "COPY (SELECT 1) TO '/tmp/sekisho-evil.csv'",
      "ATTACH '/tmp/sekisho-evil.db'",
      'LOAD httpfs',
      'SET threads = 1',
    ]) {
      const refused = await session
        .run([], sql, (result) => result.getRows())
        .then(String, (error: unknown) => error)
      expect(String(refused)).toMatch(
        /disabled by configuration|disabled through configuration|has been locked/,
      )
    }
  })

  test('says so on stderr and with its exit code', async () => {
    const { stdout, stderr, code } = await sekisho('query', 'DROP VIEW dns')
    expect({ stdout, code }).toEqual({ stdout: '', code: 1 })
    expect(stderr).toBe(
      'only SELECT is allowed: records can be read and not changed. Fix: write SELECT … FROM …\n',
    )
  })

  test('gives up when its time is over', async () => {
    const { stderr, code } = await sekisho(
      'query',
      'SELECT sum(a.range * b.range) FROM range(1e7::BIGINT) a, range(1e7::BIGINT) b',
      '--timeout',
      '1s',
    )
    expect({ stderr, code }).toEqual({
      stderr: 'no answer after 1 s. Fix: ask for less time, or allow more with --timeout\n',
      code: 1,
    })
  })

  test('gives up when it needs more memory than it may have', async () => {
    const { stderr, code } = await sekisho(
      'query',
      'SELECT list(range) FROM range(100000000)',
      '--memory',
      '32M',
    )
    expect(code).toBe(1)
    expect(stderr).toMatch(/of memory. Fix: ask for less at a time, or allow more with --memory\n$/)
  })
})

describe('nothing is left behind', () => {
  test('after all of the above', async () => {
    expect(await readdir(temporary)).toEqual([])
  })

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('after %s', async (signal) => {
    const child = endless()
    await untilTemporary()
    child.kill(signal)
    await ended(child)
    expect(await readdir(temporary)).toEqual([])
  })

  test('after SIGKILL, when the next one ran', async () => {
    const child = endless()
    await untilTemporary()
    child.kill('SIGKILL')
    await ended(child)
    expect(await readdir(temporary)).toHaveLength(1)
    await sekisho('query', 'SELECT 1')
    expect(await readdir(temporary)).toEqual([])
  })

  test('after a reader that had enough', async () => {
    const child = spawn(
      process.execPath,
      [MAIN, 'query', 'FROM range(1000000000)', '--json', '--data', data],
      {
        env: { ...process.env, TMPDIR: temporary },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    child.stdout.once('data', () => child.stdout.destroy())
    expect(await ended(child)).toBe(0)
    expect(await readdir(temporary)).toEqual([])
  })

  const running: ReturnType<typeof spawn>[] = []
  afterAll(() => {
    for (const child of running) child.kill('SIGKILL')
  })

  function endless(): ReturnType<typeof spawn> {
    const sql =
      'SELECT count(*) FROM dns, range(1e7::BIGINT) a, range(1e7::BIGINT) b WHERE a.range * b.range = 7'
    const child = spawn(process.execPath, [MAIN, 'query', sql, '--data', data], {
      env: { ...process.env, TMPDIR: temporary },
      stdio: 'inherit',
    })
    running.push(child)
    return child
  }

  async function untilTemporary(): Promise<void> {
    await expect.poll(() => readdir(temporary), { timeout: 20_000 }).toHaveLength(1)
    const [name = ''] = await readdir(temporary)
    // The records that are in no archive yet have been written there: the statement runs.
    await expect.poll(() => readdir(join(temporary, name)), { timeout: 20_000 }).not.toEqual([])
    await sleep(300)
  }
})

function ended(child: ReturnType<typeof spawn>): Promise<number | null> {
  return new Promise((resolve) => child.once('close', resolve))
}

test('it follows: each record once, through rotation and conversion, and ends well on Ctrl-C', async () => {
  const own = await mkdtemp(join(tmpdir(), 'query-follow-'))
  try {
    await record(OLD, { syslog: [line(0)] }, own)
    const child = spawn(
      process.execPath,
      [MAIN, 'logs', 'syslog', '--follow', '--grep', 'line', '--json', '--data', own],
      {
        env: { ...process.env, TMPDIR: temporary },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    const seen = (): number => stdout.split('\n').length - 1
    await expect.poll(seen, { timeout: 20_000 }).toBe(1)
    for (let i = 1; i < 6; i++) {
      await record(OLD, { syslog: [line(i), { ...line(i), msg: 'other' }] }, own)
      if (i > 3) await expect.poll(seen, { timeout: 20_000 }).toBe(i + 1)
      if (i % 2 === 0) await convert(own)
    }
    await expect.poll(seen, { timeout: 20_000 }).toBe(6)
    child.kill('SIGINT')
    expect(await ended(child)).toBe(0)
    const messages = stdout
      .split('\n')
      .slice(0, -1)
      .map((text) => (JSON.parse(text) as { msg: string }).msg)
    expect(messages).toEqual(Array.from({ length: 6 }, (_, i) => `line ${i}`))
  } finally {
    await rm(own, { recursive: true, force: true })
  }

  function line(i: number): { time: string; msg: string } {
    return { time: iso(OLD + i), msg: `line ${i}` }
  }
})

test('raw Forward chunks answer before they are converted, one that came twice once', async () => {
  const own = await mkdtemp(join(tmpdir(), 'query-forward-'))
  try {
    const wal = await Wal.open({ data: own, now: () => NOW })
    const body = Buffer.concat([1, 2].map((n) => Buffer.from(encode([Math.floor(NOW / 1000), { n }]))))
    const forward = {
      tag: 'app.test',
      mode: 'packed',
      chunk: 'bm90IGEgcmVhbCB1dWlkLi4=',
      senderAddress: '192.0.2.9',
    } as const
    for (let i = 0; i < 2; i++) await wal.append({ encoding: 'forward', forward }, body)
    await wal.close()
    const args = [
      'query',
      "SELECT tag, sum((record->>'n')::INT) AS n FROM events GROUP BY 1",
      '--json',
      '--data',
      own,
    ]
    const { stdout } = await run([process.execPath, MAIN, ...args], { env: { TMPDIR: temporary } })
    expect(stdout).toBe('{"tag":"app.test","n":3}\n')
  } finally {
    await rm(own, { recursive: true, force: true })
  }
})

test('a file of an older release, without a column, answers too', async () => {
  const own = await mkdtemp(join(tmpdir(), 'query-old-'))
  try {
    await record(OLD, { container: [{ time: iso(OLD), containerName: 'new', log: 'x' }] }, own)
    await convert(own)
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const connection = await (await DuckDBInstance.create()).connect()
    const directory = join(own, 'archive/site=home/kind=container/date=2025-01-01')
    await mkdir(directory, { recursive: true })
    await connection.run(
      `COPY (SELECT TIMESTAMP '2025-01-01' AS "time", 'old' AS containerName) TO '${directory}/day-0000000001.parquet' (FORMAT parquet)`,
    )
    const args = ['logs', 'container', '--json', '--data', own]
    const { stdout } = await run([process.execPath, MAIN, ...args], { env: { TMPDIR: temporary } })
    expect(stdout).toBe(
      `{"time":"2025-01-01T00:00:00.000000Z","containerName":"old"}\n{"time":"${iso(OLD).replace('Z', '000Z')}","containerName":"new","log":"x"}\n`,
    )
  } finally {
    await rm(own, { recursive: true, force: true })
  }
})

test('a directory without records is said to be one', async () => {
  const own = await mkdtemp(join(tmpdir(), 'query-none-'))
  const { stderr, code } = await run([process.execPath, MAIN, 'logs', 'dns', '--data', own])
  expect({ stderr, code }).toMatchObject({
    stderr: expect.stringContaining('neither archive/ nor wal/') as unknown,
    code: 1,
  })
  await rm(own, { recursive: true })
})
