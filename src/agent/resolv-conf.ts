import { isIP } from 'node:net'

/** glibc reads no more than three (resolv.conf(5), MAXNS). */
const MAX_NAMESERVERS = 3

export interface ResolvConf {
  /** Our own resolver; absent without one. */
  readonly resolver?: string
  /** The WAN's resolvers, asked while our own is silent. */
  readonly fallback: readonly string[]
  readonly domain: string
}

/**
 * The text of resolv.conf(5): our resolver first, then of the WAN's the first of each family before any second one,
 * so that one works when only IPv4 or only IPv6 does.
 */
export function renderResolvConf(input: ResolvConf): string {
  const own = input.resolver === undefined ? [] : [input.resolver]
  const valid = [...new Set(input.fallback)].filter(
    (address) => isIP(address) !== 0 && !own.includes(address),
  )
  const firsts = [valid.find((a) => isIP(a) === 4), valid.find((a) => isIP(a) === 6)].filter(
    (a) => a !== undefined,
  )
  const servers = [...new Set([...own, ...firsts, ...valid])].slice(0, MAX_NAMESERVERS)
  return [
    '# Written by sekishod; edits are overwritten.',
    ...servers.map((address) => `nameserver ${address}`),
    'options timeout:2 attempts:2',
    `search ${input.domain}`,
    '',
  ].join('\n')
}

/**
 * The DNS servers that systemd-networkd has for a link, from its state file /run/systemd/netif/links/<ifindex>: the
 * words of its DNS= line that are IP addresses, link-local ones with their zone ("fe80::1%wan0"). A server name
 * for DNS over TLS ("#name") and a port (":53") are no part of resolv.conf and are cut off or leave the entry out.
 */
export function linkDnsServers(state: string): string[] {
  const line = state.split('\n').find((text) => text.startsWith('DNS=')) ?? ''
  const words = line.slice('DNS='.length).replaceAll('"', '').split(/\s+/)
  // What both DHCP and an advertisement name is there twice.
  return [...new Set(words.map((word) => word.replace(/#.*$/, '')).filter((word) => isIP(word) !== 0))]
}
