const DNS_OVER_TLS = 853
const HTTPS = 443

/** Addresses at which big public resolvers answered DNS over HTTPS in November 2026, as they publish them. */
const ADDRESSES_OF = {
  adGuard: [
    '94.140.14.14',
    '94.140.15.15',
    '94.140.14.15',
    '94.140.15.16',
    '94.140.14.140',
    '94.140.14.141',
    '2a10:50c0::ad1:ff',
    '2a10:50c0::ad2:ff',
    '2a10:50c0::bad1:ff',
    '2a10:50c0::bad2:ff',
  ],
  aliAndDnsPod: ['223.5.5.5', '223.6.6.6', '2400:3200::1', '2400:3200:baba::1', '1.12.12.12', '120.53.53.53'],
  cloudflare: [
    '1.1.1.1',
    '1.0.0.1',
    '1.1.1.2',
    '1.0.0.2',
    '1.1.1.3',
    '1.0.0.3',
    '2606:4700:4700::1111',
    '2606:4700:4700::1001',
    '2606:4700:4700::1112',
    '2606:4700:4700::1002',
    '2606:4700:4700::1113',
    '2606:4700:4700::1003',
  ],
  google: [
    '8.8.8.8',
    '8.8.4.4',
    '2001:4860:4860::8888',
    '2001:4860:4860::8844',
    '2001:4860:4860::64',
    '2001:4860:4860::6464',
  ],
  iij: ['103.2.57.5', '103.2.57.6', '2001:300::5', '2001:300::6'],
  openDns: [
    '208.67.222.222',
    '208.67.220.220',
    '208.67.222.123',
    '208.67.220.123',
    '146.112.41.2',
    '146.112.41.3',
    '2620:119:35::35',
    '2620:119:53::53',
    '2620:119:fc::2',
    '2620:119:fc::3',
  ],
  quad9: [
    '9.9.9.9',
    '149.112.112.112',
    '9.9.9.10',
    '149.112.112.10',
    '9.9.9.11',
    '149.112.112.11',
    '2620:fe::fe',
    '2620:fe::9',
    '2620:fe::10',
    '2620:fe::fe:10',
    '2620:fe::11',
    '2620:fe::fe:11',
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>
const ADDRESSES: ReadonlySet<string> = new Set(Object.values(ADDRESSES_OF).flat())

/** Names of theirs, and of others whose addresses serve more than DNS; each stands for the names below it too. */
const NAMES: readonly string[] = [
  'adguard-dns.com',
  'cloudflare-dns.com',
  'dns.adguard.com',
  'dns.alidns.com',
  'dns.google',
  'dns.google.com',
  'dns.mullvad.net',
  'dns.nextdns.io',
  'dns.quad9.net',
  'dns.sb',
  'dns0.eu',
  'dns9.quad9.net',
  'dns10.quad9.net',
  'dns11.quad9.net',
  'doh.familyshield.opendns.com',
  'doh.applied-privacy.net',
  'doh.cleanbrowsing.org',
  'doh.dns.apple.com',
  'doh.opendns.com',
  'doh.pub',
  'dns.controld.com',
  'freedns.controld.com',
  'one.one.one.one',
  'public.dns.iij.jp',
]

/**
 * Whether a connection looks like encrypted DNS: DNS over TLS or QUIC by its port (RFC 7858, RFC 9250), DNS over HTTPS
 * (RFC 8484) by who is known to answer it. What else is inside HTTPS nobody can tell.
 */
export function isEncryptedDns(
  protocol: number,
  port: number | undefined,
  address: string,
  name: string | undefined,
): boolean {
  if (protocol !== 6 && protocol !== 17) return false
  if (port === DNS_OVER_TLS) return true
  if (port !== HTTPS) return false
  if (ADDRESSES.has(address)) return true
  return name !== undefined && NAMES.some((known) => name === known || name.endsWith(`.${known}`))
}
