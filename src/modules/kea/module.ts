import { posix } from 'node:path'
import { z } from 'zod'
import type { Issue } from '../../config/issue.ts'
import { Ipv4, NetworkName } from '../../config/schema.ts'
import type { Router } from '../../router/model.ts'
import { defineModule, type Mount, type Provided } from '../../router/module.ts'
import { PATHS, runDirectory } from '../../router/paths.ts'
import { databaseOf, dhcpNetworks, INTERFACES_DIR, LEASE_FILE, renderKea, SOCKET } from './render.ts'

const CONF = 'kea-dhcp4.conf'
const CONF_TARGET = '/etc/kea/kea-dhcp4.conf'
const VOLUME = 'leases'

const OptionData = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'the name of a DHCP option, like tftp-server-name')
      .optional()
      .describe("Kea's name of the option")
      .meta({ examples: ['tftp-server-name'] }),
    code: z.int().min(1).max(254).optional().describe('Its number, in place of the name'),
    data: z
      .string()
      .max(1024)
      .regex(/^[ -~]*$/, 'a text of letters, digits and signs of ASCII')
      .describe('Its value as Kea reads it: addresses, numbers or text, parts separated by commas')
      .meta({ examples: ['10.0.0.5'] }),
    csv_format: z.boolean().default(true).describe('false when data is the bytes in hexadecimal'),
    always_send: z.boolean().default(false).describe('true: also to clients that do not ask for it'),
    networks: z.array(NetworkName).min(1).optional().describe('Only in these networks; default all'),
  })
  .refine(({ name, code }) => (name === undefined) !== (code === undefined), {
    error: 'either name or code, to say which option it is',
  })
type OptionData = z.output<typeof OptionData>

export const kea = defineModule({
  name: 'kea',
  summary: 'DHCPv4 server (Kea) for every network with a dhcp section',
  config: z.strictObject({
    dns_servers: z
      .array(Ipv4)
      .min(1)
      .max(8)
      .optional()
      .describe(
        "Resolvers that clients are told to use; default: the router's own when a module provides dns",
      ),
    lease_database: z
      .enum(['memfile', 'mariadb'])
      .default('memfile')
      .describe("Where the leases are kept: in Kea's own file, or in the database of the module mariadb"),
    option_data: z
      .array(OptionData)
      .max(64)
      .default([])
      .describe('DHCP options that clients are told besides, as Kea names them'),
  }),

  provides: () => ({
    leases: {
      socket: `${runDirectory('kea')}/${SOCKET}`,
      // While a database has the leases, it is a copy that follows each change.
      file: `${PATHS.data}/kea/${VOLUME}/${LEASE_FILE}`,
    },
  }),

  check: (ctx) => {
    const { config, router, provided } = ctx
    const { wan } = router
    const fromWan = wan.config.mode === 'static' && wan.config.dns.length > 0
    return [
      ...(config.lease_database !== 'memfile' && databaseOf(ctx) === undefined
        ? [
            {
              path: ['modules', 'kea', 'lease_database'],
              message: `no module in this file provides a database of the kind "${config.lease_database}"`,
              fix: `add "${config.lease_database}: {}" to the modules, or write lease_database: memfile`,
            },
          ]
        : []),
      ...unknownNetworks(config.option_data, router),
      ...(dhcpNetworks(router).length === 0
        ? [
            {
              path: ['modules', 'kea'],
              message: 'no network has a dhcp section, so nobody gets an address',
              fix: 'add dhcp: with pools to a network, or remove this module',
              severity: 'warning' as const,
            },
          ]
        : []),
      ...(config.dns_servers === undefined && provided('dns').length === 0 && !fromWan
        ? [
            {
              path: ['modules', 'kea'],
              message: 'clients will be given no DNS server: no module provides dns',
              fix: 'add the module unbound, or name resolvers in modules.kea.dns_servers',
              severity: 'warning' as const,
            },
          ]
        : []),
    ]
  },

  build: (ctx) => {
    const networks = dhcpNetworks(ctx.router)
    const devices = networks.map((network) => network.device)
    const leases = ctx.config.lease_database
    const [database] = ctx.provided('lease-database')
    return {
      files: [{ path: CONF, text: renderKea(ctx) }],
      services: [
        {
          name: 'kea',
          image: 'build',
          command: [leases, ...devices],
          // Raw sockets hear clients that have no address yet; port 67 is below 1024. Without CAP_CHOWN and its
          // kin, uid 0 is what may use the capabilities and nothing more.
          user: '0:0',
          capabilities: ['NET_RAW', 'NET_BIND_SERVICE'],
          network: 'host',
          listens: [{ protocol: 'udp', port: 67, addresses: networks.map((network) => network.address) }],
          mounts: [
            { kind: 'file', file: CONF, target: CONF_TARGET },
            { kind: 'data', volume: VOLUME, target: '/var/lib/kea' },
            { kind: 'run', target: '/run/kea' },
            ...databaseMounts(database),
            // New at every start: a PID file that outlived its process would name us, for we are always PID 1.
            { kind: 'tmpfs', target: INTERFACES_DIR, sizeBytes: 1024 * 1024, mode: 0o750 },
          ],
          health: {
            test: ['/usr/local/libexec/health.pl', ...devices],
            // It waits for a database that is new, and makes its tables.
            ...(leases !== 'memfile' && { startSecs: 120 }),
          },
          pause: 'no new leases for about 3 s; those given out stay',
        },
      ],
      openings: networks.map((network) => ({
        from: network.name,
        protocol: 'udp' as const,
        port: 67,
        why: 'DHCP',
      })),
      logs: [],
      data: [{ name: VOLUME, owner: '0:0', mode: 0o750, backup: true }],
      checks: [
        {
          service: 'kea',
          command: ['/usr/local/libexec/start.pl', '--check'],
          why: 'kea-dhcp4 reads its configuration',
        },
      ],
    }
  },
})

/**
 * The database's socket and password, also where the leases are in the file: they may still be in the database, and
 * come from there.
 */
function databaseMounts(database: Provided | undefined): Mount[] {
  if (database?.socket === undefined || database.file === undefined) return []
  return [
    { kind: 'host', source: posix.dirname(database.socket), target: '/run/mysqld' },
    { kind: 'host', source: posix.dirname(database.file), target: '/etc/kea/database' },
  ]
}

function unknownNetworks(options: readonly OptionData[], router: Router): Issue[] {
  const served = dhcpNetworks(router).map(({ name }) => name)
  return options.flatMap(({ networks = [] }, i) =>
    networks.flatMap((name, j) =>
      served.includes(name)
        ? []
        : [
            {
              path: ['modules', 'kea', 'option_data', i, 'networks', j],
              message: `"${name}" is not a network with a dhcp section`,
              fix: `write one of ${served.join(', ') || 'none: there is no such network'}`,
            },
          ],
    ),
  )
}
