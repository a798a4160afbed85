import type { Ip, Prefix } from '../lib/ip.ts'

/** The zones of the old router: its devices by their old names. */
export interface OldZones {
  readonly networks: readonly {
    readonly name: string
    readonly prefix: Prefix
    /** The router's own address there. */
    readonly address: Ip
    readonly devices: readonly string[]
  }[]
  readonly wan: readonly string[]
}

/** Names of Docker's bridges: its default one, and those of its own networks. */
export const DOCKER_DEVICE = /^(docker0|docker_gwbridge|br-[0-9a-f]{12})$/

/** The zone that a device belongs to; undefined when no file said. */
export function zoneOf(zones: OldZones, device: string): string | undefined {
  if (device === 'lo') return 'lo'
  if (zones.wan.includes(device)) return 'wan'
  if (DOCKER_DEVICE.test(device)) return 'containers'
  return zones.networks.find(({ devices }) => devices.includes(device))?.name
}

/** The zones that the name of a device in a rule means: "eth+" is every device that begins so. */
export function zonesOf(zones: OldZones, pattern: string): string[] {
  if (!pattern.endsWith('+')) return [zoneOf(zones, pattern)].flatMap((zone) => zone ?? [])
  const start = pattern.slice(0, -1)
  const known = ['lo', 'docker0', ...zones.wan, ...zones.networks.flatMap(({ devices }) => devices)]
  return [
    ...new Set(
      known.filter((device) => device.startsWith(start)).flatMap((device) => zoneOf(zones, device) ?? []),
    ),
  ]
}
