import { integer, list, record, string } from '../../lib/json-fields.ts'
import { type MetricsSettings, parseMetricsSettings } from '../settings.ts'

/** What the module renders for the program that serves /metrics. */
export interface PrometheusSettings extends MetricsSettings {
  readonly addresses: readonly string[]
  readonly port: number
}

export function parsePrometheusSettings(text: string): PrometheusSettings {
  const value: unknown = JSON.parse(text)
  const all = record(value, 'settings')
  return {
    ...parseMetricsSettings(value),
    addresses: list(all.addresses, 'addresses').map((address) => string(address, 'addresses')),
    port: integer(all.port, 'port', 1),
  }
}
