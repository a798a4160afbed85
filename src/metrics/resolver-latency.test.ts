import { expect, test } from 'vitest'
import { bucketsSince, latencyBuckets, quantile } from './resolver-latency.ts'

const FIGURES = {
  'histogram.000000.524288.to.000001.000000': 2,
  'histogram.000000.262144.to.000000.524288': 6,
  'histogram.000000.131072.to.000000.262144': 2,
  'total.num.queries': 10,
}

test("unbound's histogram, in order", () => {
  expect(latencyBuckets(FIGURES)).toEqual([
    { fromSecs: 0.131072, upToSecs: 0.262144, count: 2 },
    { fromSecs: 0.262144, upToSecs: 0.524288, count: 6 },
    { fromSecs: 0.524288, upToSecs: 1, count: 2 },
  ])
})

test('quantiles lie where their share is reached', () => {
  const buckets = latencyBuckets(FIGURES)
  expect(quantile(buckets, 0.5)).toBeCloseTo(0.262144 * 1.5, 9)
  expect(quantile(buckets, 0.9)).toBeCloseTo(0.524288 + (1 - 0.524288) / 2, 9)
  expect(quantile(buckets, 1)).toBe(1)
  expect(quantile([], 0.5)).toBeUndefined()
  expect(quantile(bucketsSince(buckets, buckets), 0.5)).toBeUndefined()
})

test('a resolver that began anew counts from nothing', () => {
  const bucket = (count: number) => [{ fromSecs: 0, upToSecs: 1, count }]
  expect(bucketsSince(bucket(5), bucket(7))).toEqual(bucket(2))
  expect(bucketsSince(bucket(5), bucket(3))).toEqual(bucket(3))
})
