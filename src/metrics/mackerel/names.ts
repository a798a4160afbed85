import type { Readings } from '../readings.ts'

/** A device's name as a part of a metric's: what is not [a-zA-Z0-9_-] becomes "_" (mackerel.io/api-docs/entry/host-metrics). */
export function metricPart(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_-]/g, '_')
}

/** What a counter grew by in a second between two looks; undefined when it began anew, or no time passed. */
export function perSecond(old: number, value: number, before: Readings, now: Readings): number | undefined {
  const secs = (now.monotonicMs - before.monotonicMs) / 1000
  return value < old || secs <= 0 ? undefined : (value - old) / secs
}
