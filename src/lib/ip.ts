import { isIP } from 'node:net'
import { parseIp as parseText, stringifyIp } from 'ip-bigint'

/** An address as a number; `value` has 32 bits for version 4 and 128 for version 6. */
export interface Ip {
  readonly version: 4 | 6
  readonly value: bigint
}

/** A block of addresses: `first` has every host bit zero, `last` every host bit one. */
export interface Prefix {
  readonly version: 4 | 6
  readonly length: number
  readonly first: bigint
  readonly last: bigint
}

/** An address with the prefix it lies in, as "10.0.0.1/24" says both at once. */
export interface Cidr {
  readonly ip: Ip
  readonly prefix: Prefix
}

/** Reads an IPv4 or IPv6 address without a zone identifier (RFC 4007 section 11); undefined when it is none. */
export function parseIp(text: string): Ip | undefined {
  // The libraries behind this guess at malformed input: only what the runtime calls an address gets there.
  if (isIP(text) === 0 || text.includes('%')) return undefined
  const { number, version } = parseText(text)
  return { version, value: number }
}

/** The address in its canonical text, RFC 5952 for IPv6. */
export function formatIp({ version, value }: Ip): string {
  return stringifyIp({ number: value, version })
}

/** Reads "address/length"; undefined when it is none. Host bits may be set: see `Cidr.ip`. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/')
  const ip = slash < 0 ? undefined : parseIp(text.slice(0, slash))
  const digits = text.slice(slash + 1)
  if (!ip || !/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined
  const length = Number(digits)
  return length > bits(ip.version) ? undefined : { ip, prefix: prefixOf(ip, length) }
}

/** Reads an address or a prefix; an address is a prefix of full length. */
export function parseIpOrCidr(text: string): Cidr | undefined {
  if (text.includes('/')) return parseCidr(text)
  const ip = parseIp(text)
  return ip && { ip, prefix: prefixOf(ip, bits(ip.version)) }
}

/** The prefix of `length` bits that an address lies in. */
export function prefixOf({ version, value }: Ip, length: number): Prefix {
  const hostBits = BigInt(bits(version) - length)
  const first = (value >> hostBits) << hostBits
  return { version, length, first, last: first + (1n << hostBits) - 1n }
}

/** The canonical text of a prefix, e.g. "10.0.0.0/24". */
export function formatPrefix({ version, first, length }: Prefix): string {
  return `${formatIp({ version, value: first })}/${length}`
}

/** Whether an address, or every address of a second prefix, lies in the prefix. */
export function contains(outer: Prefix, inner: Ip | Prefix): boolean {
  const [first, last] = 'value' in inner ? [inner.value, inner.value] : [inner.first, inner.last]
  return outer.version === inner.version && outer.first <= first && last <= outer.last
}

/** Whether two prefixes share an address. */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.version === b.version && a.first <= b.last && b.first <= a.last
}

/** Width of an address in bits. */
function bits(version: 4 | 6): 32 | 128 {
  return version === 4 ? 32 : 128
}
