import type { Context } from '../../router/module.ts'
import { generatedHeader } from '../../router/render/header.ts'
import { metricsSettings } from '../../router/render/metrics-settings.ts'

/** prometheus.json (src/metrics/prometheus/settings.ts reads it): JSON has no comments, so the notice is a key. */
export function renderPrometheusSettings(
  ctx: Context<{ readonly port: number }>,
  addresses: readonly string[],
): string {
  const notice = generatedHeader('prometheus', '').trim()
  const settings = { notice, ...metricsSettings(ctx), addresses, port: ctx.config.port }
  return `${JSON.stringify(settings, null, 2)}\n`
}
