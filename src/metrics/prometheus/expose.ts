import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Family } from './family.ts'

/** The text of a scrape (Prometheus' text format, version 0.0.4). What is not a number is left out. */
export function expose(families: readonly Family[]): Promise<string> {
  // A registry of its own for each scrape: what is gone is not shown for ever.
  const registry = new Registry()
  for (const family of families) add(registry, family)
  return registry.metrics()
}

export const CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE

function add(registry: Registry, family: Family): void {
  const { name, help } = family
  if (family.type === 'histogram') {
    registry.registerMetric(new CountedHistogram(family))
    return
  }
  const samples = family.samples.filter(({ value }) => Number.isFinite(value))
  const labelNames = Object.keys(samples[0]?.labels ?? {})
  if (family.type === 'gauge') {
    const gauge = new Gauge({ name, help, labelNames, registers: [registry] })
    for (const { labels, value } of samples) gauge.set(labels, value)
  } else {
    const counter = new Counter({ name, help, labelNames, registers: [registry] })
    for (const { labels, value } of samples) if (value >= 0) counter.inc(labels, value)
  }
}

/** A histogram that somebody else has counted: the library's own can only count what it is shown. */
class CountedHistogram extends Gauge {
  readonly #family: Extract<Family, { type: 'histogram' }>

  constructor(family: Extract<Family, { type: 'histogram' }>) {
    super({ name: family.name, help: family.help, registers: [] })
    this.#family = family
  }

  override async get(): ReturnType<Gauge['get']> {
    const { name, help, buckets, sum } = this.#family
    const { type } = await new Histogram({ name, help, registers: [] }).get()
    let count = 0
    const line = (end: string, labels: { le?: number | string }, value: number) => ({
      metricName: `${name}_${end}`,
      labels,
      value,
    })
    const lines = buckets.map((bucket) => {
      count += bucket.count
      return line('bucket', { le: bucket.upToSecs }, count)
    })
    const values = [
      ...lines,
      line('bucket', { le: '+Inf' }, count),
      line('sum', {}, sum),
      line('count', {}, count),
    ]
    return { ...(await super.get()), type, values }
  }
}
