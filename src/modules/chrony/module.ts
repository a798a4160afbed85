import { isIP } from 'node:net'
import { z } from 'zod'
import { DomainName, IpAddress } from '../../config/schema.ts'
import { defineModule } from '../../router/module.ts'
import { renderChrony, renderResolvConf, timeSources } from './render.ts'

const CONF = 'chrony.conf'
const RESOLV_CONF = 'resolv.conf'
const VOLUME = 'drift'

const NameOrAddress = z.union([IpAddress, DomainName], 'a host name like ntp.example.org, or an IP address')

export const chrony = defineModule({
  name: 'chrony',
  summary: "NTP (chrony): sets this machine's clock and serves time to the networks",
  config: z.strictObject({
    servers: z.array(NameOrAddress).max(16).default([]).describe('NTP servers, each a single machine'),
    pools: z
      .array(NameOrAddress)
      .max(4)
      .optional()
      .describe(
        'NTP pools: names with many servers behind; default 2.debian.pool.ntp.org, none with servers',
      ),
    set_clock: z
      .boolean()
      .default(true)
      .describe("false where another sets this machine's clock, as in a container or some virtual machines"),
  }),

  provides: (config) => {
    const { servers, pools } = timeSources(config)
    return {
      time: {
        address: '127.0.0.1',
        port: 123,
        protocol: 'udp',
        names: [...new Set([...servers, ...pools])].filter((name) => isIP(name) === 0).sort(),
      },
    }
  },

  check: ({ config }) => {
    const { servers, pools } = timeSources(config)
    if (servers.length + pools.length > 0) return []
    return [
      {
        path: ['modules', 'chrony'],
        message: 'there is no server and no pool to take the time from',
        fix: 'name some in servers: or pools:, or leave pools out for the default',
      },
    ]
  },

  build: (ctx) => {
    const resolvConf = renderResolvConf(ctx)
    return {
      files: [
        { path: CONF, text: renderChrony(ctx) },
        ...(resolvConf === undefined ? [] : [{ path: RESOLV_CONF, text: resolvConf }]),
      ],
      services: [
        {
          name: 'chrony',
          image: 'build',
          // -s: where the hardware clock is dead or missing, begin at the time we last knew.
          command: ctx.config.set_clock ? ['-s'] : ['-x'],
          user: '0:0',
          capabilities: [...(ctx.config.set_clock ? ['SYS_TIME'] : []), 'NET_BIND_SERVICE'],
          network: 'host',
          listens: [{ protocol: 'udp', port: 123 }],
          mounts: [
            { kind: 'file', file: CONF, target: '/etc/chrony/chrony.conf' },
            ...(resolvConf === undefined
              ? []
              : [{ kind: 'file' as const, file: RESOLV_CONF, target: '/etc/resolv.conf' }]),
            { kind: 'data', volume: VOLUME, target: '/var/lib/chrony' },
            { kind: 'tmpfs', target: '/run/chrony', sizeBytes: 1024 * 1024, mode: 0o750 },
          ],
          // It must be healthy without a WAN, so being in step is not asked for. "online" makes it look up at
          // once the names it could not resolve before, where its own retries grow to an hour apart.
          health: { test: ['chronyc', '-n', '-m', 'tracking', 'online'] },
          pause: 'no time is served for about 2 s',
        },
      ],
      openings: [{ from: 'networks', protocol: 'udp', port: 123, why: 'NTP' }],
      logs: [],
      data: [{ name: VOLUME, owner: '0:0', mode: 0o750, backup: false }],
      checks: [
        {
          service: 'chrony',
          command: ['chronyd', '-p', '-f', '/etc/chrony/chrony.conf'],
          why: 'chronyd reads its configuration',
        },
      ],
    }
  },
})
