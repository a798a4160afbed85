import type {
  ArchiveReport,
  ChangesReport,
  DevicePage,
  DevicesReport,
  GenerationRow,
  NowReport,
  ServicesReport,
  Span,
  TextReport,
} from '../api.ts'
import type { AskOptions, DashboardData, LiveEvent } from '../dashboard-data.ts'
import type {
  ConnectionsQuery,
  ExportFormat,
  ExportKind,
  ExportQueries,
  NamesQuery,
  QuestionsQuery,
  SearchQuery,
} from '../queries.ts'
import { ArchiveLook } from './archive.ts'
import { Asker, type Times, type Work } from './asker.ts'
import { connectionsOf } from './connections.ts'
import { deviceId, deviceOf } from './device.ts'
import { devicesOf, type Known, withState } from './devices.ts'
import { exported } from './export.ts'
import { type AskAgent, Host, type HostCost, type HostStatus, type Lease, unlessLate } from './host.ts'
import { Keepers } from './keepers.ts'
import { Kept } from './kept.ts'
import { Live } from './live.ts'
import { DAY, NEW_AFTER, newNamesOf, recentOf } from './now.ts'
import { nowReport, wanOf } from './now-report.ts'
import { type NamePlace, namesAfter, namesOf, questionsOf, type Router } from './questions.ts'
import { findAll, searchPage } from './search.ts'
import { Shared } from './shared.ts'
import { StatusFiles } from './status-files.ts'

/** Of dashboard.json, what the data needs. */
export interface DataSettings {
  readonly hostname: string
  readonly timezone: string
  /** The router's addresses. */
  readonly addresses: readonly string[]
  /** The recorder's data. */
  readonly dataDirectory: string
  /** Of the records: "site=…" in their paths. */
  readonly site?: string
  /** The status files. */
  readonly runDirectory: string
}

export interface DataOptions {
  readonly settings: DataSettings
  readonly askAgent: AskAgent
}

const DEFAULT_SITE = 'home'
const DEFAULT_RETENTION_DAYS = 3650
const EXPORT_PAGE = 500
/** What a page can be a little late with, in milliseconds: it costs a command of the host. */
const STATUS_KEPT_MS = 20_000
const COST_KEPT_MS = 10 * 60_000
const NAMES_KEPT_MS = 5 * 60_000
const PAUSED_KEPT_MS = 1000
/** The page of now waits no longer for what costs so much; it is there when it is looked at again. */
const SOON_MS = 500
const WAIT_MS = 1500
const NAMES_PATIENCE_MS = 2000
const PATIENCE_MS = 8000

/** The answers behind the pages, from the recorder's archive and log, status files and the host. */
export function openData(options: DataOptions): Promise<DashboardData> {
  return Promise.resolve(new Data(options))
}

class Data implements DashboardData {
  readonly #options: DataOptions
  readonly #router: Router
  readonly #asker: Asker
  readonly #shared = new Shared()
  readonly #files: StatusFiles
  readonly #keepers: Keepers
  readonly #host: Host
  readonly #archive: ArchiveLook
  readonly #live: Live
  readonly #status: Kept<HostStatus>
  readonly #cost: Kept<HostCost | undefined>
  readonly #generations: Kept<readonly GenerationRow[]>
  readonly #newNames: Kept<readonly string[]>
  readonly #leases: Kept<readonly Lease[]>
  readonly #paused: Kept<readonly string[]>

  constructor(options: DataOptions) {
    const { settings, askAgent } = options
    const { dataDirectory: data, runDirectory: run, addresses, timezone } = settings
    this.#options = options
    this.#router = { addresses, timezone }
    this.#asker = new Asker({
      place: { data, site: settings.site ?? DEFAULT_SITE, retentionDays: DEFAULT_RETENTION_DAYS },
    })
    this.#files = new StatusFiles(run, data)
    this.#keepers = new Keepers(run)
    this.#host = new Host(askAgent)
    this.#status = new Kept(STATUS_KEPT_MS, () => this.#host.status())
    this.#cost = new Kept(COST_KEPT_MS, () => this.#host.cost())
    this.#generations = new Kept(STATUS_KEPT_MS, () => this.#host.generations())
    this.#newNames = new Kept(NAMES_KEPT_MS, () => this.#findNewNames(Date.now()))
    this.#leases = new Kept(STATUS_KEPT_MS, () => this.#host.leases())
    this.#paused = new Kept(PAUSED_KEPT_MS, () => this.#host.paused())
    this.#archive = new ArchiveLook(data)
    this.#live = new Live({
      data,
      own: addresses,
      devices: () => this.#files.devices(),
      wan: async () => wanOf(await this.#files.agent()),
      connections: () => this.#host.connections(),
    })
  }

  async now({ signal }: AskOptions = {}): Promise<NowReport> {
    return this.#shared.get('now', signal, (ended) => this.#now(ended))
  }

  async devices(span: Span, { signal }: AskOptions = {}): Promise<DevicesReport> {
    const known = await this.#known()
    const devices = await this.#answer('devices', span, signal, (session) => devicesOf(session, known, span))
    // What was kept may be older than what somebody has just changed.
    return { devices: devices.map((device) => withState(device, known)) }
  }

  async device(id: string, span: Span, { signal }: AskOptions = {}): Promise<DevicePage> {
    const mac = deviceId(id)
    const [known] = await Promise.all([this.#known(), this.#keepers.record(span)])
    const [found, leases, open] = await Promise.all([
      this.#answer(`device ${mac}`, span, signal, (session) => deviceOf(session, known, mac, span)),
      this.#leases.soon(WAIT_MS),
      unlessLate(this.#host.connections(), WAIT_MS),
    ])
    const lease = leases?.find((one) => one.mac === mac)
    const expiresMs = Date.parse(lease?.ends ?? '')
    return {
      report: found.report,
      device: withState(found.device, known),
      ...(lease && {
        lease: {
          address: lease.address,
          ...(Number.isFinite(expiresMs) && { expiresMs }),
          reserved: lease.reserved,
        },
      }),
      open: (open ?? []).filter(({ deviceId: of }) => of === mac).slice(0, MOST_OPEN),
    }
  }

  names(query: NamesQuery, { signal }: AskOptions = {}) {
    return this.#answer('names', query, signal, (session) => namesOf(session, query, this.#router))
  }

  questions(query: QuestionsQuery, { signal }: AskOptions = {}) {
    return this.#answer('questions', query, signal, (session) => questionsOf(session, query, this.#router))
  }

  async connections(query: ConnectionsQuery, { signal }: AskOptions = {}) {
    await this.#keepers.record(query)
    return this.#answer('connections', query, signal, (session) => connectionsOf(session, query))
  }

  async search(query: SearchQuery, { signal }: AskOptions = {}) {
    // Pages of the same search are counted once.
    const { limit: _, cursor: __, ...counted } = query
    const known = await this.#known()
    const found = await this.#answer('found', counted, signal, (session) =>
      findAll(session, counted, known, this.#router.timezone),
    )
    return this.#answer('search', query, signal, (session) => searchPage(session, query, found))
  }

  async archive({ signal }: AskOptions = {}): Promise<ArchiveReport> {
    const [kept, recorder, cost] = await Promise.all([
      this.#answer('archive', {}, signal, (session) => this.#archive.kept(session, Date.now())),
      this.#files.recorder(),
      this.#cost.soon(PATIENCE_MS),
    ])
    const upload = recorder?.archive.upload
    return {
      ...kept,
      logBytes: recorder?.log.bytes ?? 0,
      lostRows: recorder?.log.dropped.rows ?? 0,
      ...(upload && {
        bucket: {
          waitingFiles: upload.waiting,
          droppedFiles: upload.dropped.files,
          ...(upload.problem !== undefined && { problem: upload.problem }),
        },
      }),
      ...(cost && { cost: costOf(cost) }),
    }
  }

  async services(): Promise<ServicesReport> {
    const [status, agent, recorder, dns, flows] = await Promise.all([
      this.#status.soon(PATIENCE_MS),
      this.#files.agent(),
      this.#files.recorder(),
      this.#files.watcher('dns'),
      this.#files.watcher('flows'),
    ])
    const sources = Object.entries(recorder?.sources ?? {})
    const watchers = Object.entries({ 'watch dns': dns, 'watch flows': flows })
    return {
      release: status?.release ?? '',
      services: (status?.services ?? []).map(({ image, ...service }) => ({
        ...service,
        ...(image !== undefined && { image }),
      })),
      jobs: Object.entries(agent?.jobs ?? {}).map(([name, { ok, lastError }]) => ({
        name,
        ok,
        ...(lastError !== undefined && { lastError }),
      })),
      sources: [
        ...sources.map(([name, counts]) => ({ name, ...counts })),
        ...watchers.flatMap(([name, counts]) => (counts ? [{ name, ...counts, malformed: 0 }] : [])),
      ],
    }
  }

  async changes({ signal }: AskOptions = {}): Promise<ChangesReport> {
    return this.#shared.get('changes', signal, async () => ({ generations: await this.#host.generations() }))
  }

  diff(a: number, b: number, { signal }: AskOptions = {}): Promise<TextReport> {
    return this.#shared.get(`diff ${a} ${b}`, signal, () => this.#host.diff(a, b))
  }

  plan({ signal }: AskOptions = {}): Promise<TextReport> {
    return this.#shared.get('plan', signal, () => this.#host.plan())
  }

  live(signal: AbortSignal): AsyncIterable<LiveEvent> {
    return this.#live.listen(signal)
  }

  exportRows<K extends ExportKind>(
    kind: K,
    query: ExportQueries[K],
    format: ExportFormat,
    { signal }: AskOptions = {},
  ): AsyncIterable<string> {
    return exported(kind, format, this.#pages(kind, query, signal))
  }

  async close(): Promise<void> {
    await this.#live.close()
    await this.#asker.close()
  }

  /** Pages take turns with whoever else asks, however long the export. */
  async *#pages(
    kind: ExportKind,
    query: ExportQueries[ExportKind],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<readonly object[], void, void> {
    const options = signal ? { signal } : {}
    // The kind says which query it is.
    if (kind === 'devices') yield (await this.devices(query, options)).devices
    else if (kind === 'names') yield* this.#allNames({ ...(query as NamesQuery), limit: EXPORT_PAGE }, signal)
    else {
      let cursor: string | undefined
      do {
        const some = { ...query, limit: EXPORT_PAGE, cursor }
        const page = await this.#page(kind, some, options)
        yield page.rows
        cursor = page.next
      } while (cursor !== undefined)
    }
  }

  async *#allNames(query: NamesQuery, signal: AbortSignal | undefined) {
    let behind: NamePlace | undefined
    do {
      const some = { ...query, behind }
      const page = await this.#answer('names behind', some, signal, (session) =>
        namesAfter(session, some, this.#router),
      )
      yield page.rows
      behind = page.end
    } while (behind !== undefined)
  }

  async #page(
    kind: 'questions' | 'connections' | 'search',
    query: QuestionsQuery | ConnectionsQuery | SearchQuery,
    options: AskOptions,
  ): Promise<{ readonly rows: readonly object[]; readonly next?: string }> {
    if (kind === 'questions') return this.questions(query as QuestionsQuery, options)
    if (kind === 'connections') return this.connections(query as ConnectionsQuery, options)
    const { hits, next } = await this.search(query as SearchQuery, options)
    return { rows: hits, ...(next !== undefined && { next }) }
  }

  /** Answers from the records, for all who ask the same. */
  #answer<T>(name: string, times: Times, signal: AbortSignal | undefined, work: Work<T>): Promise<T> {
    const key = `${name} ${JSON.stringify(Object.entries(times).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`
    return this.#shared.get(key, signal, (ended) => this.#asker.ask(times, ended, work))
  }

  async #known(): Promise<Known> {
    const [state, reserved, paused] = await Promise.all([
      this.#files.devices(),
      this.#files.reserved(),
      this.#paused.soon(SOON_MS),
    ])
    return { state, reserved, paused: new Set(paused) }
  }

  #findNewNames(nowMs: number): Promise<string[]> {
    return this.#asker.ask({ fromMs: nowMs - NEW_AFTER, toMs: nowMs }, undefined, (session) =>
      newNamesOf(session, nowMs),
    )
  }

  async #now(signal: AbortSignal): Promise<NowReport> {
    const nowMs = Date.now()
    const [recent, names, agent, resolver, recorder, known, status, cost, generations] = await Promise.all([
      this.#asker.ask({ fromMs: nowMs - DAY, toMs: nowMs }, signal, (session) =>
        recentOf(session, nowMs, this.#router),
      ),
      this.#newNames.soon(NAMES_PATIENCE_MS),
      this.#files.agent(),
      this.#files.resolver(),
      this.#files.recorder(),
      this.#known(),
      this.#status.soon(SOON_MS),
      this.#cost.soon(SOON_MS),
      this.#generations.soon(SOON_MS),
    ])
    return nowReport({
      hostname: this.#options.settings.hostname,
      nowMs,
      recent,
      names: names ?? [],
      known,
      resolver,
      generations: generations ?? [],
      agent,
      recorder,
      status,
      cost,
    })
  }
}

const MOST_OPEN = 500
function costOf({ bills, budgetYen }: HostCost): NonNullable<ArchiveReport['cost']> {
  const own = bills.filter(({ label }) => !label.endsWith('tenfold'))
  return {
    currency: 'JPY',
    now: own.find(({ years }) => years === 0)?.yen ?? 0,
    years: own
      .filter(({ years }) => years > 0)
      .map(({ years, yen, storedBytes }) => ({ years, perMonth: yen, bytes: storedBytes })),
    ...(budgetYen !== undefined && { budget: budgetYen }),
  }
}
