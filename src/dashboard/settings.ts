import { integer, list, path, record, string } from '../lib/json-fields.ts'

/** What the module renders for the dashboard's server: dashboard.json. */
export interface DashboardSettings {
  readonly hostname: string
  /** Of router.yaml: "Asia/Tokyo". */
  readonly timezone: string
  /** Host names that it answers to, the whole one first: "gate.home.arpa", "gate". */
  readonly names: readonly string[]
  /** The router's addresses that it answers to. */
  readonly addresses: readonly string[]
  readonly networks: readonly { readonly name: string; readonly prefixes: readonly string[] }[]
  /** The recorder's archive, log and devices. */
  readonly dataDirectory: string
  /** Of the records: "site=…" in their paths. */
  readonly site: string
  /** Status files, a directory for each who writes some. */
  readonly runDirectory: string
  /** The host agent's socket for requests. */
  readonly agentSocket: string
  /** cert.pem and key.pem, which the host agent renews. */
  readonly tlsDirectory: string
  /** Password, sessions and links. */
  readonly stateDirectory: string
  /** Where browsers find it. */
  readonly port: number
  readonly httpPort: number
  /** Where it listens, which the former lead to. */
  readonly listen: { readonly port: number; readonly httpPort: number }
}

/** Reads what our own renderer wrote; throws on anything else. */
export function parseDashboardSettings(text: string): DashboardSettings {
  const all = record(JSON.parse(text), 'settings')
  const listen = record(all.listen, 'listen')
  return {
    hostname: string(all.hostname, 'hostname'),
    timezone: string(all.timezone, 'timezone'),
    names: strings(all.names, 'names'),
    addresses: strings(all.addresses, 'addresses'),
    networks: list(all.networks, 'networks').map((one) => {
      const { name, prefixes } = record(one, 'networks')
      return { name: string(name, 'networks.name'), prefixes: strings(prefixes, 'networks.prefixes') }
    }),
    dataDirectory: path(all.dataDirectory, 'dataDirectory'),
    site: string(all.site, 'site'),
    runDirectory: path(all.runDirectory, 'runDirectory'),
    agentSocket: path(all.agentSocket, 'agentSocket'),
    tlsDirectory: path(all.tlsDirectory, 'tlsDirectory'),
    stateDirectory: path(all.stateDirectory, 'stateDirectory'),
    port: integer(all.port, 'port', 1),
    httpPort: integer(all.httpPort, 'httpPort', 1),
    listen: {
      port: integer(listen.port, 'listen.port', 1),
      httpPort: integer(listen.httpPort, 'listen.httpPort', 1),
    },
  }
}

function strings(value: unknown, name: string): string[] {
  return list(value, name).map((one) => string(one, name))
}
