import { integer, list, path, record, string } from '../../lib/json-fields.ts'
import { type MetricsSettings, parseMetricsSettings } from '../settings.ts'

/** What the module renders for the program that posts to Mackerel. */
export interface MackerelSettings extends MetricsSettings {
  /** Scheme and host, no slash at the end. */
  readonly apiUrl: string
  /** A file with the key; read at each attempt, and never kept. */
  readonly apiKeyFile: string
  /** The id of a host that an agent registered; absent when we register one. */
  readonly hostIdFile?: string
  /** "service:role". */
  readonly roles: readonly string[]
  readonly monitors: boolean
  /** Also the metrics that mackerel-agent posts. */
  readonly hostMetrics: boolean
  readonly intervalSecs: number
  /** For what could not be posted, and who we are. */
  readonly data: string
  readonly status: string
}

export function parseMackerelSettings(text: string): MackerelSettings {
  const value: unknown = JSON.parse(text)
  const all = record(value, 'settings')
  return {
    ...parseMetricsSettings(value),
    apiUrl: string(all.apiUrl, 'apiUrl'),
    apiKeyFile: path(all.apiKeyFile, 'apiKeyFile'),
    ...(all.hostIdFile !== undefined && { hostIdFile: path(all.hostIdFile, 'hostIdFile') }),
    roles: list(all.roles, 'roles').map((role) => string(role, 'roles')),
    monitors: all.monitors === true,
    hostMetrics: all.hostMetrics === true,
    intervalSecs: integer(all.intervalSecs, 'intervalSecs', 1),
    data: path(all.data, 'data'),
    status: path(all.status, 'status'),
  }
}
