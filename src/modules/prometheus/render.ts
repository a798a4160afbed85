import type { Router } from '../../router/model.ts'
import { generatedHeader } from '../../router/render/header.ts'
import { metricsSettings } from '../../router/render/metrics-settings.ts'

/** prometheus.json (src/metrics/prometheus/settings.ts reads it): JSON has no comments, so the notice is a key. */
export function renderPrometheusSettings({
  router,
  addresses,
  port,
}: {
  readonly router: Router
  readonly addresses: readonly string[]
  readonly port: number
}): string {
  const notice = generatedHeader('prometheus', '').trim()
  return `${JSON.stringify({ notice, ...metricsSettings(router), addresses, port }, null, 2)}\n`
}
