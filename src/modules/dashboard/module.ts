import { posix } from 'node:path'
import { z } from 'zod'
import { Port } from '../../config/schema.ts'
import { managersIssue, mayManage } from '../../router/managers.ts'
import { defineModule, type Mount, type Provided } from '../../router/module.ts'
import { PATHS } from '../../router/paths.ts'
import { LISTEN, renderDashboardSettings } from './render.ts'

const MiB = 1024 * 1024
const SETTINGS = '/etc/sekisho/dashboard.json'
const PAGES = 'pages'

export const dashboard = defineModule({
  name: 'dashboard',
  summary: 'Shows the router, its devices and all that is recorded, in a browser at home',
  config: z.strictObject({
    port: Port.default(443).describe('Where it is, over HTTPS'),
    http_port: Port.default(80).describe('Where plain HTTP leads there'),
    networks: z
      .array(z.string())
      .min(1)
      .optional()
      .describe('Networks whose hosts may open it; without this, those whose router_access has ssh'),
  }),
  provides: () => ({ https: { directory: `${PATHS.data}/dashboard` } }),
  requires: ['records'],
  check: ({ config, router }) => [
    ...(config.port === config.http_port
      ? [
          {
            path: ['modules', 'dashboard', 'http_port'],
            message: 'HTTPS has this port',
            fix: 'give one of them another',
          },
        ]
      : []),
    ...(config.networks ?? []).flatMap((name, i) =>
      managersIssue(name, ['modules', 'dashboard', 'networks', i], router, {
        why: 'the dashboard shows what everybody does',
        instead: 'open it from',
      }),
    ),
    ...(config.networks === undefined && !router.networks.some(mayManage)
      ? [
          {
            path: ['modules', 'dashboard'],
            message: 'no network may manage the router, so nobody could open it',
            fix: 'add ssh to router_access of a network',
          },
        ]
      : []),
  ],
  imageSources: [
    'src/dashboard/api.ts',
    'src/dashboard/dashboard-data.ts',
    'src/dashboard/data-problem.ts',
    'src/dashboard/queries.ts',
    'src/dashboard/settings.ts',
    'src/dashboard/data',
    'src/dashboard/server',
    'src/agent/requests/client.ts',
    'src/agent/requests/request.ts',
    'src/agent/write-atomic.ts',
    'src/lib/ip.ts',
    'src/lib/json-fields.ts',
    'src/lib/requests.ts',
    'src/recorder',
    'node_modules/@duckdb/node-api',
    'node_modules/@duckdb/node-bindings',
    'node_modules/@duckdb/node-bindings-linux-x64',
    'node_modules/@duckdb/node-bindings-linux-arm64',
    'node_modules/@hono/node-server',
    'node_modules/hono',
    'node_modules/ip-bigint',
    'node_modules/zod',
  ],
  imageMade: [
    { path: PAGES, sources: ['src/dashboard/app', 'src/lib/printable.ts', 'src/build/dashboard-app.ts'] },
  ],
  build(ctx) {
    const { config, router, provided } = ctx
    const state = ctx.dataPath('state')
    const tls = ctx.dataPath('tls')
    const networks = config.networks ?? router.networks.filter(mayManage).map(({ name }) => name)
    return {
      files: [{ path: 'dashboard.json', text: renderDashboardSettings(ctx, networks) }],
      services: [
        {
          name: 'dashboard',
          image: 'build',
          command: [SETTINGS, `/app/${PAGES}`],
          // Records, status files and the agent's socket are root's; without a capability uid 0 is what may read its own
          // files, and no more.
          user: '0:0',
          network: 'containers',
          publish: [
            { protocol: 'tcp', port: config.port, target: LISTEN.port },
            { protocol: 'tcp', port: config.http_port, target: LISTEN.httpPort },
          ],
          listens: [],
          mounts: [
            { kind: 'file', file: 'dashboard.json', target: SETTINGS },
            { kind: 'data', volume: 'state', target: state },
            // What a question needs beside memory goes to the disk: a tmpfs would be memory too.
            { kind: 'data', volume: 'temporary', target: '/var/tmp' },
            // The host agent's, to read. The authority's key, beside it, is for the agent alone.
            asItIs(tls),
            ...provided('records').flatMap(({ directory }) =>
              directory === undefined ? [] : [asItIs(directory)],
            ),
            asItIs(PATHS.requests),
            ...[`${PATHS.run}/agent`, ...statusDirectories(provided('metrics'))].map(asItIs),
          ],
          health: {
            test: ['/usr/local/bin/node', 'src/dashboard/server/health.ts', SETTINGS],
            intervalSecs: 60,
            timeoutSecs: 10,
          },
          pause: 'open pages wait for about 3 s',
          memoryBytes: 190 * MiB,
        },
      ],
      openings: networks.flatMap((from) => [
        { from, protocol: 'tcp' as const, port: config.port, published: true, why: 'the dashboard' },
        {
          from,
          protocol: 'tcp' as const,
          port: config.http_port,
          published: true,
          why: 'the way to the dashboard',
        },
      ]),
      logs: [],
      data: [
        // Sessions and links are not worth a backup; who has the password keeps it.
        { name: 'state', owner: '0:0', mode: 0o700, backup: ['password.json'], secret: true },
        // Devices trust the authority, so it moves with the router. What it signs is made again.
        { name: 'ca', owner: '0:0', mode: 0o700, backup: true, secret: true },
        { name: 'tls', owner: '0:0', mode: 0o700, backup: false },
        { name: 'temporary', owner: '0:0', mode: 0o700, backup: false },
      ],
      agentRequests: true,
    }
  },
})

/** A directory of the host to read, at the same path. */
function asItIs(path: string): Mount {
  return { kind: 'host', source: path, target: path }
}

/** Where modules write how they are. A file that is replaced is not seen through a mount of its own. */
function statusDirectories(provided: readonly Provided[]): string[] {
  return [...new Set(provided.flatMap(({ file }) => (file === undefined ? [] : [posix.dirname(file)])))]
}
