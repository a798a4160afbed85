import { overlaps, type Prefix, parseCidr } from '../lib/ip.ts'

/** IPv4 blocks in which no host can have its address (RFC 6890, RFC 1112). */
const UNUSABLE: readonly (readonly [string, string])[] = [
  ['0.0.0.0/8', 'means "this network"'],
  ['127.0.0.0/8', 'is the loopback'],
  ['169.254.0.0/16', 'is link-local'],
  ['224.0.0.0/4', 'is multicast'],
  ['240.0.0.0/4', 'is reserved'],
]
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']

/** Why no host can have an address of this prefix: "127.0.0.0/8 is the loopback"; undefined when it can. */
export function unusable(prefix: Prefix): string | undefined {
  const found = UNUSABLE.find(([text]) => touches(prefix, text))
  return found?.join(' ')
}

/** Whether a prefix touches the addresses of RFC 1918. */
export function isPrivate(prefix: Prefix): boolean {
  return PRIVATE.some((text) => touches(prefix, text))
}

function touches(prefix: Prefix, text: string): boolean {
  const other = parseCidr(text)?.prefix
  return other !== undefined && overlaps(prefix, other)
}
