import { contains, formatIp, formatPrefix, overlaps, parseCidr, prefixOf } from '../lib/ip.ts'
import { macProblem } from './check-mac.ts'
import type { Draft, DraftWan } from './draft.ts'
import type { Finding } from './finding.ts'
import { unusable } from './special-ipv4.ts'

/** The uplink by itself; its port and its overlaps with networks are checked elsewhere. */
export function checkWan(draft: Draft): Finding[] {
  const { wan } = draft
  const findings: Finding[] = []
  if (wan.mac) findings.push(...macProblem(wan.mac))
  if (wan.mode === 'pppoe') return [...findings, ...checkPppoeMtu(wan)]
  if (wan.mtu && wan.mtu.value > 1500 && wan.mtu.value <= 9000) {
    findings.push({
      path: wan.mtu.path,
      message: `${wan.mtu.value} bytes are more than the 1500 of nearly every provider`,
      fix: 'remove the line, unless the provider says so',
      severity: 'warning',
    })
  }
  if (wan.mode === 'dhcp') return findings
  return [...findings, ...checkStatic4(wan), ...checkDns(draft), ...checkStatic6(draft)]
}

/** The longest packet of a session: Ethernet's 1500 bytes less PPPoE's header and PPP's (RFC 2516 section 7). */
const PPPOE_MTU = 1492

function checkPppoeMtu({ mtu }: DraftWan): Finding[] {
  if (mtu === undefined || mtu.value <= PPPOE_MTU || mtu.value > 9000) return []
  const { path, value } = mtu
  if (value > 1500) {
    const message = `${value} bytes do not fit a PPPoE session, which carries 1500 at most`
    return [{ path, message, fix: `remove the line for ${PPPOE_MTU}` }]
  }
  const message = `${value} bytes need a port, a modem and a provider that pass frames of ${value + 8} (RFC 4638)`
  return [{ path, message, fix: `remove the line for ${PPPOE_MTU}, unless all do`, severity: 'warning' }]
}

function checkStatic4({ address, gateway }: DraftWan): Finding[] {
  const findings: Finding[] = []
  if (address) {
    const { ip, prefix } = address.value
    const why = unusable(prefix)
    if (why) findings.push({ path: address.path, message: why, fix: "write the provider's address" })
    else if (prefix.length === 32) {
      const fix = "write the length of the provider's subnet, like /30"
      findings.push({ path: address.path, message: 'a /32 has no room for the gateway', fix })
    } else findings.push(...hostBits(address.path, ip.value, prefix, 'address'))
  }
  if (address && gateway && address.value.prefix.length < 32) {
    const { ip, prefix } = address.value
    const text = formatIp(gateway.value)
    const fix = `write the provider's router in ${formatPrefix(prefix)}`
    if (!contains(prefix, gateway.value)) {
      findings.push({
        path: gateway.path,
        message: `${text} is outside the WAN's ${formatPrefix(prefix)}`,
        fix,
      })
    } else if (gateway.value.value === ip.value) {
      findings.push({ path: gateway.path, message: `${text} is our own address`, fix })
    } else {
      findings.push(...hostBits(gateway.path, gateway.value.value, prefix, 'gateway'))
    }
  }
  return findings
}

/** A /31 has neither a network nor a broadcast address (RFC 3021). */
function hostBits(
  path: readonly (string | number)[],
  value: bigint,
  prefix: { readonly version: 4 | 6; readonly length: number; readonly first: bigint; readonly last: bigint },
  what: string,
): Finding[] {
  if (prefix.length >= 31 || (value !== prefix.first && value !== prefix.last)) return []
  const kind = value === prefix.first ? 'network' : 'broadcast'
  const text = formatIp({ version: prefix.version, value })
  const range = [prefix.first + 1n, prefix.last - 1n]
    .map((v) => formatIp({ version: 4, value: v }))
    .join(' to ')
  return [
    {
      path,
      message: `${text} is the ${kind} address of ${formatPrefix(prefix)}`,
      fix: `write the ${what}, from ${range}`,
    },
  ]
}

function checkDns({ wan, networks }: Draft): Finding[] {
  const seen = new Set<bigint>()
  return wan.dns.flatMap(({ value, path }) => {
    const text = formatIp(value)
    const fix = "write the provider's resolver, or remove the line"
    if (seen.has(value.value))
      return [{ path, message: `${text} is listed twice`, fix: 'remove one of them' }]
    seen.add(value.value)
    const prefix = prefixOf(value, value.version === 4 ? 32 : 128)
    const why = value.version === 4 ? unusable(prefix) : unusable6(prefix)
    if (why) return [{ path, message: `${text} is no resolver: ${why}`, fix }]
    if (wan.address && wan.address.value.ip.value === value.value)
      return [{ path, message: `${text} is our own address`, fix }]
    const inside = networks.find(
      (network) => network.address && contains(network.address.value.prefix, value),
    )
    if (inside) return [{ path, message: `${text} is inside our own network ${inside.name}`, fix }]
    return []
  })
}

function unusable6(prefix: Parameters<typeof overlaps>[0]): string | undefined {
  const blocks: readonly (readonly [string, string])[] = [
    ['::/128', 'is no address'],
    ['::1/128', 'is the loopback'],
    ['ff00::/8', 'is multicast'],
    ['fe80::/10', 'is link-local'],
    ['::ffff:0:0/96', 'is IPv4 in IPv6 clothes'],
  ]
  const found = blocks.find(([text]) => {
    const block = parseCidr(text)?.prefix
    return block && overlaps(prefix, block)
  })
  return found?.join(' ')
}

const LINK_LOCAL = parseCidr('fe80::/10')?.prefix

function checkStatic6({ wan, networks }: Draft): Finding[] {
  const findings: Finding[] = []
  const { address6, gateway6, prefix6, ipv6 } = wan
  const keys = ['address6', 'gateway6', 'prefix6']
  const given = keys.filter((key) => wan.has.has(key))
  if (given.length > 0) {
    const needed = ['address6', 'gateway6'].filter((key) => !wan.has.has(key))
    for (const key of needed) {
      findings.push({
        path: ['wan', given[0] ?? 'address6'],
        at: 'key',
        message: `${given.join(' and ')} without ${key}`,
        fix: `add ${key}, or remove ${given.join(' and ')}`,
      })
    }
    if (ipv6?.value === 'off') {
      findings.push({
        path: ipv6.path,
        message: `ipv6 is off and ${given.join(', ')} given`,
        fix: `remove the line, or remove ${given.join(', ')}`,
      })
    }
  }
  if (address6) {
    const { ip, prefix } = address6.value
    const why = unusable6(prefixOf(ip, 128))
    if (why) findings.push({ path: address6.path, message: why, fix: "write the provider's global address" })
    else if (prefix.length < 127 && ip.value === prefix.first) {
      const message = `${formatIp(ip)} is the subnet-router anycast address (RFC 4291 section 2.6.1)`
      findings.push({ path: address6.path, message, fix: 'write the address of one host, like …::2' })
    }
  }
  if (address6 && gateway6) {
    const { ip, prefix } = address6.value
    const text = formatIp(gateway6.value)
    const local = LINK_LOCAL !== undefined && contains(LINK_LOCAL, gateway6.value)
    const fix = `write the provider's router in ${formatPrefix(prefix)}, or its fe80:: address`
    if (gateway6.value.value === ip.value)
      findings.push({ path: gateway6.path, message: `${text} is our own address`, fix })
    else if (!local && !contains(prefix, gateway6.value)) {
      findings.push({
        path: gateway6.path,
        message: `${text} is outside the WAN's ${formatPrefix(prefix)}`,
        fix,
      })
    }
  }
  if (!prefix6) return findings

  const { ip, prefix } = prefix6.value
  const why = unusable6(prefixOf(ip, 128))
  if (why)
    findings.push({
      path: prefix6.path,
      message: why,
      fix: 'write the prefix that the provider routes to us',
    })
  if (prefix.length > 64 || prefix.length < 16) {
    const message = `a network needs a /64, and this is a /${prefix.length}`
    findings.push({
      path: prefix6.path,
      message,
      fix: 'write the prefix that the provider routes to us, from /16 to /64',
    })
    return findings
  }
  if (ip.value !== prefix.first) {
    findings.push({
      path: prefix6.path,
      message: `address bits are set after the /${prefix.length}`,
      fix: `write ${formatPrefix(prefix)}`,
    })
  }
  const idBits = 64 - prefix.length
  if (idBits === 0 && networks.length > 1) {
    const message = `one /64 is not enough for ${networks.length} networks`
    findings.push({ path: prefix6.path, message, fix: 'ask the provider for a /56, or remove the line' })
  }
  for (const { name, subnetId } of networks) {
    const id = subnetId?.value ?? 1
    if (idBits > 0 && id >= 2 ** idBits) {
      const message = `${id} does not fit the ${idBits} bits that the /${prefix.length} of wan.prefix6 leaves for ${name}`
      findings.push({
        path: subnetId?.path ?? ['networks', name],
        message,
        fix: `choose a number from 1 to ${2 ** idBits - 1}`,
      })
      continue
    }
    const offset = idBits === 0 ? 0n : BigInt(id) << 64n
    const net = prefixOf({ version: 6, value: prefix.first + offset }, 64)
    if (address6 && overlaps(net, address6.value.prefix)) {
      findings.push({
        path: prefix6.path,
        message: `network ${name} gets ${formatPrefix(net)}, which overlaps the WAN's ${formatPrefix(address6.value.prefix)}`,
        fix: subnetId ? `give ${name} another subnet_id, or correct the prefix` : 'correct the prefix',
      })
    }
  }
  return findings
}
