import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { DevicesReport, SearchReport } from '../src/dashboard/api.ts'
import { cpuSeconds } from './cpu.ts'
import type { Asked } from './dashboard-child.ts'
import { type GreppedKind, type Household, writeHousehold } from './household-year.ts'
import { print, type Row } from './table.ts'

/*
 * The dashboard over a year of five million rows: the time to each page's answer, and to a search over all of the year beside
 * zgrep over the same rows as gzipped NDJSON in the same run; and the memory of the process that answers. The processor's
 * time is told too: on a busy machine it says more.
 */

const DAY_MS = 86_400_000
const ASKS = 11
/** Times faster than zgrep a search must be, and how large the process may become. */
const WANTED_TIMES = 3
const WANTED_BYTES = 200e6
const WANTED_MS = { search: 2000, page: 1000 }

interface Question extends Asked {
  readonly title: string
  /** For zgrep: what to look for, and where. */
  readonly grep?: { readonly pattern: string; readonly kinds: readonly GreppedKind[] }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '5200000' },
      days: { type: 'string', default: '365' },
      json: { type: 'boolean' },
    },
  })
  const days = Number(values.days)
  // Not tmpdir(), which may be in memory.
  const root = await mkdtemp('/var/tmp/bench-dashboard-')
  try {
    const household = await writeHousehold(root, Number(values.rows), days)
    const server = await Server.start(household.data)
    try {
      const rows: Row[] = []
      let missed = false
      for (const question of await questionsOf(server, household, days)) {
        const times = await timesOf(server, question)
        const grep = question.grep && (await zgrepMs(household, question.grep))
        const wanted = question.page === 'search' ? WANTED_MS.search : WANTED_MS.page
        if (grep !== undefined && grep / times.p50 < WANTED_TIMES) missed = true
        rows.push({
          page: question.title,
          'p50 ms': times.p50.toFixed(0),
          'p95 ms': times.p95.toFixed(0),
          'cpu ms': times.cpu.toFixed(0),
          goal: `< ${wanted}`,
          'zgrep ms': grep?.toFixed(0) ?? '',
          'times zgrep': grep === undefined ? '' : (grep / times.p50).toFixed(1),
        })
      }
      print(
        `The dashboard over ${household.rows} rows of ${days} days (${ASKS} asks, none of them kept)`,
        rows,
      )
      const memory = server.memory()
      print(
        'Memory of the process that answers, MB',
        Object.entries(memory).map(([name, bytes]) => ({
          memory: name,
          MB: (bytes / 1e6).toFixed(0),
          goal: name === 'most resident' ? `< ${WANTED_BYTES / 1e6}` : '',
        })),
      )
      if (missed || memory['most resident'] > WANTED_BYTES) process.exitCode = 1
    } finally {
      server.stop()
    }
  } finally {
    await rm(root, { recursive: true })
  }
}

async function questionsOf(server: Server, { nowMs }: Household, days: number): Promise<Question[]> {
  const day = { fromMs: nowMs - DAY_MS, toMs: nowMs }
  const year = { fromMs: nowMs - days * DAY_MS, toMs: nowMs }
  const { devices } = await server.ask<DevicesReport>({ page: 'devices', query: day })
  const id = devices[0]?.id ?? ''
  // A name that is asked for now and then, and a rare one.
  const { hits } = await server.ask<SearchReport>({
    page: 'search',
    query: { ...year, text: 'sync', limit: 500 },
  })
  const name = hits.filter(({ kind }) => kind === 'dns').at(-1)?.text ?? 'sync'
  const all: readonly GreppedKind[] = ['dns', 'flows', 'container', 'syslog']
  return [
    { title: 'now', page: 'now', query: {} },
    { title: 'devices, a day', page: 'devices', query: day },
    { title: 'devices, the year', page: 'devices', query: year },
    { title: 'a device, a day', page: 'device', query: { ...day, id } },
    { title: 'a device, the year', page: 'device', query: { ...year, id } },
    { title: 'names, a day', page: 'names', query: day },
    { title: 'names, the year', page: 'names', query: year },
    { title: 'questions, the newest of the year', page: 'questions', query: year },
    { title: 'connections, the newest of the year', page: 'connections', query: year },
    {
      title: 'connections, a day, nobody resolved',
      page: 'connections',
      query: { ...day, unresolved: 'true' },
    },
    { title: 'archive', page: 'archive', query: {} },
    {
      title: 'search, the year, a name',
      page: 'search',
      query: { ...year, text: name },
      grep: { pattern: name, kinds: all },
    },
    {
      title: 'search, the year, what is nowhere',
      page: 'search',
      query: { ...year, text: 'nowhere.example' },
      grep: { pattern: 'nowhere.example', kinds: all },
    },
    {
      title: 'search, the year, an address',
      page: 'search',
      query: { ...year, text: '198.51.100.4' },
      grep: { pattern: '"198.51.100.4"', kinds: all },
    },
    {
      title: 'search, the year, words of a line',
      page: 'search',
      query: { ...year, text: 'refused by 777' },
      grep: { pattern: 'refused by 777', kinds: all },
    },
    { title: 'search, the year, a device', page: 'search', query: { ...year, text: id } },
    { title: 'search, a day, a part of a name', page: 'search', query: { ...day, text: 'api' } },
  ]
}

interface Times {
  readonly p50: number
  readonly p95: number
  readonly cpu: number
}

async function timesOf(server: Server, question: Question): Promise<Times> {
  const times: number[] = []
  const before = await cpuSeconds(server.pid)
  for (let i = 0; i < ASKS; i++) {
    const { fromMs } = question.query
    // Another question each time: none is answered with what was kept.
    const query = typeof fromMs === 'number' ? { ...question.query, fromMs: fromMs + i } : question.query
    const begun = performance.now()
    await server.ask({ page: question.page, query })
    times.push(performance.now() - begun)
  }
  const cpu = ((await cpuSeconds(server.pid)) - before) / ASKS
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.min(ASKS - 1, Math.floor(ASKS * share))] ?? 0
  return { p50: at(0.5), p95: at(0.95), cpu: cpu * 1000 }
}

async function zgrepMs(
  { gzipped }: Household,
  { pattern, kinds }: NonNullable<Question['grep']>,
): Promise<number> {
  const files = kinds.flatMap((kind) => readdirSync(join(gzipped, kind)).map((name) => join(kind, name)))
  const begun = performance.now()
  await once(
    spawn('zgrep', ['-hF', pattern, ...files], { cwd: gzipped, stdio: ['ignore', 'ignore', 'inherit'] }),
    'close',
  )
  return performance.now() - begun
}

/** The process that answers, started as the module's container starts it. */
class Server {
  readonly #child: ChildProcess
  #mostResident = 0

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(data: string): Promise<Server> {
    const child = fork(join(import.meta.dirname, 'dashboard-child.ts'), [data], {
      execArgv: ['--max-semi-space-size=2'],
      env: { ...process.env, MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' },
    })
    await once(child, 'message')
    return new Server(child)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async ask<T>(asked: Asked): Promise<T> {
    this.#child.send(asked)
    const [answer] = (await once(this.#child, 'message')) as [{ json?: string; error?: string }]
    this.#mostResident = Math.max(this.#mostResident, this.#status('VmHWM'))
    if (answer.json === undefined) throw new Error(`${asked.page}: ${answer.error}`)
    return JSON.parse(answer.json) as T
  }

  memory() {
    return {
      'most resident': this.#mostResident,
      'resident now': this.#status('VmRSS'),
      'of it its own (the rest is programs)': this.#status('RssAnon'),
    }
  }

  stop(): void {
    this.#child.kill()
  }

  #status(name: string): number {
    const text = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024
  }
}

await main()
