import { integer, path, record, string } from '../lib/json-fields.ts'

/** The watchers' own configuration, which the module renders as JSON. */
export interface WatchSettings {
  /** Where the recorder takes records. */
  readonly recorderSocket: string
  /** Where the flow watcher hears what clients were answered. */
  readonly answersSocket: string
  /** For the status files, and nothing else. */
  readonly statusDirectory: string
  readonly hostname: string
  readonly networks: readonly WatchedNetwork[]
  readonly wan: { readonly device: string }
  readonly dns: { readonly timeoutSecs: number }
  readonly flows: {
    readonly activeTimeoutSecs: number
    /** A collector that gets the flows as IPFIX too. */
    readonly ipfix?: { readonly address: string; readonly port: number }
  }
}

export interface WatchedNetwork {
  readonly name: string
  readonly device: string
  /** "10.0.0.0/24". */
  readonly prefix: string
}

/** Reads the settings; throws on a file that our own renderer did not write. */
export function parseWatchSettings(text: string): WatchSettings {
  const value: unknown = JSON.parse(text)
  const all = record(value, 'settings')
  const flows = record(all.flows, 'flows')
  if (!Array.isArray(all.networks)) throw new Error('networks is not a list')
  return {
    recorderSocket: path(all.recorderSocket, 'recorderSocket'),
    answersSocket: path(all.answersSocket, 'answersSocket'),
    statusDirectory: path(all.statusDirectory, 'statusDirectory'),
    hostname: string(all.hostname, 'hostname'),
    networks: all.networks.map((one) => {
      const { name, device, prefix } = record(one, 'networks')
      return {
        name: string(name, 'networks.name'),
        device: string(device, 'networks.device'),
        prefix: string(prefix, 'networks.prefix'),
      }
    }),
    wan: { device: string(record(all.wan, 'wan').device, 'wan.device') },
    dns: { timeoutSecs: integer(record(all.dns, 'dns').timeoutSecs, 'dns.timeoutSecs', 1) },
    flows: {
      activeTimeoutSecs: integer(flows.activeTimeoutSecs, 'flows.activeTimeoutSecs', 1),
      ...(flows.ipfix !== undefined && { ipfix: collector(record(flows.ipfix, 'flows.ipfix')) }),
    },
  }
}

function collector({ address, port }: Record<string, unknown>): { address: string; port: number } {
  return { address: string(address, 'flows.ipfix.address'), port: integer(port, 'flows.ipfix.port', 1) }
}
