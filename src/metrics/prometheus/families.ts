import type { Readings } from '../readings.ts'
import type { MetricsSettings } from '../settings.ts'
import type { Family } from './family.ts'
import { machineFamilies } from './machine-families.ts'
import { serviceFamilies } from './service-families.ts'

/** All that a scrape shows, each name once, without those that have no sample. */
export function families(readings: Readings, settings: MetricsSettings): Family[] {
  return [...machineFamilies(readings, settings), ...serviceFamilies(readings, settings)].filter((family) =>
    family.type === 'histogram' ? family.buckets.length > 0 : family.samples.length > 0,
  )
}
