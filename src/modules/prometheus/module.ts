import { z } from 'zod'
import { Port } from '../../config/schema.ts'
import { managersIssue } from '../../router/managers.ts'
import { defineModule } from '../../router/module.ts'
import { addressesIn } from '../../router/own-addresses.ts'
import { metricsMounts } from '../../router/render/metrics-settings.ts'
import { renderPrometheusSettings } from './render.ts'

const MiB = 1024 * 1024
const SETTINGS = '/etc/sekisho/prometheus.json'
const LOOPBACK = '127.0.0.1'

export const prometheus = defineModule({
  name: 'prometheus',
  summary: "Serves the router's metrics at /metrics, for a Prometheus server",
  extra: true,
  config: z.strictObject({
    port: Port.default(9469),
    networks: z
      .array(z.string())
      .default([])
      .describe('Networks whose hosts may read them; programs on the router always may'),
  }),
  check: ({ config, router }) =>
    config.networks.flatMap((name, i) =>
      managersIssue(name, ['modules', 'prometheus', 'networks', i], router, {
        why: 'metrics tell who lives here how',
        instead: 'run Prometheus in',
      }),
    ),
  imageSources: [
    'src/metrics',
    'src/agent/probe.ts',
    'src/lib/json-fields.ts',
    'src/recorder/log.ts',
    'node_modules/prom-client',
    'node_modules/@opentelemetry/api',
    'node_modules/tdigest',
    'node_modules/bintrees',
  ],
  build(ctx) {
    const { config, router, provided } = ctx
    const { port, networks: names } = config
    const networks = router.networks.filter(({ name }) => names.includes(name))
    const addresses = [LOOPBACK, ...networks.flatMap(addressesIn)]
    return {
      files: [{ path: 'prometheus.json', text: renderPrometheusSettings(ctx, addresses) }],
      services: [
        {
          name: 'prometheus',
          image: 'build',
          command: [SETTINGS],
          // Status files lie in directories of root's; without a capability uid 0 is what may look there, and no more.
          user: '0:0',
          network: 'host',
          listens: [{ protocol: 'tcp', port, addresses }],
          mounts: [
            { kind: 'file', file: 'prometheus.json', target: SETTINGS },
            ...metricsMounts(provided('metrics')),
          ],
          health: {
            test: ['/usr/local/bin/node', 'src/metrics/prometheus/health.ts', SETTINGS],
            intervalSecs: 60,
            timeoutSecs: 10,
          },
          pause: 'no metrics for about 2 s',
          memoryBytes: 160 * MiB,
        },
      ],
      openings: networks.map(({ name }) => ({
        from: name,
        protocol: 'tcp' as const,
        port,
        why: 'metrics for Prometheus',
      })),
      logs: [],
      data: [],
    }
  },
})
