import type { MetricsSettings } from '../settings.ts'
import { metricPart } from './names.ts'

/** A graph of custom metrics, as Mackerel takes it (mackerel.io/api-docs/entry/host-metrics#post-graphdef). */
export interface GraphDef {
  readonly name: string
  readonly displayName: string
  readonly unit: 'float' | 'integer' | 'percentage' | 'milliseconds' | 'bytes' | 'bytes/sec'
  readonly metrics: readonly {
    readonly name: string
    readonly displayName: string
    readonly isStacked: boolean
  }[]
}

/** The graphs of customMetrics: each of those is in one of these. */
export function graphDefs(networks: MetricsSettings['networks']): GraphDef[] {
  return [
    graph('wan', 'WAN: throughput', 'bytes/sec', { rx: 'received', tx: 'sent' }),
    graph('wan_latency', 'WAN: latency', 'milliseconds', { resolver: "the provider's resolver" }),
    graph('wan_up', 'WAN: reached', 'integer', { ipv4: 'IPv4', ipv6: 'IPv6' }),
    graph('connections', 'Connections', 'integer', { tracked: 'tracked' }),
    graph('dns', 'DNS: questions a second', 'float', { queries: 'questions' }),
    graph('dns_cache', 'DNS: answered from the cache', 'percentage', { hit_ratio: 'hits' }),
    graph('dns_latency', 'DNS: latency of what is not in the cache', 'milliseconds', {
      p50: 'half within',
      p90: '90 % within',
      p99: '99 % within',
    }),
    graph(
      'leases',
      'Leases',
      'integer',
      Object.fromEntries(networks.map(({ name }) => [metricPart(name), name])),
      true,
    ),
    graph('recorder', 'Recorder: records a second', 'float', {
      received: 'received',
      stored: 'stored',
      dropped: 'dropped',
      malformed: 'malformed',
    }),
    graph('watch', 'Watchers: lost a second', 'float', {
      dns_dropped: 'DNS, no room',
      dns_kernel_drops: 'DNS, in the kernel',
      flows_dropped: 'connections, no room',
    }),
    graph('archive', 'Archive', 'bytes', { stored: 'stored', log: 'to be converted' }),
    graph('archive_cost', 'Archive: yen a month', 'float', { yen: 'yen' }),
    graph('posts', 'Posts to Mackerel', 'integer', {
      waiting: 'waiting',
      given_up: 'given up',
      refused: 'refused',
    }),
  ]
}

function graph(
  part: string,
  displayName: string,
  unit: GraphDef['unit'],
  metrics: Readonly<Record<string, string>>,
  isStacked = false,
): GraphDef {
  const name = `custom.sekisho.${part}`
  return {
    name,
    displayName: `Sekisho ${displayName}`,
    unit,
    metrics: Object.entries(metrics).map(([key, label]) => ({
      name: `${name}.${key}`,
      displayName: label,
      isStacked,
    })),
  }
}
