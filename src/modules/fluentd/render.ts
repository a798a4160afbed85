import { generatedHeader } from '../../router/render/header.ts'
import { confText, fromFile, type Section } from './conf.ts'
import type { FluentdConfig } from './config.ts'

/** Where the container sees its secrets and its buffers. */
export const SECRETS = {
  forward: '/run/secrets/forward-shared-key',
  s3: '/run/secrets/s3-credentials',
  mackerel: '/run/secrets/mackerel-api-key',
  hostId: '/run/secrets/mackerel-host-id',
} as const
export const DATA = '/data'

const LOOPBACK = '127.0.0.1'
const MiB = 1024 * 1024
/** What one chunk of a buffer may have, and a quarter of its buffer at most: also what a copy of it takes in /tmp. */
const CHUNK_MIB = 64

/** What goes under which path of the bucket, and how long a slice waits for late events: as in the article. */
const PATHS = [
  { name: 'system', match: 'system.** sekisho.syslog', wait: '30m' },
  { name: 'docker', match: 'docker.** sekisho.container', wait: '30m' },
  { name: 'dns', match: 'dns-gazer.** sekisho.dns', wait: '10m' },
  { name: 'netflow', match: 'netflow.event sekisho.netflow sekisho.flows', wait: '10m' },
  { name: 'other', match: '**', wait: '10m' },
] as const

export interface FluentConfOptions {
  readonly config: FluentdConfig
  readonly hostname: string
  /** Where the Forward protocol is taken, besides the loopback. */
  readonly forwardAddresses: readonly string[]
}

/** fluent.conf: Fluentd's v1 format, parameters as its manual and those of the plugins have them (README.md). */
export function renderFluentConf(options: FluentConfOptions): string {
  const { config } = options
  const { s3, buffer_bytes } = config
  const sections = [
    // Secrets would be masked in it; but nobody needs it in every log.
    { name: 'system', parameters: { suppress_config_dump: true } },
    ...forwardSources(options),
    ...syslogSource(config),
    ...netflowSource(config),
    ownLog(),
    ...mackerelMatch(config),
    ...(s3 ? PATHS.map((path) => s3Match(path, s3, buffer_bytes)) : [nullMatch('**')]),
  ]
  return `${generatedHeader('fluentd')}\n${confText(sections)}\n`
}

function forwardSources({ config: { forward }, hostname, forwardAddresses }: FluentConfOptions): Section[] {
  return [LOOPBACK, ...forwardAddresses].map((bind) => ({
    name: 'source',
    parameters: { '@type': 'forward', bind, port: forward.port },
    ...(forward.shared_key_file !== undefined && {
      sections: [
        {
          name: 'security',
          // No host of that name may be a client: Fluentd refuses one that is called as it is itself.
          parameters: { self_hostname: `fluentd.${hostname}`, shared_key: fromFile(SECRETS.forward) },
        },
      ],
    }),
  }))
}

/** TCP with octet counting (RFC 6587), as rsyslog sends: no line is lost on its way. */
function syslogSource({ syslog }: FluentdConfig): Section[] {
  if (syslog === 'off') return []
  const parameters = {
    '@type': 'syslog',
    bind: LOOPBACK,
    port: syslog.port,
    tag: 'system',
    frame_type: 'octet_count',
  }
  return [{ name: 'source', parameters, sections: [{ name: 'transport', argument: 'tcp', parameters: {} }] }]
}

function netflowSource({ netflow }: FluentdConfig): Section[] {
  if (netflow === 'off') return []
  const bind = netflow.networks.length === 0 ? LOOPBACK : '0.0.0.0'
  const parameters = {
    '@type': 'netflow',
    tag: 'netflow.event',
    bind,
    port: netflow.port,
    cache_ttl: 6000,
    versions: '[5, 9]',
  }
  return [{ name: 'source', parameters }]
}

/** What Fluentd says about itself is in the container's log: as events it could go in a circle. */
function ownLog(): Section {
  return { name: 'label', argument: '@FLUENT_LOG', parameters: {}, sections: [nullMatch('**')] }
}

function nullMatch(argument: string): Section {
  return { name: 'match', argument, parameters: { '@type': 'null' } }
}

function mackerelMatch({ mackerel }: FluentdConfig): Section[] {
  if (!mackerel) return []
  const parameters = {
    '@type': 'mackerel',
    api_key: fromFile(SECRETS.mackerel),
    ...(mackerel.service === undefined ? { hostid_path: SECRETS.hostId } : { service: mackerel.service }),
    // The rest of the tag and the key: an event of metrics.room with a key "celsius" becomes custom.room.celsius.
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the plugin's own placeholders
    metrics_name: '${[1]}.${out_key}',
    out_key_pattern: '.',
  }
  return [{ name: 'match', argument: 'metrics.**', parameters }]
}

function s3Match(
  { name, match, wait }: (typeof PATHS)[number],
  s3: NonNullable<FluentdConfig['s3']>,
  bufferBytes: number,
): Section {
  const total = Math.floor(bufferBytes / PATHS.length / MiB)
  return {
    name: 'match',
    argument: match,
    parameters: {
      '@type': 's3',
      '@id': `s3_${name}`,
      s3_bucket: s3.bucket,
      s3_region: s3.region,
      ...(s3.endpoint !== undefined && { s3_endpoint: s3.endpoint, force_path_style: true }),
      path: `${s3.prefix}${name}`,
      s3_object_key_format: '%{path}/%Y/%m/%d/%{time_slice}_%{index}.%{file_extension}',
      time_slice_format: '%Y%m%d%H',
      auto_create_bucket: false,
    },
    sections: [
      { name: 'shared_credentials', parameters: { path: SECRETS.s3, profile_name: 'default' } },
      {
        name: 'buffer',
        argument: 'time',
        parameters: {
          '@type': 'file',
          path: `${DATA}/buffer_${name}`,
          timekey: '1h',
          timekey_wait: wait,
          timekey_use_utc: true,
          chunk_limit_size: `${Math.min(CHUNK_MIB, Math.floor(total / 4))}m`,
          total_limit_size: `${total}m`,
          overflow_action: 'drop_oldest_chunk',
          retry_forever: true,
          retry_max_interval: '10m',
        },
      },
    ],
  }
}
