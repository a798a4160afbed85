import { contains, formatPrefix, parseCidr } from '../lib/ip.ts'
import type { At, Draft } from './draft.ts'
import type { Finding } from './finding.ts'
import { RESERVED_NAMES } from './reserved-names.ts'
import { suggest } from './suggest.ts'

/** Host name, time zone, domain and unique local prefix. */
export function checkSite({ hostname, timezone, domain, ula }: Draft): Finding[] {
  return [
    ...(hostname ? checkHostname(hostname) : []),
    ...(timezone ? checkTimezone(timezone) : []),
    ...(domain ? checkDomain(domain) : []),
    ...(ula ? checkUla(ula) : []),
  ]
}

function checkHostname({ value, path }: At<string>): Finding[] {
  if (RESERVED_NAMES.has(value)) {
    return [{ path, message: `"${value}" is a reserved name`, fix: 'choose another host name, like gateway' }]
  }
  if (/^\d+$/.test(value)) {
    return [
      { path, message: `"${value}" reads as an address`, fix: 'choose a host name with a letter in it' },
    ]
  }
  return []
}

const ZONES = Intl.supportedValuesOf('timeZone')

/** What Debian's tzdata package has; the old names, like "Japan", are in tzdata-legacy. */
const AREAS = /^(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc)\//

function checkTimezone({ value, path }: At<string>): Finding[] {
  if (value === 'UTC') return []
  if (ZONES.includes(value) && AREAS.test(value)) return []
  const canonical = canonicalZone(value)
  // Aliases (Asia/Kolkata) are fine where the file system has them: that is where their case is right.
  if (canonical !== undefined && AREAS.test(value) && isCapitalised(value)) return []
  const near = canonical ?? suggest(value, ZONES) ?? ZONES.find((zone) => zone.endsWith(`/${value}`))
  return [
    {
      path,
      message: `there is no time zone ${JSON.stringify(value.slice(0, 60))}`,
      fix:
        near === undefined
          ? 'write one like Europe/Paris; "timedatectl list-timezones" lists them'
          : `did you mean ${near}?`,
    },
  ]
}

function canonicalZone(value: string): string | undefined {
  if (/^[+-]/.test(value)) return undefined
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone
  } catch {
    return undefined
  }
}

function isCapitalised(zone: string): boolean {
  return zone.split('/').every((part) => /^[A-Z]/.test(part)) && zone !== zone.toUpperCase()
}

/** Special-use names that no site can take (RFC 6761, 6762, 7686, 8375). */
const SPECIAL: Readonly<Record<string, string>> = {
  local: 'belongs to multicast DNS (RFC 6762)',
  localhost: 'is the loopback (RFC 6761)',
  invalid: 'never resolves (RFC 6761)',
  onion: 'belongs to Tor (RFC 7686)',
  arpa: 'holds the Internet infrastructure; only home.arpa is for sites (RFC 8375)',
}
/** Free for private use: nobody will ever sell them. */
const PRIVATE = ['home.arpa', 'internal', 'test', 'example', 'alt']

function checkDomain({ value, path }: At<string>): Finding[] {
  const top = value.split('.').at(-1) ?? ''
  if (PRIVATE.some((name) => value === name || value.endsWith(`.${name}`))) return []
  const special = Object.hasOwn(SPECIAL, top) ? SPECIAL[top] : undefined
  if (special !== undefined) {
    return [{ path, message: `.${top} ${special}`, fix: 'use home.arpa, or remove the line' }]
  }
  if (/^\d+$/.test(top)) {
    return [{ path, message: `"${value}" reads as an address`, fix: 'use home.arpa, or remove the line' }]
  }
  const message = value.includes('.')
    ? `${value} is in the public DNS: our names hide the public ones below it`
    : `.${value} is not reserved for private use: queries for it leak to the public DNS`
  return [{ path, message, fix: 'use home.arpa, unless this name is yours', severity: 'warning' }]
}

const ULA = parseCidr('fd00::/8')?.prefix

function checkUla({ value: { ip, prefix }, path }: At<NonNullable<Draft['ula']>['value']>): Finding[] {
  const findings: Finding[] = []
  if (!ULA || !contains(ULA, ip)) {
    const fix = 'write a /48 that begins with fd and ten random hexadecimal digits; "sekisho init" makes one'
    return [{ path, message: 'it is not in fd00::/8, the unique local addresses (RFC 4193)', fix }]
  }
  if (prefix.length !== 48) {
    findings.push({
      path,
      message: `it is a /${prefix.length}, and a site has a /48 (RFC 4193)`,
      fix: 'write /48',
    })
  } else if (ip.value !== prefix.first) {
    findings.push({
      path,
      message: 'address bits are set after the /48',
      fix: `write ${formatPrefix(prefix)}`,
    })
  }
  if (prefix.length === 48 && ((prefix.first >> 80n) & ((1n << 40n) - 1n)) === 0n) {
    findings.push({
      path,
      message: 'its 40 bits are zero and not random: it will clash with other sites',
      fix: 'take a random one; "sekisho init" makes one',
      severity: 'warning',
    })
  }
  return findings
}
