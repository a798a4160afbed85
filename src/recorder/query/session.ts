import type { DuckDBResult } from '@duckdb/node-api'
import { archiveDirectory } from '../layout.ts'
import { KINDS, type KindName } from '../records/kinds.ts'
import { identifier, list } from '../sql.ts'
import { type ArchiveFile, archiveFiles, type DateRange } from './archive-files.ts'
import { type Compacted, compactedPath, compactSql, finishedDays, forget, keyOf } from './compact-devices.ts'
import { Database, DEFAULT_LIMITS, type Limits } from './database.ts'
import { LineParquet } from './line-parquet.ts'
import type { Place } from './place.ts'
import { QueryProblem } from './problem.ts'
import { relation, type Sources } from './relation.ts'
import { type LineFile, Unconverted, type Window } from './segments.ts'
import { startDuckDb } from './start-duckdb.ts'
import { checkStatement, serializing } from './statement.ts'
import { TempDirectory } from './temp-directory.ts'
import { columnsOf, kindsOf, VIEWS, viewSql } from './views.ts'

export interface SessionOptions {
  readonly limits?: Limits
  /** Only these days of the archive are looked at. */
  readonly dates?: DateRange
  /** Of what is not in the archive yet, only this time need be looked at. */
  readonly window?: Window
  /** Ends the statement that runs, and all that would come. */
  readonly signal?: AbortSignal
  /** Where copies of what is only in the bucket are kept, and how many bytes of them. */
  readonly cache?: { readonly directory: string; readonly maxBytes: number }
  /** Called before days are fetched from the bucket. */
  readonly onFetch?: (days: number, bytes: number) => void
  /**
   * For one that stays open: what is read again and again is brought into a form that costs less (line-parquet.ts,
   * compact-devices.ts), and what is in the bucket only is left out.
   */
  readonly lasting?: boolean
}

/** What the statements that follow are about, until the next one. */
export interface Scope {
  readonly dates?: DateRange
  /** Ends them. */
  readonly signal?: AbortSignal
}

const CACHE = { directory: '/var/cache/sekisho/records', maxBytes: 2 ** 30 }

const NOTHING: Sources = { archive: [], lines: [], uniform: true, site: '', retentionDays: 0 }
const KNOWN = new Set(VIEWS)
const INTERRUPT_MS = 50
/** The archive replaces files by others while they are read. */
const ATTEMPTS = 3

/**
 * Answers statements over everything that was recorded at a place. Keep it open, and what DuckDB learnt about the
 * archive's files serves the next statement; each sees what has come before it.
 */
export class Session {
  readonly #place: Place
  readonly #options: SessionOptions
  readonly #temporary: TempDirectory
  readonly #database: Database
  readonly #unconverted: Unconverted
  /** View → its SQL, as it was made last. */
  readonly #views = new Map<string, string>()
  /** The first and last file of a kind → whether it, and so all between, have all columns. */
  readonly #uniform = new Map<string, boolean>()
  readonly #lineParquet: LineParquet | undefined
  #compacted: Compacted | undefined
  #compactions = 0
  #scope: Scope
  /** Within a scope all statements see the same: kind → what was read of it. */
  #seen: Map<KindName, Sources> | undefined

  private constructor(
    place: Place,
    options: SessionOptions,
    temporary: TempDirectory,
    database: Database,
    lineParquet?: LineParquet,
  ) {
    this.#place = place
    this.#options = options
    this.#temporary = temporary
    this.#database = database
    this.#lineParquet = lineParquet
    this.#scope = options
    this.#unconverted = new Unconverted(place.data, temporary.path, options.window)
  }

  /** `starting` is DuckDB when it was started before the place was known. */
  static async open(place: Place, options: SessionOptions = {}, starting = startDuckDb()): Promise<Session> {
    const temporary = new TempDirectory()
    const cache = place.s3 ? [(options.cache ?? CACHE).directory] : []
    const directories = [archiveDirectory(place.data), temporary.path, ...cache]
    try {
      const database = await Database.open(
        starting,
        directories,
        temporary.path,
        options.limits ?? DEFAULT_LIMITS,
      )
      options.signal?.addEventListener('abort', () => database.interrupt())
      const lineParquet = options.lasting ? await LineParquet.open(temporary.path) : undefined
      return new Session(place, options, temporary, database, lineParquet)
    } catch (error) {
      temporary.remove()
      throw error
    }
  }

  /**
   * Runs work whose statements are about these days, all see the same state of the records, and end with the signal. One
   * at a time.
   */
  async within<T>(scope: Scope, work: () => Promise<T>): Promise<T> {
    const before = this.#scope
    let timer: NodeJS.Timeout | undefined
    // Again and again: a statement that is about to start does not hear of it.
    const interrupt = (): void => {
      this.#database.interrupt()
      timer ??= setInterval(() => this.#database.interrupt(), INTERRUPT_MS)
    }
    this.#scope = scope
    this.#seen = new Map()
    scope.signal?.addEventListener('abort', interrupt)
    try {
      return await work()
    } finally {
      scope.signal?.removeEventListener('abort', interrupt)
      clearInterval(timer)
      this.#scope = before
      this.#seen = undefined
    }
  }

  /** Runs a stranger's statement: one SELECT over the views, and nothing else. Throws a QueryProblem that says why not. */
  async query<T>(sql: string, take: (result: DuckDBResult) => Promise<T>): Promise<T> {
    const [row] = await this.#database.rows(serializing(sql))
    const { tables, device } = checkStatement(String(row?.[0]), KNOWN)
    return this.#answer([...tables], device, sql, take)
  }

  /** Runs a statement of ours over some views. */
  run<T>(views: readonly string[], sql: string, take: (result: DuckDBResult) => Promise<T>): Promise<T> {
    return this.#answer(views, false, sql, take)
  }

  /** Runs a statement of ours over some lines only: what `view` shows is these. */
  async runOver<T>(
    kind: KindName,
    lines: readonly LineFile[],
    sql: string,
    take: (result: DuckDBResult) => Promise<T>,
  ): Promise<T> {
    const { site, retentionDays } = this.#place
    await this.#show(kind, relation(kind, { archive: [], lines, uniform: true, site, retentionDays }))
    return this.#database.run(sql, take)
  }

  /** Where files go that a statement reads; they go with the session. */
  get directory(): string {
    return this.#temporary.path
  }

  /** How far the log was read for the last statement over this kind: segment → offset. */
  ends(kind: KindName): ReadonlyMap<number, number> {
    return this.#unconverted.ends(kind)
  }

  close(): void {
    this.#database.close()
    this.#lineParquet?.close()
    this.#temporary.remove()
  }

  async #answer<T>(
    views: readonly string[],
    device: boolean,
    sql: string,
    take: (result: DuckDBResult) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      let taken = false
      try {
        this.#scope.signal?.throwIfAborted()
        await this.#refresh(views, device)
        this.#scope.signal?.throwIfAborted()
        return await this.#database.run(sql, (result) => {
          taken = true
          return take(result)
        })
      } catch (error) {
        if (!isGone(error) || taken || attempt === ATTEMPTS) throw explain(error, views)
        this.#seen?.clear()
      }
    }
  }

  /** Makes the views anew over what is there now. */
  async #refresh(views: readonly string[], device: boolean): Promise<void> {
    const kinds = new Set(views.flatMap((view) => kindsOf(view, device)))
    const unseen = new Set([...kinds].filter((kind) => !this.#seen?.has(kind)))
    const sources = new Map(this.#seen)
    if (unseen.size > 0) {
      for (const [kind, source] of await this.#sources(unseen)) {
        sources.set(kind, source)
        this.#seen?.set(kind, source)
      }
    }
    for (const view of views)
      await this.#show(
        view,
        viewSql(view, (kind) => sources.get(kind) ?? NOTHING, device),
      )
  }

  async #sources(kinds: ReadonlySet<KindName>): Promise<Map<KindName, Sources>> {
    const { site, retentionDays } = this.#place
    // The log first: what is converted meanwhile is found in the archive then.
    const lines = await this.#lines(kinds)
    const archive = await this.#archive(kinds)
    const sources = new Map<KindName, Sources>()
    for (const kind of kinds) {
      const files = archive.filter((file) => file.kind === kind)
      const source: Sources = {
        archive: files,
        lines: lines.filter((file) => file.kind === kind),
        uniform: await this.#isUniform(kind, files),
        site,
        retentionDays,
      }
      sources.set(kind, kind === 'devices' && this.#options.lasting ? await this.#compact(source) : source)
    }
    return sources
  }

  async #lines(kinds: ReadonlySet<KindName>): Promise<LineFile[]> {
    const lines = await this.#unconverted.read(kinds)
    if (!this.#lineParquet) return lines
    this.#lineParquet.keep(this.#unconverted.files())
    return this.#lineParquet.convert(lines)
  }

  /** The finished days of the devices in one file, which is made anew when there is another day. */
  async #compact(source: Sources): Promise<Sources> {
    const [days, rest] = finishedDays(source.archive)
    if (days.length === 0) return source
    const key = keyOf(days)
    if (this.#compacted?.key !== key) {
      this.#compactions += 1
      const path = compactedPath(this.directory, this.#compactions)
      const devices = relation('devices', { ...source, archive: days, lines: [] })
      await this.#database.rows(compactSql(devices, path))
      forget(this.#compacted)
      this.#compacted = { key, path }
    }
    return { ...source, archive: rest, compacted: { files: days, path: this.#compacted.path } }
  }

  async #archive(kinds: ReadonlySet<KindName>): Promise<ArchiveFile[]> {
    const { data, s3 } = this.#place
    const { cache = CACHE, onFetch, lasting } = this.#options
    const { dates = {} } = this.#scope
    const local = archiveFiles(data, kinds, dates)
    if (!s3 || lasting) return local
    const { RemoteDays } = await import('./remote-days.ts')
    const remote = new RemoteDays({ data, s3, ...cache, ...(onFetch && { onFetch }) })
    return remote.complete(local, kinds, dates)
  }

  async #show(view: string, sql: string): Promise<void> {
    if (this.#views.get(view) === sql) return
    await this.#database.rows(`CREATE OR REPLACE VIEW ${identifier(view)} AS ${sql}`)
    this.#views.set(view, sql)
  }

  async #isUniform(kind: KindName, files: readonly ArchiveFile[]): Promise<boolean> {
    const paths = firstAndLast(files)
    const key = paths.join('\n')
    const known = this.#uniform.get(key)
    if (known !== undefined || paths.length === 0) return known ?? true
    const rows = await this.#database.rows(`SELECT file_name, name FROM parquet_schema(${list(paths)})`)
    const columns = Object.keys(KINDS[kind].columns)
    const uniform = paths.every((path) => {
      const names = new Set(rows.flatMap(([file, name]) => (file === path ? [name] : [])))
      return columns.every((name) => names.has(name))
    })
    this.#uniform.set(key, uniform)
    return uniform
  }
}

/** The oldest and the newest file: what is written by one release is written anew by the next only with more columns. */
function firstAndLast(files: readonly ArchiveFile[]): string[] {
  const bySequence = files.toSorted((a, b) => a.sequence - b.sequence)
  return [...new Set([bySequence[0], bySequence.at(-1)].flatMap((file) => (file ? [file.path] : [])))]
}

function isGone(error: unknown): boolean {
  return error instanceof Error && /No such file|No files found|could not be found/.test(error.message)
}

/** DuckDB's message for people: its first lines, and which columns there are when one was wrong. */
function explain(error: unknown, views: readonly string[]): unknown {
  if (!(error instanceof Error) || error instanceof QueryProblem) return error
  const column =
    /Referenced column "[^"]*" (?:not found|was not found)|does not have a column named|not found in FROM clause/.test(
      error.message,
    )
  const known = column ? views.map((view) => `\n${view}: ${columnsOf(view).join(', ')}`).join('') : ''
  return new QueryProblem(`${error.message.trim()}${known}`)
}
