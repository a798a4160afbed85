import type {
  ArchiveReport,
  ChangesReport,
  ConnectionsReport,
  DevicePage,
  DevicesReport,
  LiveEvents,
  NamesReport,
  NowReport,
  QuestionsReport,
  SearchReport,
  ServicesReport,
  Span,
  TextReport,
} from './api.ts'
import type {
  ConnectionsQuery,
  ExportFormat,
  ExportKind,
  ExportQueries,
  NamesQuery,
  QuestionsQuery,
  SearchQuery,
} from './queries.ts'

export interface AskOptions {
  /** Whoever asked is gone: what is not answered yet need not be. */
  readonly signal?: AbortSignal
}

/** An event of GET /api/live with its data. */
export type LiveEvent = {
  readonly [E in keyof LiveEvents]: { readonly event: E; readonly data: LiveEvents[E] }
}[keyof LiveEvents]

/**
 * What the pages show, a method for each GET of the API. Each throws a DataProblem for what the one who asked can do
 * something about.
 */
export interface DashboardData {
  now(options?: AskOptions): Promise<NowReport>
  devices(span: Span, options?: AskOptions): Promise<DevicesReport>
  /** Throws a DataProblem with status 404 when there was never such a device. */
  device(id: string, span: Span, options?: AskOptions): Promise<DevicePage>
  names(query: NamesQuery, options?: AskOptions): Promise<NamesReport>
  questions(query: QuestionsQuery, options?: AskOptions): Promise<QuestionsReport>
  connections(query: ConnectionsQuery, options?: AskOptions): Promise<ConnectionsReport>
  search(query: SearchQuery, options?: AskOptions): Promise<SearchReport>
  archive(options?: AskOptions): Promise<ArchiveReport>
  services(options?: AskOptions): Promise<ServicesReport>
  changes(options?: AskOptions): Promise<ChangesReport>
  diff(a: number, b: number, options?: AskOptions): Promise<TextReport>
  plan(options?: AskOptions): Promise<TextReport>
  /** What happens, as it happens, until the signal. A listener who reads too slowly misses some. */
  live(signal: AbortSignal): AsyncIterable<LiveEvent>
  /** CSV with a header, or JSON lines, some at a time. */
  exportRows<K extends ExportKind>(
    kind: K,
    query: ExportQueries[K],
    format: ExportFormat,
    options?: AskOptions,
  ): AsyncIterable<string>
  close(): Promise<void>
}
