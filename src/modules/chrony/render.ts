import type { Context } from '../../router/module.ts'
import { generatedHeader } from '../../router/render/header.ts'

/** The module's config after defaults. */
export interface ChronyConfig {
  readonly servers: readonly string[]
  readonly pools?: readonly string[] | undefined
  readonly set_clock: boolean
}

const DEFAULT_POOL = '2.debian.pool.ntp.org'

/** Where time comes from: the pool of the default is one with IPv6, and steps aside for named servers. */
export function timeSources({ servers, pools }: ChronyConfig): {
  readonly servers: readonly string[]
  readonly pools: readonly string[]
} {
  return { servers, pools: pools ?? (servers.length > 0 ? [] : [DEFAULT_POOL]) }
}

/** chrony.conf(5), version 4.6. */
export function renderChrony({ config, router }: Context<ChronyConfig>): string {
  const { servers, pools } = timeSources(config)
  const clients = router.networks.flatMap(({ prefix, ula, global }) => [
    prefix,
    ...(ula ? [ula.prefix] : []),
    ...(global ? [global.prefix] : []),
  ])
  const lines = [
    ...servers.map((server) => `server ${server} iburst`),
    ...pools.map((pool) => `pool ${pool} iburst maxsources 4`),
    '',
    'driftfile /var/lib/chrony/drift',
    '# A clock that is wrong by more than a second is set at once while starting, and never set back later.',
    'makestep 1 3',
    'rtcsync',
    'logchange 1',
    '',
    '# Until it is in step itself it answers "unsynchronised", which clients pass over.',
    ...clients.map((prefix) => `allow ${prefix}`),
    '',
    '# Commands come through the socket only.',
    'cmdport 0',
    'bindcmdaddress /run/chrony/chronyd.sock',
    'pidfile /run/chrony/chronyd.pid',
    '# Uid 0 without capabilities but one or two needs no other user to change to, nor the right to change.',
    'user root',
  ]
  return `${generatedHeader('chrony')}${lines.join('\n')}\n`
}

/**
 * The container's resolv.conf, for Docker copies the host's only when it makes the container; undefined when no
 * module provides dns.
 */
export function renderResolvConf({ provided }: Context<ChronyConfig>): string | undefined {
  const addresses = provided('dns').flatMap(({ address, port = 53 }) =>
    address && port === 53 ? [address] : [],
  )
  if (addresses.length === 0) return undefined
  return `${generatedHeader('chrony')}${addresses.map((address) => `nameserver ${address}\n`).join('')}`
}
