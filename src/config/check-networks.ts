import { type Cidr, formatIp, formatPrefix, overlaps } from '../lib/ip.ts'
import { containerPool } from './container-pool.ts'
import type { At, Draft, DraftNetwork } from './draft.ts'
import type { Finding } from './finding.ts'
import { RESERVED_ZONES } from './schema.ts'
import { isPrivate, unusable } from './special-ipv4.ts'

/** Names, addresses, numbers and services of the networks. */
export function checkNetworks(draft: Draft): Finding[] {
  const { networks, wan } = draft
  if (networks.length === 0 && draft.hasNetworks) {
    return [
      {
        path: ['networks'],
        message: 'there is no network',
        fix: 'add one, like "home:" with interfaces and address',
      },
    ]
  }
  const findings = [
    ...networks.flatMap((network) => [
      ...zoneName(network),
      ...(network.address ? ownAddress(network.address) : []),
      ...accessTwice(network),
    ]),
    ...subnetIds(networks),
    ...overlapping(networks, wan.mode === 'dhcp' ? undefined : wan.address),
    ...reachable(draft),
  ]
  const taken = networks.flatMap(({ address }) => address?.value.prefix ?? [])
  const wide = networks.find(({ address }) => address && address.value.prefix.length <= 12)?.address
  if (wide && containerPool(taken) === undefined) {
    findings.push({
      path: wide.path,
      message: 'the networks leave no private addresses for containers',
      fix: 'use a longer prefix, like /16',
    })
  }
  return findings
}

function zoneName({ name, path }: DraftNetwork): Finding[] {
  if (!RESERVED_ZONES.some((zone) => zone === name)) return []
  const message = `"${name}" has a meaning of its own in the firewall`
  return [{ path, at: 'key', message, fix: 'choose another network name, like home' }]
}

function ownAddress({ value: { ip, prefix }, path }: At<Cidr>): Finding[] {
  const why = unusable(prefix)
  if (why) return [{ path, message: why, fix: 'choose a private network (RFC 1918), like 10.0.0.1/24' }]
  if (prefix.length < 8 || prefix.length > 30) {
    const message =
      prefix.length < 8
        ? `a /${prefix.length} swallows the Internet`
        : `a /${prefix.length} has no room for hosts`
    return [{ path, message, fix: 'choose a length from /8 to /30; a home has /24' }]
  }
  if (ip.value === prefix.first || ip.value === prefix.last) {
    const kind = ip.value === prefix.first ? 'network' : 'broadcast'
    const own = formatIp({ version: 4, value: prefix.first + 1n })
    const message = `${formatIp(ip)} is the ${kind} address of ${formatPrefix(prefix)}, and the router needs one of its own`
    return [{ path, message, fix: `write ${own}/${prefix.length}` }]
  }
  if (isPrivate(prefix)) return []
  return [
    {
      path,
      message: `${formatPrefix(prefix)} is not private: its owners on the Internet cannot be reached from here`,
      fix: 'choose a private network (RFC 1918), like 10.0.0.1/24, unless this one is yours',
      severity: 'warning',
    },
  ]
}

function accessTwice({ access }: DraftNetwork): Finding[] {
  return (access ?? []).flatMap(({ value, path }, i) =>
    access?.slice(0, i).some((other) => other.value === value)
      ? [{ path, message: `${value} is listed twice`, fix: 'remove one of them' }]
      : [],
  )
}

function subnetIds(networks: readonly DraftNetwork[]): Finding[] {
  if (networks.length < 2) return []
  const used = new Map<number, string>()
  const ids = new Set(networks.flatMap(({ subnetId }) => subnetId?.value ?? []))
  let next = 1
  return networks.flatMap(({ name, path, subnetId, hasSubnetId }): Finding[] => {
    while (ids.has(next)) next++
    if (!hasSubnetId) {
      ids.add(next)
      const message =
        'several networks need a fixed subnet_id each: IPv6 prefixes and leases hang on it, whatever the order'
      return [{ path: [...path, 'subnet_id'], message, fix: `add "subnet_id: ${next}"` }]
    }
    if (!subnetId) return []
    const other = used.get(subnetId.value)
    used.set(subnetId.value, other ?? name)
    if (other === undefined) return []
    return [
      {
        path: subnetId.path,
        message: `network ${other} has subnet_id ${subnetId.value} too`,
        fix: `choose another, like ${next}`,
      },
    ]
  })
}

function overlapping(networks: readonly DraftNetwork[], wan: At<Cidr> | undefined): Finding[] {
  const before: { name: string; prefix: Cidr['prefix'] }[] = wan
    ? [{ name: 'the WAN', prefix: wan.value.prefix }]
    : []
  return networks.flatMap(({ name, address }): Finding[] => {
    if (!address) return []
    const { prefix } = address.value
    // A prefix that is absurd by itself would overlap everything: once is enough.
    if (prefix.length < 8) return []
    const found = before.filter((other) => overlaps(other.prefix, prefix))
    before.push({ name, prefix })
    return found.map((other) => ({
      path: address.path,
      message: `${formatPrefix(prefix)} overlaps ${other.name} ${formatPrefix(other.prefix)}`,
      fix: `give ${name} another network, like ${free(networks, wan)}`,
    }))
  })
}

function free(networks: readonly DraftNetwork[], wan: At<Cidr> | undefined): string {
  const taken = [...networks.map(({ address }) => address), wan].flatMap((at) => at?.value.prefix ?? [])
  for (let i = 0; i < 256; i++) {
    const first = (10n << 24n) + (BigInt(i) << 8n)
    const prefix = { version: 4, length: 24, first, last: first + 255n } as const
    if (!taken.some((other) => overlaps(other, prefix)))
      return `${formatIp({ version: 4, value: first + 1n })}/24`
  }
  return '192.168.0.1/24'
}

/** A file in which no network may use ssh takes effect, and the way to the router is gone. */
function reachable({ networks, allow }: Draft): Finding[] {
  const [first] = networks
  if (
    !first?.access ||
    networks.some(({ access }, i) => (access ? access.some((a) => a.value === 'ssh') : i === 0))
  )
    return []
  if (allow.some(({ to }) => to?.value === 'router')) return []
  return [
    {
      path: [...first.path, 'router_access'],
      at: 'key',
      message: 'no network may reach the router with ssh',
      fix: `add ssh here, or keep a screen and a keyboard at hand`,
      severity: 'warning',
    },
  ]
}
