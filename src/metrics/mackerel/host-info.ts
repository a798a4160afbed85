import { cpus, machine, networkInterfaces, release, totalmem, type, version } from 'node:os'
import type { MackerelSettings } from './settings.ts'

/** A host as Mackerel takes it (mackerel.io/api-docs/entry/hosts#create). */
export interface HostInfo {
  readonly name: string
  readonly customIdentifier: string
  readonly meta: Readonly<Record<string, unknown>>
  readonly interfaces: readonly {
    readonly name: string
    readonly macAddress: string
    readonly ipv4Addresses: readonly string[]
    readonly ipv6Addresses: readonly string[]
  }[]
  readonly roleFullnames: readonly string[]
}

/** This machine and its own devices; containers' are nobody's business. */
export function hostInfo(settings: MackerelSettings, customIdentifier: string): HostInfo {
  const all = networkInterfaces()
  return {
    name: settings.hostname,
    customIdentifier,
    meta: {
      'agent-name': 'sekisho',
      cpu: cpus().map(({ model, speed }) => ({ model_name: model, mhz: String(speed) })),
      kernel: { name: type(), release: release(), version: version(), machine: machine() },
      memory: { total: `${Math.round(totalmem() / 1024)}kB` },
    },
    interfaces: settings.devices.flatMap(({ device }) => {
      const found = all[device] ?? []
      const addresses = (family: string) =>
        found.flatMap((one) => (one.family === family ? [one.address] : []))
      const [first] = found
      return first
        ? [
            {
              name: device,
              macAddress: first.mac,
              ipv4Addresses: addresses('IPv4'),
              ipv6Addresses: addresses('IPv6'),
            },
          ]
        : []
    }),
    roleFullnames: settings.roles,
  }
}
