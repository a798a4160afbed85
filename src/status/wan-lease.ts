import { formatIp, type Ip } from '../lib/ip.ts'

/** What the provider's servers gave the WAN. */
export interface WanLease {
  /** Seconds until the IPv4 address ends unless it is renewed before; absent when nobody leased one. */
  readonly secondsLeft?: number
  /** Delegated prefixes (RFC 8415 section 6.3), e.g. "2001:db8:100::/56". */
  readonly delegated: readonly string[]
}

/**
 * From `networkctl --json status`, whose times are microseconds since boot, as `uptimeSecs` is in seconds; nothing where
 * the text is not what it should be.
 */
export function parseWanLease(json: string, uptimeSecs: number): WanLease {
  let status: unknown
  try {
    status = JSON.parse(json)
  } catch {
    return { delegated: [] }
  }
  const delegated = listOf(field(field(status, 'DHCPv6Client'), 'Prefixes')).flatMap((entry) => {
    const ip = ipOf(field(entry, 'Prefix'))
    const length = Number(field(entry, 'PrefixLength'))
    return ip === undefined || !Number.isInteger(length) ? [] : [`${formatIp(ip)}/${length}`]
  })
  const leased = listOf(field(status, 'Addresses')).find((entry) => field(entry, 'ConfigSource') === 'DHCPv4')
  const until = Number(field(leased, 'ValidLifetimeUSec'))
  if (!Number.isFinite(until)) return { delegated }
  return { secondsLeft: Math.max(0, Math.round(until / 1e6 - uptimeSecs)), delegated }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function ipOf(bytes: unknown): Ip | undefined {
  const list = listOf(bytes)
  if (list.length !== 16 || !list.every((byte) => Number.isInteger(byte) && Number(byte) >> 8 === 0))
    return undefined
  return { version: 6, value: BigInt(`0x${Buffer.from(list.map(Number)).toString('hex')}`) }
}
