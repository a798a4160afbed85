import { isIPv4 } from 'node:net'
import type { Dhcp, Network, Router } from '../../router/model.ts'
import type { Context, Provided } from '../../router/module.ts'
import { generatedHeader } from '../../router/render/header.ts'

/** What the renderer needs of the module's config. */
export interface KeaConfig {
  readonly dns_servers?: readonly string[] | undefined
  readonly lease_database: 'memfile' | 'mariadb'
  readonly option_data: readonly OptionData[]
}

/** A DHCP option for clients as the file has it; either `name` or `code` says which. */
export interface OptionData {
  readonly name?: string | undefined
  readonly code?: number | undefined
  readonly data: string
  readonly csv_format: boolean
  readonly always_send: boolean
  readonly networks?: readonly string[] | undefined
}

export const LEASE_FILE = 'kea-leases4.csv'
export const SOCKET = 'kea4.sock'
/** Where the container notes at its start which devices exist: see start.pl. */
export const INTERFACES_DIR = '/run/kea-local'

type DhcpNetwork = Network & { readonly dhcp: Dhcp }

/** The networks in which DHCP is served. */
export function dhcpNetworks(router: Router): readonly DhcpNetwork[] {
  return router.networks.filter((network): network is DhcpNetwork => network.dhcp !== undefined)
}

/** kea-dhcp4.conf: JSON with comments and one include, as Kea 2.6 reads it. */
export function renderKea(ctx: Context<KeaConfig>): string {
  const networks = dhcpNetworks(ctx.router)
  const config = {
    Dhcp4: {
      'interfaces-config': {
        interfaces: INTERFACES.place,
        // Clients without an address cannot be answered through an ordinary socket.
        'dhcp-socket-type': 'raw',
        // A port without a carrier cannot be listened to: try again until someone plugs a cable in, and soon enough
        // for the first DISCOVER. Clients send their second one 4 s later, and then look for 5 s whether the address
        // is free (RFC 2131 section 4.1, RFC 5227 section 2.1).
        'service-sockets-max-retries': 4_294_967_295,
        'service-sockets-retry-wait-time': 300,
      },
      'control-socket': { 'socket-type': 'unix', 'socket-name': `/run/kea/${SOCKET}` },
      'lease-database': leaseDatabase(ctx),
      'hooks-libraries': [{ library: 'libdhcp_lease_cmds.so' }],
      'multi-threading': { 'enable-multi-threading': false },
      authoritative: true,
      // One device keeps one address, whatever client identifier its boot loader, installer or system sends.
      'match-client-id': false,
      'calculate-tee-times': true,
      // A device that was away for some days finds its address again, unless another one needed it.
      'expired-leases-processing': { 'hold-reclaimed-time': 604_800 },
      // One client that declines whatever it is offered must not close the pool for a day.
      'decline-probation-period': 3600,
      'sanity-checks': { 'lease-checks': 'fix-del' },
      'host-reservation-identifiers': ['hw-address'],
      'reservations-global': false,
      'reservations-in-subnet': true,
      // Reservations may lie inside the pools as well as outside.
      'reservations-out-of-pool': false,
      // Names go from the leases to the resolver by our own agent, not by DNS updates.
      'dhcp-ddns': { 'enable-updates': false },
      'ddns-send-updates': false,
      // A client's name may be any bytes, and the lease file is text with line breaks and commas.
      'hostname-char-set': '[^A-Za-z0-9.-]',
      'hostname-char-replacement': '-',
      'option-data': [option('domain-name', ctx.router.domain), option('domain-search', ctx.router.domain)],
      subnet4: networks.map((network) => subnet(network, ctx)),
      loggers: [
        logger('kea-dhcp4', 'INFO'),
        // A LAN port without a cable would be a warning at every try, for years.
        logger('kea-dhcp4.dhcpsrv', 'ERROR'),
        // The health check and sekishod ask several times a minute.
        logger('kea-dhcp4.commands', 'WARN'),
      ],
    },
  }
  const json = [INTERFACES, PASSWORD].reduce(
    (text, { place, file }) => text.replace(JSON.stringify(place), `<?include "${INTERFACES_DIR}/${file}"?>`),
    JSON.stringify(config, null, 2),
  )
  const devices = networks.map((network) => network.device).join(' ')
  return `${generatedHeader('kea', '//')}// Devices: ${devices || 'none'}\n${json}\n`
}

/** What start.pl knows and we do not; their places come before everything that a user can name. */
const INTERFACES = { place: '@interfaces@', file: 'interfaces.json' } as const
const PASSWORD = { place: '@password@', file: 'password.json' } as const

/** The database that the file asks for, when a module provides it. */
export function databaseOf({
  config,
  provided,
}: Pick<Context<KeaConfig>, 'config' | 'provided'>): Provided | undefined {
  return provided('lease-database').find(({ engine }) => engine === config.lease_database)
}

function leaseDatabase(ctx: Context<KeaConfig>) {
  const database = databaseOf(ctx)
  if (database === undefined)
    return {
      type: 'memfile',
      persist: true,
      name: `/var/lib/kea/${LEASE_FILE}`,
      'lfc-interval': 3600,
    }
  return {
    type: 'mysql',
    // "localhost" is the socket, where the client library looks for it.
    host: 'localhost',
    name: database.account,
    user: database.account,
    password: PASSWORD.place,
    // It may be away for as long as it likes: those who have an address keep it, and others wait.
    'on-fail': 'serve-retry-continue',
    'retry-on-startup': true,
    'max-reconnect-tries': 4_294_967_295,
    'reconnect-wait-time': 1000,
    // Kea does nothing else while it asks.
    'connect-timeout': 2,
    'read-timeout': 5,
    'write-timeout': 5,
  }
}

function subnet(network: DhcpNetwork, ctx: Context<KeaConfig>) {
  const { dhcp } = network
  const dns = dnsServers(network, ctx)
  return {
    id: network.subnetId,
    subnet: network.prefix,
    // No "interface" here: Kea refuses the whole file while the device is missing. It finds the subnet by the
    // address of the device that heard the client.
    'valid-lifetime': dhcp.leaseSecs,
    'min-valid-lifetime': dhcp.leaseSecs,
    'max-valid-lifetime': dhcp.leaseSecs,
    pools: dhcp.pools.map(({ first, last }) => ({ pool: `${first} - ${last}` })),
    'option-data': withOwn(
      [
        option('routers', network.address),
        option('broadcast-address', network.broadcast),
        ...(dns.length > 0 ? [option('domain-name-servers', dns.join(', '))] : []),
        ...(ctx.provided('time').length > 0 ? [option('ntp-servers', network.address)] : []),
      ],
      ctx.config.option_data.filter(({ networks }) => networks?.includes(network.name) ?? true),
    ),
    reservations: dhcp.reservations.map(({ name, mac, address }) => ({
      'hw-address': mac,
      'ip-address': address,
      hostname: name,
    })),
  }
}

/** Resolvers for a network's clients, at least none: the file's, ours, or those of a static WAN. */
function dnsServers(network: Network, { config, provided, router }: Context<KeaConfig>): readonly string[] {
  if (config.dns_servers !== undefined) return config.dns_servers
  if (provided('dns').length > 0) return [network.address]
  return router.wan.config.mode === 'static' ? router.wan.config.dns.filter((a) => isIPv4(a)) : []
}

function option(name: string, data: string) {
  return { name, data }
}

/** Codes of the options that we set (RFC 2132, RFC 3397): the user's own go before ours, by name or by code. */
const CODES: Readonly<Record<string, number>> = {
  routers: 3,
  'broadcast-address': 28,
  'domain-name-servers': 6,
  'ntp-servers': 42,
}

function withOwn(ours: readonly { name: string; data: string }[], own: readonly OptionData[]) {
  const isTheirs = (mine: { name: string }) =>
    own.some(({ name, code }) => name === mine.name || (code !== undefined && code === CODES[mine.name]))
  return [
    ...ours.filter((mine) => !isTheirs(mine)),
    ...own.map(({ name, code, data, csv_format, always_send }) => ({
      ...(name !== undefined && { name }),
      ...(code !== undefined && { code }),
      data,
      ...(!csv_format && { 'csv-format': false }),
      ...(always_send && { 'always-send': true }),
    })),
  ]
}

function logger(name: string, severity: 'INFO' | 'WARN' | 'ERROR') {
  return {
    name,
    severity,
    // Docker stamps every line with the time.
    'output-options': [{ output: 'stdout', flush: true, pattern: '%-5p %c %m\n' }],
  }
}
