import { z } from 'zod'
import { FilePath, HostLabel } from '../../config/schema.ts'
import { defineModule } from '../../router/module.ts'
import { NFLOG_GROUP, PATHS, runDirectory } from '../../router/paths.ts'
import { renderRsyslogForward } from '../../router/render/rsyslog-forward.ts'
import { ArchiveConfig, archiveMounts, archiveSettings, checkArchive } from './archive-config.ts'
import {
  checkForward,
  ForwardConfig,
  forwardListens,
  forwardMounts,
  forwardOpenings,
  forwardSettings,
} from './forward.ts'
import {
  checkForwardTo,
  ForwardTo,
  forwardToFiles,
  forwardToMounts,
  forwardToSettings,
} from './forward-to.ts'
import { checkNetflow, NetflowConfig, netflowListens, netflowOpenings, netflowSettings } from './netflow.ts'
import { renderSettings } from './render.ts'

const MiB = 1024 * 1024
const ADDRESS = '127.0.0.1'
const PORT = 5514
const SETTINGS = '/etc/sekisho/recorder.json'
const DATA = '/data'
const RUN = '/run/recorder'
const AGENT = '/run/agent'
/** Who may write records has this directory; who may read how it goes has the other. */
const INTAKE = { name: 'intake', target: '/run/intake' }
const WATCH_SOCKET = 'watch.sock'

export const recorder = defineModule({
  name: 'recorder',
  summary:
    "Keeps the containers' lines, the host's syslog, flows and the firewall's drops as daily Parquet files",
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
    site: HostLabel.optional().describe(
      "The name of this place in the archive (site=…); default: the router's hostname",
    ),
    netflow: NetflowConfig.prefault({}).describe('Where NetFlow v5, v9 and IPFIX are taken'),
    archive: ArchiveConfig.prefault({}),
    docker_root: FilePath.default('/var/lib/docker').describe("Docker's data-root"),
    forward: ForwardConfig.prefault({}).describe("The server of Fluentd's Forward protocol"),
    forward_to: ForwardTo.describe('Receivers of the Forward protocol that get the records too'),
  }),
  provides: ({ netflow, site }, { hostname }) => ({
    collector: {
      address: ADDRESS,
      port: PORT,
      protocol: 'tcp',
      socket: `${runDirectory('recorder', INTAKE.name)}/${WATCH_SOCKET}`,
    },
    netflow: { address: ADDRESS, port: netflow.port, protocol: 'udp' },
    metrics: { file: `${runDirectory('recorder')}/status.json` },
    records: { directory: `${PATHS.data}/recorder/records`, site: site ?? hostname },
  }),
  check: ({ config, router }) => [
    ...checkNetflow(config.netflow, router, PORT),
    ...checkForward(config.forward, router, [PORT, config.netflow.port]),
    ...checkForwardTo(config.forward_to, config.forward.port),
    ...checkArchive(config.archive, config.max_bytes),
  ],
  imageSources: [
    'src/recorder',
    'src/lib/json-fields.ts',
    'src/lib/requests.ts',
    'node_modules/koffi',
    'node_modules/@koromix/koffi-linux-x64',
    'node_modules/@koromix/koffi-linux-arm64',
    'node_modules/aws4fetch',
    'node_modules/@duckdb/node-api',
    'node_modules/@duckdb/node-bindings',
    'node_modules/@duckdb/node-bindings-linux-x64',
    'node_modules/@duckdb/node-bindings-linux-arm64',
  ],
  hostFiles: ({ archive: { s3 }, forward_to }) => [
    ...(s3?.credentials_file === undefined
      ? []
      : [{ key: ['archive', 's3', 'credentials_file'], path: s3.credentials_file, secret: true }]),
    ...forwardToFiles(forward_to),
  ],
  build({ config, router }) {
    const containers = `${config.docker_root.replace(/\/+$/, '')}/containers`
    return {
      files: [
        {
          path: 'recorder.json',
          text: renderSettings({
            data: DATA,
            site: config.site ?? router.hostname,
            status: `${RUN}/status.json`,
            retentionDays: config.retention_days,
            maxBytes: config.max_bytes,
            dockerContainers: '/docker/containers',
            syslog: { address: ADDRESS, port: PORT },
            netflow: netflowSettings(config.netflow),
            forward: forwardSettings(config.forward, router),
            forwardTo: forwardToSettings(config.forward_to),
            nflogGroup: NFLOG_GROUP,
            watchSocket: `${INTAKE.target}/${WATCH_SOCKET}`,
            devices: {
              clients: `${AGENT}/clients.json`,
              vendors: '/app/vendors.txt',
              live: `${RUN}/devices.json`,
              networks: router.networks.map(({ name, device }) => ({ name, device })),
            },
            archive: archiveSettings(config.archive, config.max_bytes),
          }),
        },
      ],
      host: {
        files: [
          {
            path: '/etc/rsyslog.d/60-sekisho.conf',
            text: renderRsyslogForward({
              module: 'recorder',
              address: ADDRESS,
              port: PORT,
              template: 'RSYSLOG_SyslogProtocol23Format',
            }),
          },
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
            ...netflowListens(config.netflow),
            ...forwardListens(config.forward, router),
          ],
          mounts: [
            { kind: 'file', file: 'recorder.json', target: SETTINGS },
            { kind: 'data', volume: 'records', target: DATA },
            { kind: 'run', target: RUN },
            { kind: 'run', ...INTAKE },
            { kind: 'host', source: containers, target: '/docker/containers' },
            { kind: 'host', source: `${PATHS.run}/agent`, target: AGENT },
            ...forwardMounts(config.forward),
            ...forwardToMounts(config.forward_to),
            ...archiveMounts(config.archive),
          ],
          health: {
            test: ['/usr/local/bin/node', 'src/recorder/health.ts', SETTINGS],
            intervalSecs: 60,
            timeoutSecs: 10,
          },
          stopSecs: 15,
          pause: "the firewall's drops and NetFlow of about 3 s are not recorded; all else waits",
          // The recorder's own, and below 400 MB for a pass of the archive, with what the kernel caches for both.
          memoryBytes: 768 * MiB,
        },
      ],
      openings: [...netflowOpenings(config.netflow), ...forwardOpenings(config.forward)],
      logs: [],
      // Not the records; but a device that was here before a move is not new after it.
      data: [{ name: 'records', owner: '0:0', mode: 0o750, backup: ['state/devices.json'] }],
    }
  },
})
