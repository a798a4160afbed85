import { z } from 'zod'
import { FilePath } from '../../config/schema.ts'
import { defineModule } from '../../router/module.ts'
import { NFLOG_GROUP } from '../../router/paths.ts'
import {
  checkForward,
  ForwardConfig,
  forwardListens,
  forwardMounts,
  forwardOpenings,
  forwardSettings,
} from './forward.ts'
import { renderRsyslog, renderSettings } from './render.ts'

const MiB = 1024 * 1024
const ADDRESS = '127.0.0.1'
const PORT = 5514
const SETTINGS = '/etc/sekisho/recorder.json'
const DATA = '/data'
const RUN = '/run/recorder'

export const recorder = defineModule({
  name: 'recorder',
  summary: "Keeps the containers' lines, the host's syslog and the firewall's drops as daily NDJSON files",
  config: z.strictObject({
    retention_days: z
      .int()
      .min(1)
      .max(3650)
      .default(30)
      .describe('Records are deleted when they are older than this many days'),
    max_bytes: z
      .int()
      .min(16 * MiB)
      .max(2 ** 50)
      .default(1024 * MiB)
      .describe('All records together take at most this many bytes; the oldest go first'),
    docker_root: FilePath.default('/var/lib/docker').describe("Docker's data-root"),
    forward: ForwardConfig.prefault({}).describe("The server of Fluentd's Forward protocol"),
  }),
  provides: () => ({ collector: { address: ADDRESS, port: PORT, protocol: 'tcp' } }),
  imageSources: [
    'src/recorder',
    'node_modules/koffi',
    'node_modules/@koromix/koffi-linux-x64',
    'node_modules/@koromix/koffi-linux-arm64',
  ],
  check: ({ config, router }) => checkForward(config.forward, router),
  build({ config, router }) {
    const containers = `${config.docker_root.replace(/\/+$/, '')}/containers`
    return {
      files: [
        {
          path: 'recorder.json',
          text: renderSettings({
            data: DATA,
            status: `${RUN}/status.json`,
            retentionDays: config.retention_days,
            maxBytes: config.max_bytes,
            dockerContainers: '/docker/containers',
            syslog: { address: ADDRESS, port: PORT },
            forward: forwardSettings(config.forward, router),
            nflogGroup: NFLOG_GROUP,
          }),
        },
      ],
      host: {
        files: [
          { path: '/etc/rsyslog.d/60-sekisho.conf', text: renderRsyslog({ address: ADDRESS, port: PORT }) },
        ],
        restarts: ['rsyslog.service'],
      },
      services: [
        {
          name: 'recorder',
          image: 'build',
          command: [SETTINGS],
          // RFC 3164 senders write local time.
          environment: { TZ: router.timezone },
          // Docker's log files are root's. start.ts gives both capabilities up before anything is read.
          user: '0:0',
          capabilities: ['NET_ADMIN', 'SETPCAP'],
          network: 'host',
          listens: [
            { protocol: 'tcp', port: PORT, addresses: [ADDRESS] },
            { protocol: 'udp', port: PORT, addresses: [ADDRESS] },
            ...forwardListens(config.forward, router),
          ],
          mounts: [
            { kind: 'file', file: 'recorder.json', target: SETTINGS },
            { kind: 'data', volume: 'records', target: DATA },
            { kind: 'run', target: RUN },
            { kind: 'host', source: containers, target: '/docker/containers' },
            ...forwardMounts(config.forward),
          ],
          health: {
            test: ['/usr/local/bin/node', 'src/recorder/health.ts', SETTINGS],
            intervalSecs: 60,
            timeoutSecs: 10,
          },
          stopSecs: 15,
          memoryBytes: 256 * MiB,
        },
      ],
      openings: forwardOpenings(config.forward),
      logs: [],
      data: [{ name: 'records', owner: '0:0', mode: 0o750, backup: false }],
    }
  },
})
