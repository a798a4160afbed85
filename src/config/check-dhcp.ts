import { contains, formatIp, formatPrefix } from '../lib/ip.ts'
import { macProblem } from './check-mac.ts'
import type { Draft, DraftNetwork, DraftPool } from './draft.ts'
import type { Finding, Path } from './finding.ts'
import { RESERVED_NAMES } from './reserved-names.ts'

/** Pools and reservations against their network, and against each other. */
export function checkDhcp(draft: Draft): Finding[] {
  const names = new Map<string, string>()
  return draft.networks.flatMap((network) => [
    ...checkPools(network),
    ...checkReservations(network, draft, names),
  ])
}

function v4(value: bigint): string {
  return formatIp({ version: 4, value })
}

function checkPools({ name, address, dhcp }: DraftNetwork): Finding[] {
  const cidr = address?.value
  const findings: Finding[] = []
  const before: DraftPool[] = []
  for (const pool of dhcp?.pools ?? []) {
    const { first, last, path } = pool
    if (first > last) {
      findings.push({
        path,
        message: `${v4(first)} comes after ${v4(last)}`,
        fix: `write ${v4(last)} - ${v4(first)}`,
      })
      continue
    }
    const clash = before.find((other) => other.first <= last && first <= other.last)
    if (clash) {
      const message = `it overlaps the pool ${v4(clash.first)} - ${v4(clash.last)}`
      findings.push({ path, message, fix: 'make one pool of the two' })
    }
    before.push(pool)
    if (cidr && usable(cidr.prefix.length)) findings.push(...poolInNetwork(name, pool, cidr))
  }
  return [...findings, ...tooSmall(before, cidr, dhcp?.path)]
}

function usable(length: number): boolean {
  return length >= 8 && length <= 30
}

function poolInNetwork(
  name: string,
  { first, last, path }: DraftPool,
  { ip, prefix }: NonNullable<DraftNetwork['address']>['value'],
): Finding[] {
  const range = `${v4(prefix.first + 1n)} to ${v4(prefix.last - 1n)}`
  const outside = [first, last].filter((value) => value < prefix.first || value > prefix.last)
  if (outside.length > 0) {
    const which = outside.length === 2 ? `${v4(first)} - ${v4(last)} is` : `${v4(outside[0] ?? first)} is`
    return [
      {
        path,
        message: `${which} outside ${name} ${formatPrefix(prefix)}`,
        fix: `choose addresses from ${range}`,
      },
    ]
  }
  const findings: Finding[] = []
  for (const [value, what] of [
    [prefix.first, 'network'],
    [prefix.last, 'broadcast'],
  ] as const) {
    if (first > value || last < value) continue
    findings.push({
      path,
      message: `${v4(value)} is the ${what} address of ${formatPrefix(prefix)}`,
      fix: `choose addresses from ${range}`,
    })
  }
  if (first <= ip.value && ip.value <= last) {
    const after = { first: ip.value + 1n, last }
    const rest =
      after.first <= last && last - after.first >= ip.value - first ? after : { first, last: ip.value - 1n }
    const fix =
      rest.first <= rest.last
        ? `write ${v4(rest.first)} - ${v4(rest.last)}`
        : `choose addresses from ${range}`
    findings.push({ path, message: `it contains the router's own address ${v4(ip.value)}`, fix })
  }
  return findings
}

function tooSmall(
  pools: readonly DraftPool[],
  cidr: NonNullable<DraftNetwork['address']>['value'] | undefined,
  path: Path | undefined,
): Finding[] {
  const first = pools[0]
  if (!first || !cidr || !path || cidr.prefix.length > 28 || cidr.prefix.length < 8) return []
  const count = pools.reduce((sum, pool) => sum + (pool.last - pool.first + 1n), 0n)
  if (count >= 8n || pools.some((pool) => !contains(cidr.prefix, { version: 4, value: pool.first })))
    return []
  return [
    {
      path: first.path,
      message: `${count} ${count === 1n ? 'address serves' : 'addresses serve'} few hosts: phones alone change theirs often`,
      fix: `widen the pool within ${formatPrefix(cidr.prefix)}`,
      severity: 'warning',
    },
  ]
}

function checkReservations(network: DraftNetwork, draft: Draft, names: Map<string, string>): Finding[] {
  const { name: zone, address: own } = network
  const findings: Finding[] = []
  const macs = new Map<string, string>()
  const addresses = new Map<bigint, string>()
  for (const { name, mac, address, path } of network.dhcp?.reservations ?? []) {
    const label = name?.value ?? `entry ${Number(path.at(-1)) + 1}`
    if (name) {
      const taken = names.get(name.value)
      const { value } = name
      if (value === draft.hostname?.value) {
        findings.push({
          path: name.path,
          message: `"${value}" is the router's own name`,
          fix: 'choose another name',
        })
      } else if (RESERVED_NAMES.has(value)) {
        findings.push({
          path: name.path,
          message: `"${value}" is a reserved name`,
          fix: 'choose another name',
        })
      } else if (/^\d+$/.test(value)) {
        findings.push({
          path: name.path,
          message: `"${value}" reads as an address`,
          fix: 'choose a name with a letter in it',
        })
      } else if (taken !== undefined) {
        findings.push({
          path: name.path,
          message: `"${value}" is already reserved in ${taken}`,
          fix: 'choose another name',
        })
      }
      names.set(value, taken ?? zone)
    }
    if (mac) {
      const taken = macs.get(mac.value)
      findings.push(...macProblem(mac))
      if (taken !== undefined) {
        findings.push({
          path: mac.path,
          message: `${mac.value} already has the reservation "${taken}" in ${zone}`,
          fix: 'keep one of the two',
        })
      }
      macs.set(mac.value, taken ?? label)
    }
    if (!address) continue
    const { value } = address.value
    const taken = addresses.get(value)
    if (taken !== undefined) {
      findings.push({
        path: address.path,
        message: `${v4(value)} is already reserved for "${taken}"`,
        fix: 'choose another address',
      })
    }
    addresses.set(value, taken ?? label)
    if (!own || !usable(own.value.prefix.length)) continue
    const { ip, prefix } = own.value
    const fix = `choose an address from ${v4(prefix.first + 1n)} to ${v4(prefix.last - 1n)}`
    if (!contains(prefix, address.value)) {
      findings.push({
        path: address.path,
        message: `${v4(value)} is outside ${zone} ${formatPrefix(prefix)}`,
        fix,
      })
    } else if (value === ip.value) {
      findings.push({ path: address.path, message: `${v4(value)} is the router's own address`, fix })
    } else if (value === prefix.first || value === prefix.last) {
      const kind = value === prefix.first ? 'network' : 'broadcast'
      findings.push({
        path: address.path,
        message: `${v4(value)} is the ${kind} address of ${formatPrefix(prefix)}`,
        fix,
      })
    }
  }
  return findings
}
