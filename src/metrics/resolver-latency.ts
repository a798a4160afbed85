/** How many answers took so long: each bucket for itself, in the order of their bounds. */
export interface LatencyBucket {
  readonly fromSecs: number
  readonly upToSecs: number
  readonly count: number
}

/** unbound's histogram of recursion ("histogram.000000.524288.to.000001.000000": seconds and microseconds). */
export function latencyBuckets(figures: Readonly<Record<string, number>>): LatencyBucket[] {
  return Object.entries(figures)
    .flatMap(([name, count]) => {
      const [, ...bounds] = /^histogram\.(\d+)\.(\d+)\.to\.(\d+)\.(\d+)$/.exec(name) ?? []
      const [from = 0, fromMicros = 0, upTo, upToMicros = 0] = bounds.map(Number)
      return upTo === undefined
        ? []
        : [{ fromSecs: from + fromMicros / 1e6, upToSecs: upTo + upToMicros / 1e6, count }]
    })
    .toSorted((a, b) => a.upToSecs - b.upToSecs)
}

/** What came between two looks; all of the second when the resolver began anew, as a count that fell says. */
export function bucketsSince(
  before: readonly LatencyBucket[],
  now: readonly LatencyBucket[],
): LatencyBucket[] {
  const old = new Map(before.map(({ upToSecs, count }) => [upToSecs, count]))
  const since = now.map((bucket) => ({ ...bucket, count: bucket.count - (old.get(bucket.upToSecs) ?? 0) }))
  return since.some(({ count }) => count < 0) ? [...now] : since
}

/**
 * The time within which this share (0 to 1) was answered, in seconds, as if a bucket's answers were spread evenly over it;
 * undefined when there were none.
 */
export function quantile(buckets: readonly LatencyBucket[], share: number): number | undefined {
  const total = buckets.reduce((sum, { count }) => sum + count, 0)
  if (total === 0) return undefined
  const wanted = share * total
  let passed = 0
  for (const { fromSecs, upToSecs, count } of buckets) {
    if (count > 0 && passed + count >= wanted)
      return fromSecs + (upToSecs - fromSecs) * ((wanted - passed) / count)
    passed += count
  }
  return buckets.at(-1)?.upToSecs
}
