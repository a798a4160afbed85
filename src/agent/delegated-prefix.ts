/** A prefix as /proc/net/ipv6_route has it: 32 hexadecimal digits, "/", length in decimal. */
export type HexPrefix = string

const RTF_REJECT = 0x200

/** The routes of /proc/net/ipv6_route that refuse what they take, with their metric; default routes left out. */
export function rejected(table: string): { readonly prefix: HexPrefix; readonly metric: number }[] {
  return table.split('\n').flatMap((line) => {
    const [destination = '', length = '', , , , metric = '', , , flags = ''] = line.trim().split(/\s+/)
    if (!/^[0-9a-f]{32}$/.test(destination) || (Number.parseInt(flags, 16) & RTF_REJECT) === 0) return []
    const bits = Number.parseInt(length, 16)
    return bits === 0 ? [] : [{ prefix: `${destination}/${bits}`, metric: Number.parseInt(metric, 16) }]
  })
}

/**
 * The prefixes that a DHCPv6 server delegated to a link (RFC 8415 section 6.3), from `networkctl --json status`;
 * none when the text is not what it should be.
 */
export function delegatedPrefixes(json: string): HexPrefix[] {
  let status: { DHCPv6Client?: { Prefixes?: unknown } } | null
  try {
    status = JSON.parse(json) as typeof status
  } catch {
    return []
  }
  const list = status?.DHCPv6Client?.Prefixes
  if (!Array.isArray(list)) return []
  return list.flatMap((entry: { Prefix?: unknown; PrefixLength?: unknown } | null) => {
    const bytes = entry?.Prefix
    const length = entry?.PrefixLength
    const isByte = (value: unknown) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 256
    if (!Array.isArray(bytes) || bytes.length !== 16 || !bytes.every(isByte)) return []
    if (!Number.isInteger(length) || Number(length) < 16 || Number(length) > 64) return []
    return [`${Buffer.from(bytes as number[]).toString('hex')}/${Number(length)}`]
  })
}

/** The prefix as ip(8) reads it: eight groups, not shortened. */
export function toText(prefix: HexPrefix): string {
  const [digits = '', length = ''] = prefix.split('/')
  return `${digits.match(/.{4}/g)?.join(':') ?? ''}/${length}`
}
