import { contains, parseIp, parseIpOrCidr } from '../../lib/ip.ts'

const NEAR = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
]

/** Whether a host is this machine or stands in a private network (RFC 1918, 4193, 3927's IPv6 kin). */
export function isNear(hostname: string): boolean {
  if (hostname === 'localhost') return true
  const ip = parseIp(hostname.replace(/^\[|\]$/g, ''))
  return ip !== undefined && NEAR.some((text) => contains(nearPrefix(text), ip))
}

function nearPrefix(text: string) {
  const cidr = parseIpOrCidr(text)
  if (!cidr) throw new Error(`${text} is not a prefix`)
  return cidr.prefix
}
