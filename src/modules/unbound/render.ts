import type { Router } from '../../router/model.ts'
import type { Context } from '../../router/module.ts'
import { reverseName, reverseZones } from '../../router/names.ts'
import { generatedHeader } from '../../router/render/header.ts'

/** The module's config after defaults. */
export interface UnboundConfig {
  readonly forward_to: readonly string[]
  readonly private_domains: readonly string[]
  readonly cache_bytes: number
  readonly trust_anchor_file?: string | undefined
  readonly root_hints_file?: string | undefined
}

export const SOCKET = 'unbound.ctl'
/** The user's files as the container sees them. */
export const TRUST_ANCHOR = '/etc/unbound/trust-anchor.key'
export const ROOT_HINTS = '/etc/unbound/root.hints'

/** Addresses that no name of the public Internet may have (RFC 6890): they would aim a browser at our own hosts. */
const PRIVATE_ADDRESSES = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::/128',
  '::1/128',
  '::ffff:0:0/96',
  'fc00::/7',
  'fe80::/10',
] as const

/**
 * Seconds that a client keeps a local name, and that it keeps the news that there is none. The host agent knows its
 * own records by their TTL, so ours must be another.
 */
const NAME_TTL = 300
const NEGATIVE_TTL = 10

/**
 * Where the resolver listens. Not on the addresses of a delegated prefix, which come and go: clients are told the
 * unique local one, and they speak to it from their own (RFC 6724 section 5, rule 6).
 */
export function listenAddresses(router: Router): readonly string[] {
  return ['127.0.0.1', '::1', ...router.networks.flatMap(addressesOf)]
}

function addressesOf({ address, ula, global }: Router['networks'][number]): string[] {
  return [address, ...(ula ? [ula.address] : []), ...(global ? [global.address] : [])]
}

/** unbound.conf(5), version 1.22 and later. */
export function renderUnbound(ctx: Context<UnboundConfig>): string {
  const { config } = ctx
  const sections = [
    ['server:', ...indented(serverLines(ctx))],
    [
      'remote-control:',
      ...indented([
        'control-enable: yes',
        `control-interface: /run/unbound/${SOCKET}`,
        'control-use-cert: no',
      ]),
    ],
    ...(config.forward_to.length > 0
      ? [
          [
            'forward-zone:',
            ...indented(['name: "."', ...config.forward_to.map((address) => `forward-addr: ${address}`)]),
          ],
        ]
      : []),
  ]
  return `${generatedHeader('unbound')}${sections.map((lines) => `${lines.join('\n')}\n`).join('\n')}`
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? '' : `  ${line}`))
}

function serverLines(ctx: Context<UnboundConfig>): string[] {
  const { config, router } = ctx
  const clients = router.networks.flatMap(({ prefix, ula, global }) => [
    prefix,
    ...(ula ? [ula.prefix] : []),
    ...(global ? [global.prefix] : []),
  ])
  const timeNames = [...new Set(ctx.provided('time').flatMap(({ names = [] }) => names))].sort()
  return [
    '# The container is the sandbox: no chroot, no other user, no PID file.',
    'chroot: ""',
    'username: ""',
    'pidfile: ""',
    'directory: /var/lib/unbound',
    'use-syslog: no',
    'logfile: ""',
    'verbosity: 1',
    'log-servfail: yes',
    '',
    ...listenAddresses(router).map((address) => `interface: ${address}`),
    '# Listen before a cable is plugged in, and on through address changes.',
    'ip-freebind: yes',
    'access-control: 0.0.0.0/0 refuse',
    'access-control: ::/0 refuse',
    'access-control: 127.0.0.0/8 allow',
    'access-control: ::1/128 allow',
    ...clients.map((prefix) => `access-control: ${prefix} allow`),
    '',
    'num-threads: 2',
    'outgoing-range: 2048',
    'num-queries-per-thread: 1024',
    'incoming-num-tcp: 64',
    `msg-cache-size: ${Math.floor(config.cache_bytes / 3)}`,
    `rrset-cache-size: ${config.cache_bytes - Math.floor(config.cache_bytes / 3)}`,
    '',
    'hide-identity: yes',
    'hide-version: yes',
    'qname-minimisation: yes',
    'aggressive-nsec: yes',
    'harden-unknown-additional: yes',
    'deny-any: yes',
    'edns-buffer-size: 1232',
    'ede: yes',
    'prefetch: yes',
    'prefetch-key: yes',
    '# How long answers take and with which code, for metrics.',
    'extended-statistics: yes',
    '# Old answers only where the servers give no new one in 1.8 s (RFC 8767).',
    'serve-expired: yes',
    'serve-expired-ttl: 86400',
    'serve-expired-client-timeout: 1800',
    '# After an outage, ask servers again soon that did not answer then.',
    'infra-host-ttl: 120',
    'infra-keep-probing: yes',
    '',
    ...(config.trust_anchor_file === undefined
      ? ['auto-trust-anchor-file: /var/lib/unbound/root.key']
      : [`trust-anchor-file: ${TRUST_ANCHOR}`]),
    ...(config.root_hints_file === undefined ? [] : [`root-hints: ${ROOT_HINTS}`]),
    ...(timeNames.length > 0
      ? ['# No signature can be judged before the clock is right: the way to the time must not need one.']
      : []),
    ...timeNames.map((name) => `domain-insecure: "${name}."`),
    '',
    '# Rebinding protection: public names cannot point into our networks.',
    ...PRIVATE_ADDRESSES.map((prefix) => `private-address: ${prefix}`),
    ...[router.domain, ...config.private_domains].map((domain) => `private-domain: "${domain}."`),
    '',
    '# Firefox asks for this name to learn whether it should leave the network its own resolver.',
    'local-zone: "use-application-dns.net." always_nxdomain',
    ...localZones(router),
  ]
}

/** The local domain and the reverse zones of our networks, with the router and the reservations in them. */
function localZones(router: Router): string[] {
  const domain = `${router.domain}.`
  const self = `${router.hostname}.${domain}`
  const zones = [
    domain,
    ...router.networks.flatMap(({ prefix, ula, global }) =>
      [prefix, ula?.prefix, global?.prefix].flatMap((p) => (p === undefined ? [] : reverseZones(p))),
    ),
  ]
  const hosts = [
    ...router.networks.flatMap(addressesOf).map((address) => ({ name: self, address })),
    ...router.networks.flatMap((network) =>
      (network.dhcp?.reservations ?? []).map(({ name, address }) => ({ name: `${name}.${domain}`, address })),
    ),
  ]
  return [
    ...[...new Set(zones)].flatMap((zone) => [
      '',
      `local-zone: "${zone}" static`,
      `local-data: "${zone} ${NAME_TTL} IN SOA ${self} hostmaster.${domain} 1 3600 600 86400 ${NEGATIVE_TTL}"`,
      `local-data: "${zone} ${NAME_TTL} IN NS ${self}"`,
    ]),
    '',
    ...hosts.flatMap(({ name, address }) => [
      `local-data: "${name} ${NAME_TTL} IN ${address.includes(':') ? 'AAAA' : 'A'} ${address}"`,
      `local-data: "${reverseName(address)} ${NAME_TTL} IN PTR ${name}"`,
    ]),
  ]
}
