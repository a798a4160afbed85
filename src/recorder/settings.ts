import { integer, list, path, record, string } from '../lib/json-fields.ts'
import { type ArchiveSettings, parseArchiveSettings } from './archive/settings.ts'
import { type ForwardTarget, parseForwardTarget } from './forward-to/settings.ts'
import type { CredentialFiles } from './sources/forward/credentials.ts'
import type { ForwardSettings } from './sources/forward/listen.ts'

/** The recorder's own configuration, which the module renders as JSON. */
export interface Settings {
  readonly data: string
  /** The name of this place in the archive: [a-z0-9-]+. */
  readonly site: string
  readonly status: string
  readonly retentionDays: number
  readonly maxBytes: number
  readonly dockerContainers: string
  readonly syslog: Listener
  readonly netflow: Listener
  readonly forward: ForwardSettings
  /** Receivers of the Forward protocol that get every record. */
  readonly forwardTo: readonly ForwardTarget[]
  readonly nflogGroup: number
  /** Where the watchers bring their records: a UNIX socket that the recorder makes. */
  readonly watchSocket: string
  readonly devices: {
    /** The agent's clients.json. */
    readonly clients: string
    /** The table of vendors in the image. */
    readonly vendors: string
    /** What is known now, for who asks. */
    readonly live: string
    readonly networks: readonly { readonly name: string; readonly device: string }[]
  }
  readonly archive: ArchiveSettings
}

export interface Listener {
  readonly address: string
  readonly port: number
}

/** Reads the settings; throws on a file that our own renderer did not write. */
export function parseSettings(text: string): Settings {
  const value: unknown = JSON.parse(text)
  const all = record(value, 'settings')
  const devices = record(all.devices, 'devices')
  return {
    data: path(all.data, 'data'),
    site: name(all.site, 'site'),
    status: path(all.status, 'status'),
    retentionDays: integer(all.retentionDays, 'retentionDays'),
    maxBytes: integer(all.maxBytes, 'maxBytes'),
    dockerContainers: path(all.dockerContainers, 'dockerContainers'),
    syslog: listener(all.syslog, 'syslog'),
    netflow: listener(all.netflow, 'netflow'),
    forward: forwardSettings(record(all.forward, 'forward')),
    forwardTo: list(all.forwardTo, 'forwardTo').map((one) => parseForwardTarget(record(one, 'forwardTo'))),
    nflogGroup: integer(all.nflogGroup, 'nflogGroup'),
    watchSocket: path(all.watchSocket, 'watchSocket'),
    devices: {
      clients: path(devices.clients, 'devices.clients'),
      vendors: path(devices.vendors, 'devices.vendors'),
      live: path(devices.live, 'devices.live'),
      networks: list(devices.networks, 'devices.networks').map((one) => {
        const { name, device } = record(one, 'devices.networks')
        return {
          name: string(name, 'devices.networks.name'),
          device: string(device, 'devices.networks.device'),
        }
      }),
    },
    archive: parseArchiveSettings(all.archive),
  }
}

function listener(value: unknown, name: string): Listener {
  const { address, port } = record(value, name)
  return { address: string(address, `${name}.address`), port: integer(port, `${name}.port`) }
}

function forwardSettings({ port, addresses, credentials }: Record<string, unknown>): ForwardSettings {
  if (!Array.isArray(addresses)) throw new Error('forward.addresses is not a list')
  return {
    port: integer(port, 'forward.port'),
    addresses: addresses.map((address) => string(address, 'forward.addresses')),
    ...(credentials !== undefined && { credentials: credentialFiles(record(credentials, 'credentials')) }),
  }
}

function credentialFiles({ sharedKeyFile, usersFile }: Record<string, unknown>): CredentialFiles {
  return {
    sharedKeyFile: path(sharedKeyFile, 'sharedKeyFile'),
    ...(usersFile !== undefined && { usersFile: path(usersFile, 'usersFile') }),
  }
}

function name(value: unknown, key: string): string {
  const text = string(value, key)
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(text)) throw new Error(`${key} is not a name of [a-z0-9-]`)
  return text
}
