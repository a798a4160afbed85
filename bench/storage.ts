import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { Engine } from '../src/recorder/archive/engine.ts'
import { listArchive } from '../src/recorder/archive/files.ts'
import { mergeFiles } from '../src/recorder/archive/merge.ts'
import type { PassCounts, PassMessage } from '../src/recorder/archive/messages.ts'
import { DAY } from '../src/recorder/archive/parquet.ts'
import { archiveDirectory, segmentFile, walDirectory } from '../src/recorder/layout.ts'
import { encodeFrame, HEADER } from '../src/recorder/wal/frame.ts'
import { recorderSettings } from '../tests/recorder-settings.ts'
import { dnsRows } from './dns-rows.ts'
import { print, type Row } from './table.ts'

/*
 * What a DNS row costs: bytes in the archive beside the same rows as gzipped NDJSON (gzip -6, one stream, in the order of
 * time), and the processor's time beside gzip's for it, in the same run. The archive's own process converts the log's
 * segments and then merges the days; its memory must stay below 400 MB. `--days 30` spreads the rows over a month.
 */

const TARGET_RATIO = 0.42
const MAX_RESIDENT_BYTES = 400 * 1024 * 1024
const SEGMENT_BYTES = 32 * 1024 * 1024
const FRAME_ROWS = 2000
/** USER_HZ, which is 100 on every Linux that Node runs on. */
const TICKS = 100

interface Logged {
  readonly ndjsonBytes: number
  readonly gzipBytes: number
  readonly gzipSeconds: number
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '5000000' },
      days: { type: 'string', default: '1' },
      json: { type: 'boolean' },
    },
  })
  const [rows, days] = [Number(values.rows), Number(values.days)]
  const root = await mkdtemp(join(tmpdir(), 'bench-storage-'))
  try {
    const data = join(root, 'data')
    await mkdir(walDirectory(data), { recursive: true })
    const logged = await writeLog(data, rows, days)
    const pass = await convert(root, data)
    const files = await listArchive(data)
    const dayBytes = files.reduce((sum, { bytes }) => sum + bytes, 0)
    const oneBytes = await oneFile(root, data)
    const size = (name: string, bytes: number): Row => ({
      [`${rows} rows, ${days} days`]: name,
      'bytes per row': (bytes / rows).toFixed(2),
      'of gzip': (bytes / logged.gzipBytes).toFixed(3),
    })
    print(`Bytes per DNS row (wanted: at most ${TARGET_RATIO} of gzip)`, [
      size('NDJSON', logged.ndjsonBytes),
      size('NDJSON, gzip -6', logged.gzipBytes),
      size(`Parquet, ${files.length} files of days, sorted by name`, dayBytes),
      size('Parquet, one file sorted by name', oneBytes),
    ])
    const speed = (name: string, seconds: number): Row => ({
      work: name,
      'rows per second of one core': Math.round(rows / seconds),
      'MB of NDJSON': Math.round(logged.ndjsonBytes / seconds / 1e6),
      'times gzip': (logged.gzipSeconds / seconds).toFixed(2),
    })
    print('Processor time', [
      speed('gzip -6 of the NDJSON', logged.gzipSeconds),
      speed('segments to Parquet', pass.convertSeconds),
      speed('days merged into one sorted file each', pass.mergeSeconds),
    ])
    print('Most memory resident', [
      {
        process: 'archive',
        MB: Math.round(pass.peakBytes / 1e6),
        wanted: `< ${Math.round(MAX_RESIDENT_BYTES / 1e6)}`,
      },
    ])
    const missed = pass.counts.rows !== rows || pass.peakBytes >= MAX_RESIDENT_BYTES
    if (missed || dayBytes / logged.gzipBytes > TARGET_RATIO) process.exitCode = 1
  } finally {
    await rm(root, { recursive: true })
  }
}

/** Writes the rows into segments of a log, and the same lines through gzip. */
async function writeLog(data: string, rows: number, days: number): Promise<Logged> {
  const gzip = spawn('gzip', ['-6', '-c'], { stdio: ['pipe', 'pipe', 'inherit'] })
  let gzipBytes = 0
  gzip.stdout.on('data', (piece: Buffer) => {
    gzipBytes += piece.length
  })
  const log = new LogWriter(data)
  let ndjsonBytes = 0
  let lines: string[] = []
  let at = 0
  const flush = async (): Promise<void> => {
    const body = Buffer.from(`${lines.join('\n')}\n`)
    await log.append(at, lines.length, body)
    lines = []
    ndjsonBytes += body.length
    if (!gzip.stdin.write(body)) await once(gzip.stdin, 'drain')
  }
  for (const row of dnsRows({ rows, days })) {
    if (lines.length === 0) at = Date.parse(row.time)
    lines.push(JSON.stringify(row))
    if (lines.length === FRAME_ROWS) await flush()
  }
  if (lines.length > 0) await flush()
  await log.finish()
  let gzipSeconds = 0
  // The last bytes come out when it is at its end.
  gzip.stdout.on('data', () => {
    gzipSeconds = cpuSeconds(gzip) ?? gzipSeconds
  })
  gzip.stdin.end()
  await once(gzip, 'close')
  return { ndjsonBytes, gzipBytes, gzipSeconds }
}

/** Closed segments as the log makes them, without its fsync. */
class LogWriter {
  readonly #data: string
  #sequence = 0
  #bytes = 0
  #file: ReturnType<typeof createWriteStream> | undefined

  constructor(data: string) {
    this.#data = data
  }

  async append(at: number, rows: number, body: Buffer): Promise<void> {
    if (!this.#file || this.#bytes > SEGMENT_BYTES) await this.#next()
    for (const piece of encodeFrame({ at, encoding: 'ndjson', kind: 'dns', rows }, body)) {
      this.#bytes += piece.length
      if (this.#file?.write(piece) === false) await once(this.#file, 'drain')
    }
  }

  async finish(): Promise<void> {
    await this.#next()
    this.#file?.end()
    if (this.#file) await once(this.#file, 'close')
  }

  async #next(): Promise<void> {
    if (this.#file) {
      this.#file.end()
      await once(this.#file, 'close')
    }
    this.#sequence += 1
    this.#bytes = 0
    this.#file = createWriteStream(segmentFile(this.#data, this.#sequence))
    this.#file.write(HEADER)
  }
}

interface Pass {
  readonly convertSeconds: number
  readonly mergeSeconds: number
  readonly peakBytes: number
  readonly counts: PassCounts
}

/** Runs the archive's process as the recorder does. */
async function convert(root: string, data: string): Promise<Pass> {
  const settings = join(root, 'settings.json')
  await writeFile(
    settings,
    JSON.stringify(recorderSettings(root, { data, retentionDays: 3650, maxBytes: 2 ** 40 })),
  )
  const program = join(import.meta.dirname, '../src/recorder/archive/main.ts')
  const env = { ...process.env, MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' }
  const child = spawn(process.execPath, ['--max-old-space-size=96', program, settings, 'doubted'], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let [convertSeconds, seconds] = [0, 0]
  let last: PassMessage | undefined
  createInterface({ input: child.stdout }).on('line', (line) => {
    seconds = cpuSeconds(child) ?? seconds
    const message = JSON.parse(line) as PassMessage
    if (message.counts.segments !== last?.counts.segments) convertSeconds = seconds
    last = message
  })
  await once(child, 'close')
  if (!last || last.error !== undefined)
    throw new Error(`the pass failed: ${last?.error ?? 'without a word'}`)
  const { counts, peakBytes = Number.POSITIVE_INFINITY } = last
  return { convertSeconds, mergeSeconds: seconds - convertSeconds, peakBytes, counts }
}

/** All days as one sorted file; its bytes. */
async function oneFile(root: string, data: string): Promise<number> {
  const files = (await listArchive(data)).map(({ path }) => join(archiveDirectory(data), path))
  const path = join(root, 'one.parquet')
  const engine = await Engine.start(join(root, 'duckdb'))
  try {
    await mergeFiles(engine, 'dns', files, path, DAY)
    return (await stat(path)).size
  } finally {
    engine.close()
  }
}

/** Processor time of a running process, its own and the system's; undefined when it is gone. */
function cpuSeconds({ pid }: ChildProcess): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / TICKS
  } catch {
    return undefined
  }
}

await main()
