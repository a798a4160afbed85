import type { CredentialFiles } from './sources/forward/credentials.ts'
import type { ForwardSettings } from './sources/forward/listen.ts'

/** The recorder's own configuration, which the module renders as JSON. */
export interface Settings {
  readonly data: string
  readonly status: string
  readonly retentionDays: number
  readonly maxBytes: number
  readonly dockerContainers: string
  readonly syslog: { readonly address: string; readonly port: number }
  readonly forward: ForwardSettings
  readonly nflogGroup: number
}

/** Reads the settings; throws on a file that our own renderer did not write. */
export function parseSettings(text: string): Settings {
  const value: unknown = JSON.parse(text)
  const all = record(value, 'settings')
  const syslog = record(all.syslog, 'syslog')
  return {
    data: path(all.data, 'data'),
    status: path(all.status, 'status'),
    retentionDays: integer(all.retentionDays, 'retentionDays'),
    maxBytes: integer(all.maxBytes, 'maxBytes'),
    dockerContainers: path(all.dockerContainers, 'dockerContainers'),
    syslog: { address: string(syslog.address, 'syslog.address'), port: integer(syslog.port, 'syslog.port') },
    forward: forwardSettings(record(all.forward, 'forward')),
    nflogGroup: integer(all.nflogGroup, 'nflogGroup'),
  }
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

function record(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error(`${name} is not an object`)
  return value as Record<string, unknown>
}

function string(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`${name} is not a text`)
  return value
}

function path(value: unknown, name: string): string {
  const text = string(value, name)
  if (!text.startsWith('/')) throw new Error(`${name} is not an absolute path`)
  return text
}

function integer(value: unknown, name: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Error(`${name} is not a number`)
  return value as number
}
