import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { encode } from '@msgpack/msgpack'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ArchiveSupervisor } from '../../src/recorder/archive/supervisor.ts'
import { quarantineDirectory, walDirectory } from '../../src/recorder/layout.ts'
import { KINDS, type KindName } from '../../src/recorder/records/kinds.ts'
import { readFrames } from '../../src/recorder/wal/read.ts'
import { frame, makeData, runPass, startPass, type TestFrame, writeSegment } from '../archive-pass.ts'
import { archived, archivedRows, parquetFooter, parquetRows } from '../parquet.ts'

/*
 * The archive's own process on real files: killed at any moment, fed with what cannot be converted, on a disk that is full.
 * What it wrote is read by hyparquet.
 */

const FULL = process.env.SEKISHO_FULL === '1'
const AT = Date.UTC(2026, 10, 20, 12)
const run = promisify(execFile)

let data: string
let settings: string

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'archive-'))
  settings = makeData(data)
})

afterEach(async () => {
  await rm(data, { recursive: true, force: true })
})

function syslog(text: string, timeMs = AT): object {
  return { time: new Date(timeMs).toISOString(), facility: 1, severity: 6, hostname: 'gate', msg: text }
}

function forward(tag: string, chunk: string | undefined, entries: readonly object[]): TestFrame {
  const body = Buffer.concat(entries.map((record) => encode([Math.floor(AT / 1000), record])))
  const meta = {
    tag,
    mode: 'packed',
    senderAddress: '192.0.2.1',
    ...(chunk !== undefined && { chunk }),
  } as const
  return { meta: { at: AT, encoding: 'forward', forward: meta }, body }
}

function segments(): string[] {
  return readdirSync(walDirectory(data)).filter((name) => name.endsWith('.wal'))
}

it('stores each record once, killed again and again', async () => {
  const expected = new Set<string>()
  let day = 0
  const more = (): void => {
    // Each batch has days of its own, so that there are parts to convert and days to merge all the time. 200 kills have
    // some 1,200 days, all of which must be over.
    for (let segment = 0; segment < 3; segment++, day++) {
      const at = Date.UTC(2017, 6, 1) + day * 2 * 86_400_000
      const lines = Array.from({ length: 3000 }, (_, i) => `${day}/${i} ${'x'.repeat(i % 300)}`)
      for (const line of lines) expected.add(line)
      const own = lines.slice(0, 2000).map((line, i) => syslog(line, at + (i % 2) * 86_400_000))
      const sent = lines.slice(2000).map((line) => ({ line }))
      const chunk = forward('app', `${'c'.repeat(24)}${day}`, sent)
      writeSegment(data, [frame('syslog', own, at), chunk, chunk])
    }
  }
  const kills = FULL ? 200 : 10
  let killed = 0
  for (let attempt = 0; killed < kills; attempt++) {
    if (segments().length < 4) more()
    const { child, ended } = startPass(settings)
    await sleep(300 + ((attempt * 137) % 1500))
    child.kill('SIGKILL')
    const { code } = await ended
    if (code === null) killed += 1
  }
  const { error, counts } = await runPass(settings)
  expect(error).toBeUndefined()
  expect(counts.quarantined).toBe(0)
  expect(segments()).toHaveLength(1)
  const lines = (await archivedRows(data, 'syslog')).map(({ msg }) => String(msg))
  const events = (await archivedRows(data, 'events')).map(
    ({ record }) => (JSON.parse(String(record)) as { line: string }).line,
  )
  expect(lines.length + events.length).toBe(expected.size)
  expect(new Set([...lines, ...events])).toEqual(expected)
  // Days that are over are one sorted file, and nothing temporary is left.
  for (const files of (await archived(data)).values()) expect(files).toHaveLength(1)
  expect(readdirSync(join(data, 'state')).sort()).toEqual(['archive.lock', 'chunks.txt'])
}, 900_000)

it('keeps what others would make of its texts: values, never SQL or paths', async () => {
  const texts = [
    `'; DROP TABLE batch; --`,
    `"); ATTACH '/etc/passwd' AS x; --`,
    '../../../../etc/cron.d/x',
    'a\nb\r\n\tc',
    'nul\0nul',
    '\u2028\ud83d\ude00 関所 \u0007',
    '%s%n$(reboot)`id`',
    '__proto__',
    'x'.repeat(1024 * 1024),
    '',
  ]
  const records = texts.map((text) => ({
    ...syslog(text),
    hostname: text,
    appName: text,
    structuredData: { [text]: text },
  }))
  writeSegment(data, [
    frame('syslog', records),
    ...texts.map((text) => forward(text, text, [{ [text]: text }, { a: text }])),
  ])
  const { error, counts } = await runPass(settings)
  expect(error).toBeUndefined()
  expect(counts).toMatchObject({ rows: 30, malformed: 0, repaired: 0, quarantined: 0 })
  const rows = await archivedRows(data, 'syslog')
  expect(new Set(rows.map(({ msg }) => msg))).toEqual(new Set(texts))
  for (const { msg, hostname, appName, structuredData } of rows) {
    expect([hostname, appName]).toEqual([msg, msg])
    expect(JSON.parse(String(structuredData))).toEqual(JSON.parse(JSON.stringify({ [String(msg)]: msg })))
  }
  const events = await archivedRows(data, 'events')
  expect(new Set(events.map(({ tag }) => tag))).toEqual(new Set(texts))
  expect([...(await archived(data)).keys()].sort()).toEqual([
    'site=home/kind=events/date=2026-11-20',
    'site=home/kind=syslog/date=2026-11-20',
  ])
})

it('stores what can be read of a bad record, keeps what cannot, and loses nothing of its neighbours', async () => {
  const time = '2026-11-20T12:00:00.123456789Z'
  const good = (id: number): string =>
    `{"time":"${time}","exporterAddress":"id ${id}","octetDeltaCount":18446744073709551615,"elements":{"n":12345678901234567890}}`
  const bad = [
    `{"time":"${time}","exporterAddress":"too large","protocolIdentifier":300,"octetDeltaCount":7}`,
    `{"time":"${time}","exporterAddress":"no number","protocolIdentifier":{"a":1}}`,
    `{"time":"yesterday","exporterAddress":"no time"}`,
    `{"exporterAddress":"without a time"}`,
    `{"time":"${time}","exporterAddress":"half a pair \\ud800"}`,
  ]
  const none = ['garbage', '[1,2]', '{"time":"2026', `${'['.repeat(100_000)}`]
  const lines = [good(0), ...bad, good(1), ...none, good(2)]
  const unknown: TestFrame = {
    meta: { at: AT, encoding: 'ndjson', kind: 'future' as KindName, rows: 1 },
    body: Buffer.from('{"x":1}\n'),
  }
  const sequence = writeSegment(
    data,
    [frame('netflow', lines, AT), unknown, frame('syslog', [syslog('another')], AT)],
    Buffer.from('torn tail'),
  )
  const { error, counts } = await runPass(settings)
  expect(error).toBeUndefined()
  expect(counts).toMatchObject({
    segments: 1,
    rows: 9,
    repaired: 3,
    malformed: 4,
    unknownFrames: 1,
    damagedBytes: 9,
    quarantined: 0,
  })
  const rows = await archivedRows(data, 'netflow')
  const byName = new Map(rows.map((row) => [String(row.exporterAddress), row]))
  expect([...byName.keys()].sort()).toEqual(
    [
      'half a pair \ufffd',
      'id 0',
      'id 1',
      'id 2',
      'no number',
      'no time',
      'too large',
      'without a time',
    ].sort(),
  )
  expect(byName.get('id 1')).toMatchObject({
    octetDeltaCount: 18446744073709551615n,
    elements: '{"n":12345678901234567890}',
  })
  expect(byName.get('too large')).toMatchObject({ octetDeltaCount: 7n, protocolIdentifier: null })
  for (const name of ['no time', 'without a time']) expect(byName.get(name)?.time).toEqual(new Date(AT))
  expect(await archivedRows(data, 'syslog')).toHaveLength(1)

  const aside: [string | undefined, string][] = []
  for await (const { meta, body } of readFrames(join(quarantineDirectory(data), `${sequence}.wal`))) {
    aside.push([meta.kind, body.toString()])
  }
  expect(aside).toEqual([
    ['future', '{"x":1}\n'],
    ['netflow', `${none.join('\n')}\n`],
  ])
  expect(readFileSync(join(quarantineDirectory(data), `${sequence}.tail`), 'latin1')).toBe('torn tail')
  expect(segments()).toHaveLength(1)
})

it('puts a segment that cannot be converted aside after a few attempts, and goes on', async () => {
  const poison = writeSegment(data, [])
  writeFileSync(
    join(walDirectory(data), `${String(poison).padStart(10, '0')}.wal`),
    'this is no segment at all',
  )
  writeSegment(data, [frame('syslog', [syslog('behind it')])])
  for (let attempt = 0; attempt < 3; attempt++) {
    const { error } = await runPass(settings)
    expect(error).toContain(`segment ${poison}`)
    expect(await archivedRows(data, 'syslog')).toEqual([])
  }
  const { error, counts } = await runPass(settings)
  expect(error).toBeUndefined()
  expect(counts).toMatchObject({ quarantined: 1, rows: 1 })
  expect(readFileSync(join(quarantineDirectory(data), `${poison}.wal`), 'latin1')).toBe(
    'this is no segment at all',
  )
  expect(await archivedRows(data, 'syslog')).toHaveLength(1)
})

it('leaves out a Forward chunk that came before, in this segment or an earlier one', async () => {
  const chunk = forward('app', 'AAAAAAAAAAAAAAAAAAAAAA==', [{ n: 1 }, { n: 2 }])
  const compressed: TestFrame = {
    meta: {
      ...chunk.meta,
      forward: {
        tag: 'gz',
        mode: 'compressed',
        chunk: 'BBBBBBBBBBBBBBBBBBBBBB==',
        senderAddress: '192.0.2.1',
      },
    },
    body: gzipSync(chunk.body),
  }
  const plain = forward('app', undefined, [{ n: 3 }])
  writeSegment(data, [chunk, chunk, plain, plain, compressed])
  expect((await runPass(settings)).counts).toMatchObject({ rows: 6, duplicateChunks: 1 })
  writeSegment(data, [chunk, compressed, forward('other', 'AAAAAAAAAAAAAAAAAAAAAA==', [{ n: 4 }])])
  expect((await runPass(settings)).counts).toMatchObject({ rows: 1, duplicateChunks: 2 })
  const values = (await archivedRows(data, 'events')).map(({ tag, record }) => [tag, record])
  expect(values.toSorted()).toEqual([
    ['app', '{"n":1}'],
    ['app', '{"n":2}'],
    ['app', '{"n":3}'],
    ['app', '{"n":3}'],
    ['gz', '{"n":1}'],
    ['gz', '{"n":2}'],
    ['other', '{"n":4}'],
  ])
})

it('files a record under its own date, unless that is out of all bounds', async () => {
  settings = makeData(data, { retentionDays: 30 })
  // Now, since what is older than 30 days would be deleted.
  const now = Date.now()
  const day = (offset: number): string => new Date(now + offset * 86_400_000).toISOString().slice(0, 10)
  const records = [0, -1, -29, -400, 30].map((offset) => syslog(`day ${offset}`, now + offset * 86_400_000))
  writeSegment(data, [frame('syslog', records, now)])
  expect((await runPass(settings)).counts.rows).toBe(5)
  const filed = new Map<string, unknown[]>()
  for (const [partition, files] of await archived(data)) {
    for (const file of files)
      filed.set(
        partition.slice(-10),
        (await parquetRows(file)).map(({ msg }) => msg),
      )
  }
  expect(filed).toEqual(
    new Map([
      [day(-29), ['day -29']],
      [day(-1), ['day -1']],
      [day(0), ['day -400', 'day 0', 'day 30']],
    ]),
  )
})

it('writes the documented schema, with statistics, bloom filters and rows in their order', async () => {
  const random = (n: number): number => (n * 2654435761) % 997
  for (let segment = 0; segment < 3; segment++) {
    const dns = Array.from({ length: 20_000 }, (_, i) => ({
      time: new Date(AT + i * 1000).toISOString().replace('Z', '123Z'),
      clientAddress: `10.0.0.${random(i) % 30}`,
      serverAddress: '10.0.0.1',
      transport: 'udp',
      queryName: `host${random(i)}.example.org.`,
      queryType: i % 2 ? 'A' : 'AAAA',
      responseCode: 'NOERROR',
      answers: [{ name: `host${random(i)}.example.org.`, type: 'A', ttl: i % 300, data: '192.0.2.1' }],
      responseTimeMicroseconds: i,
    }))
    writeSegment(data, [
      frame('dns', dns, AT),
      ...(Object.keys(KINDS) as KindName[]).map((kind) =>
        frame(kind, [{ time: new Date(AT).toISOString() }], AT),
      ),
    ])
  }
  expect((await runPass(settings)).error).toBeUndefined()
  const files = await archived(data)
  for (const kind of Object.keys(KINDS) as KindName[]) {
    const [file] = files.get(`site=home/kind=${kind}/date=2026-11-20`) ?? []
    if (file === undefined) throw new Error(`no file of ${kind}`)
    expect(file).toMatch(/day-\d{10}\.parquet$/)
    const { schema, row_groups: groups } = parquetFooter(file)
    const columns = Object.keys(KINDS[kind].columns)
    expect(Object.keys((await parquetRows(file))[0] ?? {})).toEqual(columns)
    for (const { name, type, converted_type, logical_type } of schema.slice(1)) {
      const wanted = (KINDS[kind].columns as Record<string, string>)[name]
      if (wanted === 'TIMESTAMP') expect(logical_type).toMatchObject({ type: 'TIMESTAMP', unit: 'MICROS' })
      if (wanted === 'VARCHAR' || wanted === 'JSON')
        expect([type, converted_type]).toEqual(['BYTE_ARRAY', 'UTF8'])
    }
    for (const group of groups)
      for (const { meta_data: column } of group.columns) expect(column?.codec).toBe('ZSTD')
  }
  const [file = ''] = files.get('site=home/kind=dns/date=2026-11-20') ?? []
  const { row_groups: groups, num_rows: count } = parquetFooter(file)
  expect(count).toBe(60_003n)
  expect(groups.length).toBeGreaterThan(2)
  for (const name of [...KINDS.dns.names, ...KINDS.dns.addresses]) {
    for (const group of groups) {
      const column = group.columns.find(({ meta_data: meta }) => meta?.path_in_schema.join('.') === name)
      expect(column?.meta_data?.bloom_filter_offset, name).toBeGreaterThan(0n)
      expect(
        column?.meta_data?.statistics?.min_value ?? column?.meta_data?.statistics?.null_count,
        name,
      ).toBeDefined()
    }
  }
  // Sharp statistics: where a group ends the next begins.
  const names = groups.map(({ columns }) => columns[4]?.meta_data?.statistics)
  for (let i = 1; i < names.length - 1; i++) {
    expect(String(names[i]?.min_value) >= String(names[i - 1]?.max_value)).toBe(true)
  }
  const rows = await parquetRows(file)
  const keys = rows
    .filter(({ queryName }) => queryName)
    .map((row) => `${String(row.queryName)} ${String(row.queryType).padEnd(4)} ${String(row.clientAddress)}`)
  expect(keys).toHaveLength(60_000)
  expect(keys.every((key, i) => i === 0 || key >= (keys[i - 1] ?? ''))).toBe(true)
})

it('goes on over a full disk: the log keeps what it cannot convert', async () => {
  const user = process.getuid?.() === 0 ? [] : ['--map-root-user']
  const holder = spawn('unshare', [...user, '--mount', 'sleep', '120'], { stdio: 'ignore' })
  const enter = [
    'nsenter',
    '-t',
    String(holder.pid),
    ...(user.length > 0 ? ['--user', '--preserve-credentials'] : []),
    '--mount',
  ]
  const inside = (...argv: string[]): Promise<unknown> => run(enter[0] ?? '', [...enter.slice(1), ...argv])
  try {
    await expect
      .poll(() => readFileSync(`/proc/${holder.pid}/comm`, 'utf8'), { timeout: 5000 })
      .toBe('sleep\n')
    const lines = Array.from({ length: 20_000 }, (_, i) => syslog(`line ${i} ${'x'.repeat(i % 200)}`))
    writeSegment(data, [frame('syslog', lines.slice(0, 10_000), AT)])
    writeSegment(data, [frame('syslog', lines.slice(10_000), AT)])
    await inside('mkdir', `${data}.copy`)
    await inside('cp', '-a', `${data}/.`, `${data}.copy`)
    await inside('mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', data)
    await inside('cp', '-a', `${data}.copy/.`, data)
    await inside('dd', 'if=/dev/zero', `of=${data}/filler`, 'bs=64k').catch(() => undefined)
    const there = join(`/proc/${holder.pid}/root`, data)
    for (let attempt = 0; attempt < 5; attempt++) {
      const { last, code } = await startPass(settings, enter).ended
      expect(code).not.toBe(0)
      if (last) expect(last.counts.quarantined).toBe(0)
      expect(
        readdirSync(walDirectory(there)).filter(
          (name) => statSync(join(walDirectory(there), name)).size > 1000,
        ),
      ).toHaveLength(2)
    }
    await inside('rm', `${data}/filler`)
    await inside('mount', '-o', 'remount,size=64m', data)
    const { error, counts } = await runPass(settings, enter)
    expect(error).toBeUndefined()
    expect(counts).toMatchObject({ rows: 20_000, quarantined: 0 })
    const messages = (await archivedRows(there, 'syslog')).map(({ msg }) => msg)
    expect(new Set(messages)).toEqual(new Set(lines.map((line) => (line as { msg: string }).msg)))
    expect(messages).toHaveLength(20_000)
  } finally {
    const exited = once(holder, 'exit')
    holder.kill('SIGKILL')
    await exited
    await rm(`${data}.copy`, { recursive: true, force: true })
  }
}, 180_000)

it('runs one pass at a time, kills one that hangs, and counts what they did', async () => {
  mkdirSync(join(data, 'state'), { recursive: true })
  writeSegment(data, [frame('syslog', [syslog('one'), syslog('two')], AT)])
  const supervisor = await ArchiveSupervisor.start({ settingsPath: settings, data, tickMs: 100 })
  try {
    await expect.poll(() => supervisor.status().lastPass, { timeout: 30_000 }).toBeDefined()
    expect(supervisor.status()).toMatchObject({
      passes: 1,
      failedPasses: 0,
      counts: { rows: 2, segments: 1, days: 1 },
      stored: { files: 1 },
    })
    expect(supervisor.status().cost?.yen).toBeGreaterThan(0)
    expect(supervisor.status().lastPass?.peakBytes).toBeLessThan(400 * 1024 * 1024)
    writeSegment(data, [frame('syslog', [syslog('three')], AT)])
    await expect.poll(() => supervisor.status().counts.rows, { timeout: 30_000 }).toBe(3)
  } finally {
    await supervisor.stop()
  }
  const program = join(data, 'hang.mjs')
  writeFileSync(
    program,
    `import { writeFileSync } from 'node:fs'; writeFileSync('${data}/pid', String(process.pid)); setInterval(() => {}, 1000)`,
  )
  writeSegment(data, [frame('syslog', [syslog('four')], AT)])
  const hanging = await ArchiveSupervisor.start({
    settingsPath: settings,
    data,
    tickMs: 100,
    silenceMs: 1500,
    program,
  })
  try {
    await expect.poll(() => hanging.status().error, { timeout: 30_000 }).toContain('was silent')
    expect(hanging.status().failedPasses).toBeGreaterThan(0)
  } finally {
    await hanging.stop()
  }
  const pid = Number(readFileSync(join(data, 'pid'), 'utf8'))
  expect(existsSync(`/proc/${pid}`)).toBe(false)
}, 120_000)

it('lets one pass run at a time, and ends with who started it', async () => {
  const lines = Array.from({ length: 50_000 }, (_, i) => syslog(`line ${i}`))
  for (let i = 0; i < 5; i++) writeSegment(data, [frame('syslog', lines, AT)])
  const first = startPass(settings)
  await once(first.child.stdout ?? first.child, 'data')
  // It holds the lock, and is held in turn: it must not be done before the second has asked.
  first.child.kill('SIGSTOP')
  const second = await startPass(settings).ended
  expect(second.code).not.toBe(0)
  expect(second.last?.error).toBe('another pass is running')
  first.child.stdin?.end()
  first.child.kill('SIGCONT')
  const { code } = await first.ended
  expect(code).toBe(1)
  await runPass(settings)
  expect(await archivedRows(data, 'syslog')).toHaveLength(250_000)
}, 120_000)
