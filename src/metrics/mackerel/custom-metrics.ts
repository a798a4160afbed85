import type { Readings } from '../readings.ts'
import { bucketsSince, latencyBuckets, quantile } from '../resolver-latency.ts'
import type { MetricsSettings } from '../settings.ts'
import type { Counts } from '../statuses.ts'
import { metricPart, perSecond } from './names.ts'

/** What the poster says of itself. */
export interface PostFigures {
  readonly waiting: number
  readonly givenUp: number
  readonly refused: number
}

const OUTCOMES = ['received', 'stored', 'dropped', 'malformed'] as const satisfies readonly (keyof Counts)[]
const QUANTILES = { p50: 0.5, p90: 0.9, p99: 0.99 } as const

/** Our own metrics, custom.sekisho.*, from two looks at the router. graph-defs.ts says what each is. */
export function customMetrics(
  before: Readings,
  now: Readings,
  settings: MetricsSettings,
  posts: PostFigures,
): Record<string, number> {
  const found: Record<string, number | undefined> = {
    ...wanMetrics(before, now, settings.wan),
    'connections.tracked': now.connections?.count,
    ...resolverMetrics(before, now),
    ...leaseMetrics(now, settings.networks),
    ...recorderMetrics(before, now),
    'watch.dns_dropped': rate(before, now, (readings) => readings.watchers.dns?.dropped),
    'watch.dns_kernel_drops': rate(before, now, (readings) => readings.watchers.dns?.kernelDrops),
    'watch.flows_dropped': rate(before, now, (readings) => readings.watchers.flows?.dropped),
    'archive.stored': now.recorder?.cost?.storedBytes ?? now.recorder?.archive?.bytes,
    'archive.log': now.recorder?.logBytes,
    'archive_cost.yen': now.recorder?.cost?.yen,
    'posts.waiting': posts.waiting,
    'posts.given_up': posts.givenUp,
    'posts.refused': posts.refused,
  }
  return Object.fromEntries(
    Object.entries(found).flatMap(([name, value]) =>
      value === undefined || !Number.isFinite(value) ? [] : [[`custom.sekisho.${name}`, value]],
    ),
  )
}

function wanMetrics(before: Readings, now: Readings, device: string): Record<string, number | undefined> {
  return {
    'wan.rx': rate(before, now, ({ interfaces }) => interfaces[device]?.receivedBytes),
    'wan.tx': rate(before, now, ({ interfaces }) => interfaces[device]?.sentBytes),
    'wan_latency.resolver': milliseconds(now.wanLatencySecs),
    'wan_up.ipv4': flag(now.agent?.up4),
    'wan_up.ipv6': flag(now.agent?.up6),
  }
}

function resolverMetrics(before: Readings, now: Readings): Record<string, number | undefined> {
  const figure = (name: string) => (readings: Readings) => readings.figures?.resolver?.[`total.num.${name}`]
  const [queries, hits] = [figure('queries'), figure('cachehits')].map((one) => rate(before, now, one))
  const buckets = bucketsSince(
    latencyBuckets(before.figures?.resolver ?? {}),
    latencyBuckets(now.figures?.resolver ?? {}),
  )
  return {
    'dns.queries': queries,
    'dns_cache.hit_ratio':
      queries === undefined || queries === 0 || hits === undefined ? undefined : (hits / queries) * 100,
    ...Object.fromEntries(
      Object.entries(QUANTILES).map(([name, share]) => [
        `dns_latency.${name}`,
        milliseconds(quantile(buckets, share)),
      ]),
    ),
  }
}

function leaseMetrics(
  now: Readings,
  networks: MetricsSettings['networks'],
): Record<string, number | undefined> {
  return Object.fromEntries(
    networks.map(({ name, subnetId }) => [
      `leases.${metricPart(name)}`,
      now.figures?.leases?.[`subnet[${subnetId}].assigned-addresses`],
    ]),
  )
}

function recorderMetrics(before: Readings, now: Readings): Record<string, number | undefined> {
  return Object.fromEntries(
    OUTCOMES.map((outcome) => [
      `recorder.${outcome}`,
      rate(
        before,
        now,
        ({ recorder }) =>
          recorder && Object.values(recorder.sources).reduce((sum, source) => sum + source[outcome], 0),
      ),
    ]),
  )
}

function rate(
  before: Readings,
  now: Readings,
  figure: (readings: Readings) => number | undefined,
): number | undefined {
  const [old, value] = [figure(before), figure(now)]
  return old === undefined || value === undefined ? undefined : perSecond(old, value, before, now)
}

function milliseconds(secs: number | undefined): number | undefined {
  return secs === undefined ? undefined : secs * 1000
}

function flag(value: boolean | undefined): number | undefined {
  return value === undefined ? undefined : value ? 1 : 0
}
