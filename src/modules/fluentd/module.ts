import type { Issue } from '../../config/issue.ts'
import type { Router } from '../../router/model.ts'
import { defineModule, type Mount } from '../../router/module.ts'
import { renderRsyslogForward } from '../../router/render/rsyslog-forward.ts'
import { FluentdConfig } from './config.ts'
import { DATA, renderFluentConf, SECRETS } from './render.ts'

const MiB = 1024 * 1024
const ADDRESS = '127.0.0.1'
const CONF = '/fluentd/etc/fluent.conf'
const AGENT_ID = '/var/lib/mackerel-agent/id'

export const fluentd = defineModule({
  name: 'fluentd',
  summary:
    'The original Fluentd as the collector or beside ours: Forward, syslog and NetFlow to S3 and Mackerel',
  extra: true,
  config: FluentdConfig,
  imageNeeds: "gems from Ruby's gem server",
  provides: ({ syslog, netflow }) => ({
    ...(syslog !== 'off' && { collector: { address: ADDRESS, port: syslog.port, protocol: 'tcp' as const } }),
    ...(netflow !== 'off' && { netflow: { address: ADDRESS, port: netflow.port, protocol: 'udp' as const } }),
  }),
  check: ({ config, router }) => check(config, router),
  hostFiles: (config) => secretsOf(config).map(({ key, source, secret }) => ({ key, path: source, secret })),
  build({ config, router }) {
    const { forward, syslog, netflow } = config
    const forwardAddresses = router.networks
      .filter(({ name }) => forward.networks.includes(name))
      .map(({ address }) => address)
    const mounts: Mount[] = secretsOf(config).map(({ source, target }) => ({ kind: 'host', source, target }))
    return {
      files: [
        {
          path: 'fluent.conf',
          text: renderFluentConf({ config, hostname: router.hostname, forwardAddresses }),
        },
      ],
      ...(syslog !== 'off' && {
        host: {
          files: [
            {
              path: '/etc/rsyslog.d/61-sekisho-fluentd.conf',
              text: renderRsyslogForward({
                module: 'fluentd',
                address: ADDRESS,
                port: syslog.port,
                template: 'RSYSLOG_TraditionalForwardFormat',
              }),
            },
          ],
          restarts: ['rsyslog.service'],
        },
      }),
      services: [
        {
          name: 'fluentd',
          image: 'build',
          environment: {
            TZ: router.timezone,
            // Else the SDK sends checksums that compatible services refuse.
            ...(config.s3?.endpoint !== undefined && { AWS_REQUEST_CHECKSUM_CALCULATION: 'when_required' }),
          },
          // The secrets are root's; it has no capability.
          user: '0:0',
          network: 'host',
          listens: [
            { protocol: 'tcp', port: forward.port, addresses: [ADDRESS, ...forwardAddresses] },
            // Its heartbeats.
            { protocol: 'udp', port: forward.port, addresses: [ADDRESS, ...forwardAddresses] },
            ...(syslog === 'off'
              ? []
              : [{ protocol: 'tcp' as const, port: syslog.port, addresses: [ADDRESS] }]),
            ...(netflow === 'off'
              ? []
              : [
                  {
                    protocol: 'udp' as const,
                    port: netflow.port,
                    ...(netflow.networks.length === 0 && { addresses: [ADDRESS] }),
                  },
                ]),
          ],
          mounts: [
            { kind: 'file', file: 'fluent.conf', target: CONF },
            { kind: 'data', volume: 'buffers', target: DATA },
            { kind: 'tmpfs', target: '/tmp', sizeBytes: 256 * MiB },
            ...mounts,
          ],
          health: {
            test: ['ruby', '-rsocket', '-e', `TCPSocket.new('${ADDRESS}', ${forward.port}).close`],
            intervalSecs: 60,
            timeoutSecs: 10,
            startSecs: 30,
          },
          stopSecs: 30,
          pause: 'NetFlow of about 10 s is not taken; all else waits',
          memoryBytes: 768 * MiB,
        },
      ],
      openings: [
        ...[...new Set(forward.networks)].flatMap((from) =>
          (['tcp', 'udp'] as const).map((protocol) => ({
            from,
            protocol,
            port: forward.port,
            why:
              protocol === 'tcp' ? "events by Fluentd's Forward protocol" : "heartbeats of Fluentd's clients",
          })),
        ),
        ...(netflow === 'off'
          ? []
          : [...new Set(netflow.networks)].map((from) => ({
              from,
              protocol: 'udp' as const,
              port: netflow.port,
              why: 'NetFlow',
            }))),
      ],
      logs: [],
      data: [{ name: 'buffers', owner: '0:0', mode: 0o700, backup: false }],
    }
  },
})

/** Networks that are none, hosts that may all write, and events that go nowhere. */
function check(config: FluentdConfig, router: Router): Issue[] {
  const { forward, netflow, s3, mackerel } = config
  const path = ['modules', 'fluentd']
  const known = router.networks.map(({ name }) => name)
  const named = [
    ...forward.networks.map((name, i) => ({ name, at: ['forward', 'networks', i] })),
    ...(netflow === 'off'
      ? []
      : netflow.networks.map((name, i) => ({ name, at: ['netflow', 'networks', i] }))),
  ]
  const issues: Issue[] = named
    .filter(({ name }) => !known.includes(name))
    .map(({ name, at }) => ({
      path: [...path, ...at],
      message: `there is no network ${JSON.stringify(name)}`,
      fix: `use one of ${known.join(', ')}`,
    }))
  if (forward.networks.length > 0 && forward.shared_key_file === undefined)
    issues.push({
      path: [...path, 'forward', 'networks'],
      message: `every host of ${forward.networks.join(', ')} can write events, under any tag`,
      fix: 'add shared_key_file, unless you trust them all',
      severity: 'warning',
    })
  if (mackerel?.service !== undefined && mackerel.host_id_file !== undefined)
    issues.push({
      path: [...path, 'mackerel', 'host_id_file'],
      message: 'metrics of a service are for no host: this file is not used',
      fix: 'remove host_id_file or service',
      severity: 'warning',
    })
  if (!s3)
    issues.push({
      path,
      message: `what comes ${mackerel ? 'and is no metric ' : ''}is thrown away: it has no bucket to go to`,
      fix: 'add s3: { bucket: …, region: … }',
      severity: 'warning',
    })
  return issues
}

/** Files of the host that the container sees. */
function secretsOf({ forward, s3, mackerel }: FluentdConfig) {
  const all = [
    {
      key: ['forward', 'shared_key_file'],
      source: forward.shared_key_file,
      target: SECRETS.forward,
      secret: true,
    },
    { key: ['s3', 'credentials_file'], source: s3?.credentials_file, target: SECRETS.s3, secret: true },
    {
      key: ['mackerel', 'api_key_file'],
      source: mackerel?.api_key_file,
      target: SECRETS.mackerel,
      secret: true,
    },
    {
      key: ['mackerel', 'host_id_file'],
      source: mackerel && mackerel.service === undefined ? (mackerel.host_id_file ?? AGENT_ID) : undefined,
      target: SECRETS.hostId,
      secret: false,
    },
  ]
  return all.flatMap(({ source, ...rest }) => (source === undefined ? [] : [{ ...rest, source }]))
}
