import { z } from 'zod'
import { Ipv4 } from '../../config/schema.ts'
import { defineModule } from '../../router/module.ts'
import { PATHS } from '../../router/paths.ts'
import { dhcpNetworks, INTERFACES_DIR, LEASE_FILE, renderKea, SOCKET } from './render.ts'

const CONF = 'kea-dhcp4.conf'
const CONF_TARGET = '/etc/kea/kea-dhcp4.conf'
const VOLUME = 'leases'

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
  }),

  provides: () => ({
    leases: {
      socket: `${PATHS.run}/kea/${SOCKET}`,
      file: `${PATHS.data}/kea/${VOLUME}/${LEASE_FILE}`,
    },
  }),

  check: ({ config, router, provided }) => {
    const { wan } = router
    const fromWan = wan.config.mode === 'static' && wan.config.dns.length > 0
    return [
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
    return {
      files: [{ path: CONF, text: renderKea(ctx) }],
      services: [
        {
          name: 'kea',
          image: 'build',
          command: devices,
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
            // New at every start: a PID file that outlived its process would name us, for we are always PID 1.
            { kind: 'tmpfs', target: INTERFACES_DIR, sizeBytes: 1024 * 1024, mode: 0o750 },
          ],
          health: { test: ['/usr/local/libexec/health.pl', ...devices] },
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
