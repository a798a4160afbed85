/** A /64 that a network had, e.g. "2001:db8:100:1::/64" written in full groups. */
export interface KnownPrefix {
  readonly network: string
  readonly prefix: string
  /** Seconds since 1970 when it was missed first; absent while it is there. */
  readonly goneAt?: number
}

/**
 * How long hosts are told that a prefix is over: what networkd lets them use one without hearing of it again, and what
 * RFC 4862 section 5.5.3 e lets them keep in spite of being told.
 */
export const TELL_SECS = 7200
/** A prefix that is missing this short a time may be on its way back: a lease that is asked for anew. */
export const SETTLE_SECS = 5
/** Of one network: a provider that renumbers all the time must not make advertisements that do not fit a packet. */
const MAX_STALE = 8

/**
 * Follows which prefixes the networks have: `present` is what they have now. Returns all that is to be remembered, also
 * over a restart, and those to call off: RFC 9096 section 3.5 wants a prefix that is gone advertised as such, since hosts
 * would go on with it until its lifetime ends.
 */
export function followPrefixes(
  known: readonly KnownPrefix[],
  present: readonly KnownPrefix[],
  nowSecs: number,
): { readonly known: readonly KnownPrefix[]; readonly stale: readonly KnownPrefix[] } {
  const key = ({ network, prefix }: KnownPrefix) => `${network} ${prefix}`
  const here = new Map(present.map(({ network, prefix }) => [`${network} ${prefix}`, { network, prefix }]))
  const gone = known
    .filter((one) => !here.has(key(one)))
    // A clock that was set back does not make the time longer.
    .map((one) => ({ ...one, goneAt: Math.min(one.goneAt ?? nowSecs, nowSecs) }))
    .filter(({ goneAt }) => nowSecs - goneAt < TELL_SECS)
    .toSorted((a, b) => b.goneAt - a.goneAt || (a.prefix < b.prefix ? -1 : 1))
  const kept = gone.filter(
    (one, i) => gone.slice(0, i).filter(({ network }) => network === one.network).length < MAX_STALE,
  )
  const stale = kept.filter(
    ({ network, prefix, goneAt }) =>
      nowSecs - goneAt >= SETTLE_SECS ||
      // Another came in its place: there is nothing to wait for.
      present.some((one) => one.network === network && isLocal(one.prefix) === isLocal(prefix)),
  )
  return { known: [...here.values(), ...kept], stale }
}

/** Unique local (RFC 4193). */
function isLocal(prefix: string): boolean {
  return /^f[cd]/.test(prefix)
}

/** The /64s on the networks' devices by /proc/net/if_inet6, which has devices without carrier too. */
export function presentPrefixes(
  table: string,
  networks: readonly { readonly name: string; readonly device: string }[],
): KnownPrefix[] {
  const found = table.split('\n').flatMap((line) => {
    const [address = '', , length, , , device] = line.trim().split(/\s+/)
    if (!/^[0-9a-f]{32}$/.test(address) || length !== '40' || address.startsWith('fe8')) return []
    const prefix = `${address.slice(0, 16).match(/.{4}/g)?.join(':') ?? ''}::/64`
    return networks.filter((one) => one.device === device).map(({ name }) => ({ network: name, prefix }))
  })
  return [...new Map(found.map((one) => [`${one.network} ${one.prefix}`, one])).values()]
}

/** Reads what was remembered; nothing when it is not what it should be. */
export function parseKnownPrefixes(text: string): KnownPrefix[] {
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    return []
  }
  if (!Array.isArray(list)) return []
  return list.flatMap((item: { network?: unknown; prefix?: unknown; goneAt?: unknown } | null) => {
    const { network, prefix, goneAt } = item ?? {}
    // They become lines of a file of networkd's.
    if (typeof network !== 'string' || !/^[a-z][a-z0-9-]{0,11}$/.test(network)) return []
    if (typeof prefix !== 'string' || !/^([0-9a-f]{4}:){4}:\/64$/.test(prefix)) return []
    return [{ network, prefix, ...(Number.isFinite(goneAt) ? { goneAt: Number(goneAt) } : {}) }]
  })
}
