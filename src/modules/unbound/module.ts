import { z } from 'zod'
import { DomainName, FilePath, IpAddress } from '../../config/schema.ts'
import { defineModule } from '../../router/module.ts'
import { runDirectory } from '../../router/paths.ts'
import { listenAddresses, ROOT_HINTS, renderUnbound, SOCKET, TRUST_ANCHOR } from './render.ts'

const CONF = 'unbound.conf'
const CONF_TARGET = '/etc/unbound/unbound.conf'
const VOLUME = 'anchor'
const MIB = 1024 * 1024

export const unbound = defineModule({
  name: 'unbound',
  summary: 'Recursive, validating DNS resolver (Unbound) for the router and its networks',
  config: z.strictObject({
    forward_to: z
      .array(IpAddress)
      .max(8)
      .default([])
      .describe('Ask these resolvers instead of the authoritative servers; what they say is still validated'),
    private_domains: z
      .array(DomainName)
      .default([])
      .describe('Public domains that may point to private addresses, against the rebinding protection'),
    cache_bytes: z
      .int()
      .min(4 * MIB)
      .max(4096 * MIB)
      .default(64 * MIB)
      .describe('Size of the caches together, in bytes; the process takes about twice as much'),
    trust_anchor_file: FilePath.optional().describe(
      "The root's DNSKEY or DS records, in place of the public root's; not updated by RFC 5011",
    ),
    root_hints_file: FilePath.optional().describe(
      "Names and addresses of the root's servers, as a zone file",
    ),
  }),

  provides: () => ({
    dns: { address: '127.0.0.1', port: 53 },
    'local-names': { socket: `${runDirectory('unbound')}/${SOCKET}` },
  }),

  check: ({ config, router }) => {
    const own = new Set(listenAddresses(router))
    return config.forward_to.flatMap((address, i) =>
      own.has(address)
        ? [
            {
              path: ['modules', 'unbound', 'forward_to', i],
              message: `${address} is this resolver itself`,
              fix: 'name another resolver, or leave forward_to out to resolve from the root',
            },
          ]
        : [],
    )
  },

  build: (ctx) => {
    const { trust_anchor_file: anchor, root_hints_file: hints } = ctx.config
    const addresses = listenAddresses(ctx.router)
    return {
      files: [{ path: CONF, text: renderUnbound(ctx) }],
      services: [
        {
          name: 'unbound',
          image: 'build',
          // Port 53 is below 1024; without CAP_CHOWN, CAP_SETUID and their kin uid 0 has that right and no other.
          user: '0:0',
          capabilities: ['NET_BIND_SERVICE'],
          network: 'host',
          listens: [
            { protocol: 'udp', port: 53, addresses },
            { protocol: 'tcp', port: 53, addresses },
          ],
          mounts: [
            { kind: 'file', file: CONF, target: CONF_TARGET },
            ...(anchor === undefined
              ? []
              : [{ kind: 'host' as const, source: anchor, target: TRUST_ANCHOR }]),
            ...(hints === undefined ? [] : [{ kind: 'host' as const, source: hints, target: ROOT_HINTS }]),
            { kind: 'data', volume: VOLUME, target: '/var/lib/unbound' },
            { kind: 'run', target: '/run/unbound' },
            // What health.pl remembers.
            { kind: 'tmpfs', target: '/run/unbound-local', sizeBytes: 64 * 1024, mode: 0o750 },
          ],
          // A name of our own zone: healthy means that it answers, with or without a WAN.
          health: { test: ['/usr/local/libexec/health.pl', ctx.router.domain] },
          pause: 'no DNS answers for about 2 s, and its cache is empty after that',
        },
      ],
      openings: (['udp', 'tcp'] as const).map((protocol) => ({
        from: 'networks',
        protocol,
        port: 53,
        why: 'DNS',
      })),
      logs: [],
      data: [{ name: VOLUME, owner: '0:0', mode: 0o750, backup: false }],
      checks: [
        {
          service: 'unbound',
          command: ['/usr/local/libexec/start.sh', 'check'],
          why: 'unbound reads its configuration',
        },
      ],
    }
  },
})
