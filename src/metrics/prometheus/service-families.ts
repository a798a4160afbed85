import type { Readings } from '../readings.ts'
import { latencyBuckets } from '../resolver-latency.ts'
import type { MetricsSettings } from '../settings.ts'
import type { Counts } from '../statuses.ts'
import type { Family, Sample } from './family.ts'
import { counter, gauge, one } from './machine-families.ts'

const OUTCOMES = {
  received: 'Records that came',
  stored: 'Records on the disk',
  dropped: 'Records that were lost, for want of room or on the way',
  malformed: 'What came and was no record',
} as const satisfies Record<keyof Counts, string>

/** The router and its services. Labels are names of ours and of the kernel's, never what a client says or looks at. */
export function serviceFamilies(readings: Readings, settings: MetricsSettings): Family[] {
  return [
    ...wanFamilies(readings),
    ...resolverFamilies(readings.figures?.resolver),
    ...leaseFamilies(readings.figures?.leases, settings.networks),
    ...recorderFamilies(readings.recorder),
    ...watchFamilies(readings.watchers),
    gauge(
      'sekisho_service_up',
      'Whether a service said something of itself within the last minute',
      services(readings, settings),
    ),
  ]
}

/** Of those that router.yaml has: one that it does not name is not down. */
function services({ agent, figures, recorder, watchers }: Readings, settings: MetricsSettings): Sample[] {
  const parts: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    agent: { agent },
    leases: { leases: figures?.leases },
    resolver: { resolver: figures?.resolver },
    recorder: { recorder },
    watch: { 'watch-dns': watchers.dns, 'watch-flows': watchers.flows },
  }
  return settings.services.flatMap((name) =>
    Object.entries(parts[name] ?? {}).map(([service, found]) => ({
      labels: { service },
      value: found === undefined ? 0 : 1,
    })),
  )
}

function wanFamilies({ agent, wanLatencySecs }: Readings): Family[] {
  const versions = agent ? { '4': agent.up4, '6': agent.up6 } : {}
  return [
    gauge(
      'sekisho_wan_up',
      'Whether the Internet is reached over this IP version',
      Object.entries(versions).map(([version, up]) => ({ labels: { version }, value: up ? 1 : 0 })),
    ),
    gauge(
      'sekisho_wan_latency_seconds',
      "How long the provider's resolver took to answer",
      one(wanLatencySecs),
    ),
    gauge(
      'sekisho_agent_job_ok',
      'Whether a job of sekishod works',
      Object.entries(agent?.jobs ?? {}).map(([job, ok]) => ({ labels: { job }, value: ok ? 1 : 0 })),
    ),
  ]
}

function resolverFamilies(figures: Readonly<Record<string, number>> = {}): Family[] {
  const total = (name: string) => one(figures[`total.${name}`])
  const buckets = latencyBuckets(figures)
  const answered = buckets.reduce((sum, { count }) => sum + count, 0)
  const rcodes = Object.entries(figures).flatMap(([name, value]): Sample[] => {
    const rcode = /^num\.answer\.rcode\.(\w+)$/.exec(name)?.[1]
    return rcode === undefined ? [] : [{ labels: { rcode }, value }]
  })
  return [
    counter('unbound_queries_total', 'Questions from clients', total('num.queries')),
    counter('unbound_cache_hits_total', 'Questions answered from the cache', total('num.cachehits')),
    counter('unbound_cache_misses_total', 'Questions that needed recursion', total('num.cachemiss')),
    counter('unbound_prefetches_total', 'Answers fetched anew before they expired', total('num.prefetch')),
    counter('unbound_answers_total', 'Answers by response code', rcodes),
    counter('unbound_answers_secure_total', 'Answers validated by DNSSEC', one(figures['num.answer.secure'])),
    counter('unbound_answers_bogus_total', 'Answers that failed DNSSEC', one(figures['num.answer.bogus'])),
    gauge('unbound_requests_pending', 'Questions under way', total('requestlist.current.all')),
    gauge('unbound_uptime_seconds', 'Since unbound started', one(figures['time.up'])),
    {
      name: 'unbound_recursion_seconds',
      help: 'How long answers took that were not in the cache',
      type: 'histogram',
      buckets,
      // unbound gives the mean of the very answers that its histogram counts.
      sum: (figures['total.recursion.time.avg'] ?? 0) * answered,
    },
  ]
}

function leaseFamilies(
  figures: Readonly<Record<string, number>> = {},
  networks: MetricsSettings['networks'],
): Family[] {
  const ofNetworks = (key: string) =>
    networks.flatMap(({ name, subnetId }): Sample[] => {
      const value = figures[`subnet[${subnetId}].${key}-addresses`]
      return value === undefined ? [] : [{ labels: { network: name }, value }]
    })
  const packets = (direction: 'received' | 'sent') =>
    Object.entries(figures).flatMap(([name, value]): Sample[] => {
      const type = new RegExp(`^pkt4-([a-z]+)-${direction}$`).exec(name)?.[1]
      return type === undefined ? [] : [{ labels: { type }, value }]
    })
  return [
    gauge('kea_dhcp4_assigned_addresses', 'Addresses that clients have', ofNetworks('assigned')),
    gauge('kea_dhcp4_pool_addresses', 'Addresses in the pools', ofNetworks('total')),
    gauge(
      'kea_dhcp4_declined_addresses',
      'Addresses somebody else has, as clients say',
      ofNetworks('declined'),
    ),
    counter('kea_dhcp4_packets_received_total', 'DHCP messages from clients', packets('received')),
    counter('kea_dhcp4_packets_sent_total', 'DHCP messages to clients', packets('sent')),
    counter(
      'kea_dhcp4_packets_dropped_total',
      'DHCP messages not answered',
      one(figures['pkt4-receive-drop']),
    ),
  ]
}

function recorderFamilies(recorder: Readings['recorder']): Family[] {
  const sources = Object.entries(recorder?.sources ?? {})
  return [
    ...Object.entries(OUTCOMES).map(([outcome, help]) =>
      counter(
        `sekisho_recorder_records_${outcome}_total`,
        help,
        sources.map(([source, counts]) => ({
          labels: { source },
          value: counts[outcome as keyof typeof OUTCOMES],
        })),
      ),
    ),
    gauge('sekisho_recorder_log_bytes', 'What waits to become Parquet', one(recorder?.logBytes)),
    counter('sekisho_recorder_log_lost_rows_total', 'Rows deleted before that', one(recorder?.lostRows)),
    gauge('sekisho_archive_bytes', 'The archive on this router', one(recorder?.archive?.bytes)),
    gauge('sekisho_archive_files', 'Files of it', one(recorder?.archive?.files)),
    gauge(
      'sekisho_archive_stored_bytes',
      'All that is kept, with the bucket',
      one(recorder?.cost?.storedBytes),
    ),
    gauge('sekisho_archive_cost_yen', 'What a month of that costs, in yen', one(recorder?.cost?.yen)),
    gauge(
      'sekisho_archive_cost_dollars',
      'What a month of that costs, in dollars',
      one(recorder?.cost?.dollars),
    ),
    gauge('sekisho_archive_uploads_waiting', 'Partitions due for the bucket', one(recorder?.upload?.waiting)),
    counter(
      'sekisho_archive_uploads_lost_files_total',
      'Files given up unsent',
      one(recorder?.upload?.droppedFiles),
    ),
  ]
}

function watchFamilies(watchers: Readings['watchers']): Family[] {
  const of = (key: 'received' | 'stored' | 'dropped' | 'kernelDrops') =>
    Object.entries(watchers).flatMap(([watcher, counts]): Sample[] => {
      const value = counts[key]
      return value === undefined ? [] : [{ labels: { watcher }, value }]
    })
  return [
    counter('sekisho_watch_records_received_total', 'Transactions and connections seen', of('received')),
    counter('sekisho_watch_records_stored_total', 'Those that the recorder stored', of('stored')),
    counter('sekisho_watch_records_dropped_total', 'Those that found no room', of('dropped')),
    counter('sekisho_watch_kernel_drops_total', 'Packets that found the ring full', of('kernelDrops')),
  ]
}
