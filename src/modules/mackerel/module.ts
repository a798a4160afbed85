import { z } from 'zod'
import type { Issue } from '../../config/issue.ts'
import { FilePath } from '../../config/schema.ts'
import { isNear, isOrigin } from '../../lib/origin.ts'
import { defineModule, type HostFile, type Mount } from '../../router/module.ts'
import { PATHS } from '../../router/paths.ts'
import { metricsMounts } from '../../router/render/metrics-settings.ts'
import { renderMackerelSettings, TARGETS } from './render.ts'

const MiB = 1024 * 1024
const API_URL = 'https://api.mackerelio.com'
/** "Data is saved in 1 minute intervals" (mackerel.io/docs/entry/overview). */
const MINUTE_SECS = 60

const MackerelConfig = z.strictObject({
  api_key_file: FilePath.default(`${PATHS.secrets}/mackerel`).describe(
    "A file with the API key, which may read and write; root's, mode 0400",
  ),
  host_id_file: FilePath.optional()
    .describe('The id file of a mackerel-agent that has registered this machine; else it is registered anew')
    .meta({ examples: ['/var/lib/mackerel-agent/id'] }),
  roles: z
    .array(
      z
        .string()
        .regex(
          /^[A-Za-z0-9][A-Za-z0-9_-]{1,62}:[A-Za-z0-9][A-Za-z0-9_-]{1,62}$/,
          'a service and a role, like home:router',
        ),
    )
    .max(10)
    .default([])
    .describe('Services and roles of the host, like home:router; those that are not there are made'),
  monitors: z
    .boolean()
    .default(false)
    .describe('Make monitors of connectivity, processor, disk and memory, those that are not there yet'),
  host_metrics: z
    .boolean()
    .default(true)
    .describe('Also what mackerel-agent posts; false where one runs beside'),
  api_url: z
    .string()
    .refine(isOrigin, 'an address like https://mackerel.example.org (no path, user or query)')
    .default(API_URL)
    .describe('Where another server of this API, or a proxy to it, answers'),
  ca_file: FilePath.optional().describe('Certificates (PEM) of who vouches for that server'),
  interval_secs: z
    .int()
    .min(5)
    .max(300)
    .default(MINUTE_SECS)
    .describe('Mackerel keeps one value a minute; less is for servers of your own'),
})
type MackerelConfig = z.output<typeof MackerelConfig>

export const mackerel = defineModule({
  name: 'mackerel',
  summary: "Posts the machine's metrics, and those of the router's services, to Mackerel",
  extra: true,
  config: MackerelConfig,
  check: ({ config }) => checkServer(config),
  hostFiles: (config) => filesOf(config).map(({ key, path, secret }) => ({ key, path, secret })),
  imageSources: [
    'src/metrics',
    'src/agent/probe.ts',
    'src/lib/json-fields.ts',
    'src/lib/printable.ts',
    'src/recorder/atomic-file.ts',
    'src/recorder/log.ts',
  ],
  build: (ctx) => ({
    files: [{ path: 'mackerel.json', text: renderMackerelSettings(ctx) }],
    services: [
      {
        name: 'mackerel',
        image: 'build',
        command: [TARGETS.settings],
        ...(ctx.config.ca_file !== undefined && { environment: { NODE_EXTRA_CA_CERTS: TARGETS.ca } }),
        // The key is root's alone; without a capability uid 0 is what may read it, and no more.
        user: '0:0',
        network: 'host',
        listens: [],
        mounts: [
          { kind: 'file', file: 'mackerel.json', target: TARGETS.settings },
          { kind: 'data', volume: 'posts', target: TARGETS.data },
          { kind: 'run', target: TARGETS.run },
          ...filesOf(ctx.config).map(({ path, target }): Mount => ({ kind: 'host', source: path, target })),
          ...metricsMounts(ctx.provided('metrics')),
        ],
        health: {
          test: ['/usr/local/bin/node', 'src/metrics/mackerel/health.ts', TARGETS.settings],
          intervalSecs: 60,
          timeoutSecs: 10,
        },
        pause: 'nothing: what is not posted yet waits',
        memoryBytes: 160 * MiB,
      },
    ],
    openings: [],
    logs: [],
    // Who the host is to Mackerel; what waits there is of today.
    data: [{ name: 'posts', owner: '0:0', mode: 0o750, backup: ['host.json'] }],
  }),
})

interface UsedFile extends HostFile {
  readonly target: string
  readonly secret: boolean
}

/** The user's files, and where the container has them. */
function filesOf({ api_key_file, host_id_file, ca_file }: MackerelConfig): UsedFile[] {
  return [
    { key: ['api_key_file'], path: api_key_file, target: TARGETS.key, secret: true },
    ...(host_id_file === undefined
      ? []
      : [{ key: ['host_id_file'], path: host_id_file, target: TARGETS.hostId, secret: false }]),
    ...(ca_file === undefined
      ? []
      : [{ key: ['ca_file'], path: ca_file, target: TARGETS.ca, secret: false }]),
  ]
}

/** The key must not go through the Internet for all to read, nor more often to Mackerel than it wants. */
function checkServer({ api_url, interval_secs }: MackerelConfig): Issue[] {
  const path = ['modules', 'mackerel']
  const { protocol, hostname } = new URL(api_url)
  return [
    ...(protocol === 'http:' && !isNear(hostname)
      ? [
          {
            path: [...path, 'api_url'],
            message: `${api_url} would carry the API key unencrypted through the Internet`,
            fix: 'write https:, or the private address of a server of your own',
          },
        ]
      : []),
    ...(interval_secs < MINUTE_SECS && hostname === new URL(API_URL).hostname
      ? [
          {
            path: [...path, 'interval_secs'],
            message: `Mackerel takes metrics once a minute, and not each ${interval_secs} s`,
            fix: 'leave interval_secs out',
          },
        ]
      : []),
  ]
}
