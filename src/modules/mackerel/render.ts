import type { Context } from '../../router/module.ts'
import { generatedHeader } from '../../router/render/header.ts'
import { metricsSettings } from '../../router/render/metrics-settings.ts'

/** Where the container has what it reads and writes. */
export const TARGETS = {
  settings: '/etc/sekisho/mackerel.json',
  key: '/run/secrets/mackerel-api-key',
  hostId: '/run/secrets/mackerel-host-id',
  ca: '/etc/sekisho/ca.pem',
  data: '/data',
  run: '/run/mackerel',
} as const

/** What the renderer needs of the module's config. */
interface Config {
  readonly host_id_file?: string | undefined
  readonly roles: readonly string[]
  readonly monitors: boolean
  readonly host_metrics: boolean
  readonly api_url: string
  readonly interval_secs: number
}

/** mackerel.json (src/metrics/mackerel/settings.ts reads it): JSON has no comments, so the notice is a key. */
export function renderMackerelSettings(ctx: Context<Config>): string {
  const { config } = ctx
  const settings = {
    notice: generatedHeader('mackerel', '').trim(),
    ...metricsSettings(ctx),
    apiUrl: config.api_url.replace(/\/$/, ''),
    apiKeyFile: TARGETS.key,
    ...(config.host_id_file !== undefined && { hostIdFile: TARGETS.hostId }),
    roles: config.roles,
    monitors: config.monitors,
    hostMetrics: config.host_metrics,
    intervalSecs: config.interval_secs,
    data: TARGETS.data,
    status: `${TARGETS.run}/status.json`,
  }
  return `${JSON.stringify(settings, null, 2)}\n`
}
