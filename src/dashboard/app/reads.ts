import type {
  ArchiveReport,
  ChangesReport,
  ConnectionsReport,
  DevicePage,
  DevicesReport,
  NamesReport,
  NowReport,
  QuestionsReport,
  SearchReport,
  ServicesReport,
  SessionReport,
  Span,
  TextReport,
} from '../api.ts'

/** A GET of the API; the type says what its answer is. */
export interface Read<T> {
  readonly path: string
  /** Never there: it carries the type. */
  readonly answer?: T
}

type Query = Readonly<Record<string, string | number | undefined>>

/** What of an address's query goes into what a list is asked for; each list knows some of them. */
export const FILTERS = [
  'text',
  'client',
  'outcome',
  'bypass',
  'unresolved',
  'encryptedDns',
  'kind',
  'cursor',
] as const

/** What a list is asked for. */
export interface ListQuery extends Span, Readonly<Partial<Record<(typeof FILTERS)[number], string>>> {
  readonly limit?: number
}

/** Every GET of the API, which is one path and one type each (src/dashboard/api.ts). */
export const reads = {
  session: (): Read<SessionReport> => ({ path: '/api/session' }),
  now: (): Read<NowReport> => ({ path: '/api/now' }),
  devices: (span: Span): Read<DevicesReport> => ({ path: address('/api/devices', { ...span }) }),
  device: (id: string, span: Span): Read<DevicePage> => ({
    path: address(`/api/devices/${encodeURIComponent(id)}`, { ...span }),
  }),
  names: (query: ListQuery): Read<NamesReport> => ({ path: address('/api/names', { ...query }) }),
  questions: (query: ListQuery): Read<QuestionsReport> => ({
    path: address('/api/names/questions', { ...query }),
  }),
  connections: (query: ListQuery): Read<ConnectionsReport> => ({
    path: address('/api/connections', { ...query }),
  }),
  search: (query: ListQuery): Read<SearchReport> => ({ path: address('/api/search', { ...query }) }),
  services: (): Read<ServicesReport> => ({ path: '/api/services' }),
  changes: (): Read<ChangesReport> => ({ path: '/api/changes' }),
  diff: (a: number, b: number): Read<TextReport> => ({ path: `/api/changes/${a}/${b}` }),
  plan: (): Read<TextReport> => ({ path: '/api/plan' }),
  archive: (): Read<ArchiveReport> => ({ path: '/api/archive' }),
} as const

/** A file of all that a view lists, and more than it shows. */
export function exportAddress(
  kind: 'devices' | 'names' | 'questions' | 'connections' | 'search',
  format: 'csv' | 'json',
  query: ListQuery,
): string {
  return address(`/api/export/${kind}`, { ...query, limit: undefined, cursor: undefined, format })
}

function address(path: string, query: Query): string {
  const entries = Object.entries(query).filter(([, value]) => value !== undefined && value !== '')
  if (entries.length === 0) return path
  return `${path}?${new URLSearchParams(entries.map(([key, value]) => [key, String(value)])).toString()}`
}
