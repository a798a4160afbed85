import { isIP } from 'node:net'
import { domainToASCII, domainToUnicode } from 'node:url'
import { parseCidr } from 'cidr-tools'

/**
 * Host names that no client may have: whoever holds one gets other hosts' traffic or settings (proxy
 * discovery, IPv6 transition, mail autoconfiguration), or passes for the machine itself.
 */
export const FORBIDDEN_NAMES: ReadonlySet<string> = new Set([
  'autoconfig',
  'autodiscover',
  'broadcasthost',
  'dns',
  'gateway',
  'invalid',
  'ip6-allhosts',
  'ip6-allnodes',
  'ip6-allrouters',
  'ip6-localhost',
  'ip6-localnet',
  'ip6-loopback',
  'ip6-mcastprefix',
  'isatap',
  'local',
  'localdomain',
  'localhost',
  'localhost4',
  'localhost6',
  'loopback',
  'ntp',
  'proxy',
  'router',
  'teredo',
  'time',
  'wpad',
])

/** Whether a client may not be known as `label` (as cleanLabel returns it) on a router of this host name. */
export function isForbiddenName(label: string, router: { readonly hostname: string }): boolean {
  return label === router.hostname || FORBIDDEN_NAMES.has(label)
}

/**
 * The DNS label for the host name or FQDN that a DHCP client claims (options 12 and 81), which may be any bytes:
 * its first label, lower case, letters, digits and inner hyphens, 1 to 63 octets (RFC 1123 section 2.1), other
 * scripts as an A-label (RFC 5891 section 4.4). Spaces and punctuation become one hyphen, apostrophes vanish;
 * undefined when nothing safe is left: empty, too long, all digits (it would read as an address), control bytes.
 */
export function cleanLabel(raw: string): string | undefined {
  // Some clients count the terminating NUL as part of the option (RFC 2132 section 2 asks us to bear it).
  const text = raw.replace(/\0+$/, '')
  if (text.length > 255 || /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\ufffd]/u.test(text)) return undefined
  // Compatibility forms first, so that full-width dots and letters are seen for what a resolver makes of them.
  const first = text.normalize('NFKC').trim().split(/[.。]/, 1)[0] ?? ''
  const label = first
    .toLowerCase()
    .replace(/['’‘]/g, '')
    .replace(/[^\p{L}\p{M}\p{Nd}-]+/gu, '-')
    .replace(/^-+|-+$/g, '')
  if (label === '') return undefined
  const ascii = /^[a-z0-9-]+$/.test(label) ? label : domainToASCII(label)
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(ascii) || /^\d+$/.test(ascii)) return undefined
  // "??--" is reserved: only true A-labels may look like one (RFC 5891 section 4.2.3.1).
  if (ascii.slice(2, 4) === '--' && !isALabel(ascii)) return undefined
  return ascii
}

/** Punycode that decodes to something other than ASCII and encodes back to itself (RFC 5891 section 5.3). */
function isALabel(label: string): boolean {
  const unicode = domainToUnicode(label)
  return (
    unicode !== '' &&
    unicode !== label &&
    /^[\p{L}\p{M}\p{Nd}-]+$/u.test(unicode) &&
    domainToASCII(unicode) === label
  )
}

/**
 * The name of an address in the reverse tree with its final dot: "1.0.0.10.in-addr.arpa." (RFC 1035 section 3.5)
 * or the 32 nibbles under ip6.arpa (RFC 3596 section 2.5). Throws on what is no IP address.
 */
export function reverseName(ip: string): string {
  if (isIP(ip) === 4) return `${ip.split('.').reverse().join('.')}.in-addr.arpa.`
  if (isIP(ip) !== 6 || ip.includes('%'))
    throw new Error(`reverseName: ${JSON.stringify(ip)} is no IP address`)
  return `${nibbles(ip).reverse().join('.')}.ip6.arpa.`
}

/**
 * The zones of the reverse tree that cover a prefix exactly, with their final dots: one for 10.0.0.0/24, four for
 * 10.0.0.0/22, sixteen for fd00::/60+… An IPv4 prefix longer than /24 is given by its addresses' own names.
 */
export function reverseZones(prefix: string): readonly string[] {
  const { version, start, prefix: length } = parseCidr(prefix)
  const step = version === 4 ? 8 : 4
  const width = version === 4 ? 32 : 128
  const labels = Math.ceil(Number(length) / step)
  const size = 1n << BigInt(width - labels * step)
  const count = 1 << (labels * step - Number(length))
  return Array.from({ length: count }, (_, i) => {
    const first = start + BigInt(i) * size
    const parts =
      version === 4
        ? [24n, 16n, 8n, 0n].map((shift) => String((first >> shift) & 255n))
        : [...first.toString(16).padStart(32, '0')]
    const zone = parts.slice(0, labels).reverse().join('.')
    return `${zone === '' ? '' : `${zone}.`}${version === 4 ? 'in-addr' : 'ip6'}.arpa.`
  })
}

function nibbles(ip: string): string[] {
  return [...parseCidr(ip).start.toString(16).padStart(32, '0')]
}
