import { posix } from 'node:path'
import { z } from 'zod'
import { IpAddress, Port } from '../../config/schema.ts'
import { defineModule } from '../../router/module.ts'
import { runDirectory } from '../../router/paths.ts'
import { renderWatchSettings } from './render.ts'

const MiB = 1024 * 1024
const SETTINGS = '/etc/sekisho/watch.json'
const RUN = '/run/watch'
const RECORDER = '/run/recorder'
/** Between the watchers alone: who has their status files must not tell them names. */
const ANSWERS = '/run/answers'

export const watch = defineModule({
  name: 'watch',
  summary: 'Sees every DNS transaction and every connection of the networks, for the recorder',
  config: z.strictObject({
    dns: z
      .strictObject({
        timeout_secs: z
          .int()
          .min(1)
          .max(60)
          .default(5)
          .describe('A question that was not answered within this is recorded as such'),
      })
      .prefault({}),
    flows: z
      .strictObject({
        active_timeout_secs: z
          .int()
          .min(10)
          .max(86_400)
          .default(300)
          .describe('A connection that lasts longer gets a record each time this has passed'),
        ipfix: z
          .strictObject({ address: IpAddress, port: Port.default(4739) })
          .optional()
          .describe('A collector that gets every record as IPFIX over UDP, too'),
      })
      .prefault({}),
  }),
  provides: () => ({ metrics: { file: `${runDirectory('watch')}/watch.json` } }),
  requires: ['collector'],
  check: ({ provided }) =>
    provided('collector').length === 0 || provided('collector').some(({ socket }) => socket !== undefined)
      ? []
      : [
          {
            path: ['modules', 'watch'],
            message: 'no module takes records of DNS and of connections',
            fix: 'add the module recorder',
          },
        ],
  imageSources: [
    'src/watch',
    'src/lib/json-fields.ts',
    'src/lib/requests.ts',
    'src/recorder/netlink',
    'src/recorder/records',
    'node_modules/koffi',
    'node_modules/@koromix/koffi-linux-x64',
    'node_modules/@koromix/koffi-linux-arm64',
  ],
  build({ config: { dns, flows }, router, provided }) {
    const socket = provided('collector').find((one) => one.socket !== undefined)?.socket ?? '/run/none/none'
    return {
      files: [
        {
          path: 'watch.json',
          text: renderWatchSettings({
            recorderSocket: `${RECORDER}/${posix.basename(socket)}`,
            answersSocket: `${ANSWERS}/answers.sock`,
            statusDirectory: RUN,
            hostname: router.hostname,
            networks: router.networks.map(({ name, device, prefix }) => ({ name, device, prefix })),
            wan: { device: router.wan.device },
            dns: { timeoutSecs: dns.timeout_secs },
            flows: {
              activeTimeoutSecs: flows.active_timeout_secs,
              ...(flows.ipfix && { ipfix: flows.ipfix }),
            },
          }),
        },
      ],
      // Also for a connection that began while nobody listened: else the kernel keeps its end to itself.
      host: { sysctls: { 'net.netfilter.nf_conntrack_events': '1' } },
      services: [
        {
          name: 'watch',
          image: 'build',
          command: [SETTINGS],
          // The recorder's socket is root's. start.ts keeps the capabilities, what reads packets has none.
          user: '0:0',
          capabilities: ['NET_ADMIN', 'NET_RAW', 'SETPCAP'],
          network: 'host',
          listens: [],
          mounts: [
            { kind: 'file', file: 'watch.json', target: SETTINGS },
            { kind: 'run', target: RUN },
            { kind: 'tmpfs', target: ANSWERS, mode: 0o700 },
            { kind: 'host', source: posix.dirname(socket), target: RECORDER },
          ],
          health: {
            test: ['/usr/local/bin/node', 'src/watch/health.ts', SETTINGS],
            intervalSecs: 60,
            timeoutSecs: 10,
          },
          stopSecs: 15,
          pause: 'DNS questions of about 3 s are not seen, nor connections that end in them',
          // Three processes, and what both watchers keep for a recorder that is away.
          memoryBytes: 512 * MiB,
        },
      ],
      openings: [],
      logs: [],
      data: [],
    }
  },
})
