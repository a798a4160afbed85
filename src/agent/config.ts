import { isIP, isIPv4 } from 'node:net'
import type { AgentConfig } from '../router/render/agent.ts'

/*
 * agent.json is written by our own renderer. Reading it by hand instead of with zod saves a process that is always
 * there a quarter of its memory.
 */

const DEVICE = /^[^\s/\0:]{1,15}$/
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const DOMAIN = /^[a-z0-9_.-]{1,253}$/
const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/
const NETWORK = /^[a-z][a-z0-9-]{0,11}$/

/** Reads the text of agent.json; throws an Error that names the first wrong key. */
export function parseAgentConfig(text: string): AgentConfig {
  const root = object(JSON.parse(text), 'agent.json')
  if (root.version !== 1) throw new Error('agent.json: version: not 1')
  const wan = object(root.wan, 'wan')
  const leases = root.leases === undefined ? undefined : object(root.leases, 'leases')
  const certificate = root.certificate === undefined ? undefined : object(root.certificate, 'certificate')
  const names = root.names === undefined ? undefined : object(root.names, 'names')
  return {
    version: 1,
    hostname: string(root.hostname, 'hostname', LABEL),
    domain: string(root.domain, 'domain', DOMAIN),
    wan: {
      device: string(wan.device, 'wan.device', DEVICE),
      mode: string(wan.mode, 'wan.mode', /^[a-z]{1,15}$/),
      watchdog: boolean(wan.watchdog, 'wan.watchdog'),
      ...optional('dns', wan.dns, (value) => list(value, 'wan.dns').map((item) => ip(item, 'wan.dns'))),
      ...optional('session', wan.session, (value) => path(value, 'wan.session')),
    },
    networks: list(root.networks, 'networks').map(network),
    ...optional('resolver', root.resolver, (value) => ip(value, 'resolver')),
    ...optional('resolverSocket', root.resolverSocket, (value) => path(value, 'resolverSocket')),
    ...optional('leases', leases, (value) => ({
      socket: path(value.socket, 'leases.socket'),
      ...optional('file', value.file, (file) => path(file, 'leases.file')),
    })),
    ...optional('names', names, (value) => ({
      resolverSocket: path(value.resolverSocket, 'names.resolverSocket'),
      reserved: list(value.reserved, 'names.reserved').map((item) => {
        const entry = object(item, 'names.reserved')
        return {
          name: string(entry.name, 'names.reserved.name', LABEL),
          address: ip(entry.address, 'names.reserved.address'),
        }
      }),
    })),
    ...optional('certificate', certificate, (value) => ({
      directory: path(value.directory, 'certificate.directory'),
      names: list(value.names, 'certificate.names').map((name) => string(name, 'certificate.names', DOMAIN)),
      addresses: list(value.addresses, 'certificate.addresses').map((one) =>
        ip(one, 'certificate.addresses'),
      ),
    })),
  }
}

function network(item: unknown): AgentConfig['networks'][number] {
  const entry = object(item, 'networks')
  const prefix = string(entry.prefix, 'networks.prefix', /^[\d.]+\/(\d|[12]\d|3[0-2])$/)
  if (!isIPv4(prefix.split('/')[0] ?? '')) throw wrong('networks.prefix')
  return {
    name: string(entry.name, 'networks.name', NETWORK),
    device: string(entry.device, 'networks.device', DEVICE),
    prefix,
    advertise: boolean(entry.advertise, 'networks.advertise'),
    reservations: list(entry.reservations, 'networks.reservations').map((one) => {
      const reservation = object(one, 'networks.reservations')
      return {
        name: string(reservation.name, 'networks.reservations.name', LABEL),
        mac: string(reservation.mac, 'networks.reservations.mac', MAC),
        address: ip(reservation.address, 'networks.reservations.address'),
      }
    }),
  }
}

function optional<K extends string, V, T>(
  key: K,
  value: V | undefined,
  read: (value: V) => T,
): { [P in K]?: T } {
  // A computed key widens to string: the mapped type says what it is.
  return value === undefined ? {} : ({ [key]: read(value) } as { [P in K]?: T })
}

function object(value: unknown, key: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(key)
  return value as Record<string, unknown>
}

function list(value: unknown, key: string): unknown[] {
  if (!Array.isArray(value)) throw wrong(key)
  return value
}

function string(value: unknown, key: string, pattern: RegExp): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw wrong(key)
  return value
}

function boolean(value: unknown, key: string): boolean {
  if (typeof value !== 'boolean') throw wrong(key)
  return value
}

function path(value: unknown, key: string): string {
  return string(value, key, /^\/[^\0\n]{1,4095}$/)
}

function ip(value: unknown, key: string): string {
  if (typeof value !== 'string' || isIP(value) === 0) throw wrong(key)
  return value
}

function wrong(key: string): Error {
  return new Error(`agent.json: ${key}: missing or not what it should be`)
}
