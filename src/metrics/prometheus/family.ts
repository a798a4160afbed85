import type { LatencyBucket } from '../resolver-latency.ts'

/** Metrics of one name, as Prometheus' exposition formats call it. */
export type Family =
  | {
      readonly name: string
      readonly help: string
      readonly type: 'counter' | 'gauge'
      readonly samples: readonly Sample[]
    }
  | {
      readonly name: string
      readonly help: string
      readonly type: 'histogram'
      readonly buckets: readonly LatencyBucket[]
      readonly sum: number
    }

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}
