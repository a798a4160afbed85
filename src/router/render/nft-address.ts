import { isIP, isIPv4, isIPv6 } from 'node:net'

/*
 * Addresses of router.yaml on their way into the ruleset. Each was validated before; what is none here is a bug.
 */

function ipv4Number(address: string): number {
  return address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0)
}

function ipv4Range(prefix: string): readonly [number, number] {
  const [address = '', length = '32'] = prefix.split('/')
  if (!isIPv4(address)) throw new Error(`not an IPv4 prefix: ${JSON.stringify(prefix)}`)
  const size = 2 ** (32 - Number(length))
  const first = Math.floor(ipv4Number(address) / size) * size
  return [first, first + size - 1]
}

/** Whether two IPv4 prefixes (or addresses) have an address in common. */
export function overlapsIpv4(a: string, b: string): boolean {
  const [aFirst, aLast] = ipv4Range(a)
  const [bFirst, bLast] = ipv4Range(b)
  return aFirst <= bLast && bFirst <= aLast
}

/** An address or prefix as nft reads it, with its family; throws on anything else. */
export function prefixText(text: string): { readonly family: 4 | 6; readonly text: string } {
  const [address = '', length] = text.split('/')
  const family = isIP(address)
  if (family !== 4 && family !== 6) throw new Error(`not an address or prefix: ${JSON.stringify(text)}`)
  if (length !== undefined && !(/^\d{1,3}$/.test(length) && Number(length) <= (family === 4 ? 32 : 128)))
    throw new Error(`not a prefix: ${JSON.stringify(text)}`)
  return { family, text: length === undefined ? address : `${address}/${Number(length)}` }
}

/** The low 64 bits of an IPv6 address (its interface identifier, RFC 4291 section 2.5.1), as an address "::…". */
export function interfaceId(address: string): string {
  if (!isIPv6(address) || address.includes('%'))
    throw new Error(`not an IPv6 address: ${JSON.stringify(address)}`)
  // The URL parser writes IPv6 addresses in canonical form, the dotted tail of ::ffff:192.0.2.1 included.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const zeros = Array<string>(8 - left.length - right.length).fill('0')
  return `::${[...left, ...zeros, ...right].slice(4).join(':')}`
}
