import type { MetricsSettings } from '../src/metrics/settings.ts'

/** A router with two networks, whose files lie below a folder. */
export function metricsSettings(folder: string): MetricsSettings {
  return {
    hostname: 'gate',
    agent: `${folder}/agent`,
    statuses: `${folder}/metrics`,
    services: ['agent', 'leases', 'resolver', 'recorder', 'watch'],
    wan: 'lo',
    devices: [
      { device: 'lo', zone: 'wan' },
      { device: 'br-home', zone: 'home' },
    ],
    networks: [
      { name: 'home', subnetId: 1 },
      { name: 'guest', subnetId: 2 },
    ],
  }
}
