import { integer, list, path, record, string } from '../lib/json-fields.ts'

/** Where figures are found, and which devices are the router's: the part of the settings that both programs have. */
export interface MetricsSettings {
  readonly hostname: string
  /** Where sekishod writes, as the container sees it. */
  readonly agent: string
  /** The modules' directories of status files by their names, each of which may be absent. */
  readonly statuses: string
  /** What there is to be up or down: sekishod, who hands out leases, the resolver, and modules that have a status. */
  readonly services: readonly string[]
  readonly wan: string
  /** The devices whose traffic is shown: zone is "wan" or the network's name, and empty for a port of one. */
  readonly devices: readonly { readonly device: string; readonly zone: string }[]
  readonly networks: readonly { readonly name: string; readonly subnetId: number }[]
}

/** Reads what our own renderer wrote; throws on anything else. */
export function parseMetricsSettings(value: unknown): MetricsSettings {
  const all = record(value, 'settings')
  return {
    hostname: string(all.hostname, 'hostname'),
    agent: path(all.agent, 'agent'),
    statuses: path(all.statuses, 'statuses'),
    services: list(all.services, 'services').map((name) => string(name, 'services')),
    wan: string(all.wan, 'wan'),
    devices: list(all.devices, 'devices').map((one) => {
      const { device, zone } = record(one, 'devices')
      return {
        device: string(device, 'devices.device'),
        zone: zone === '' ? '' : string(zone, 'devices.zone'),
      }
    }),
    networks: list(all.networks, 'networks').map((one) => {
      const { name, subnetId } = record(one, 'networks')
      return { name: string(name, 'networks.name'), subnetId: integer(subnetId, 'networks.subnetId', 1) }
    }),
  }
}
