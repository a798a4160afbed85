import { SERVERS, WAN } from './topology.ts'

export interface Zone {
  /** Origin without the final dot; '' is the root. */
  readonly name: string
  /** Which of the provider's name servers serves it. */
  readonly server: 'root' | 'tld' | 'dns'
  /** signed; unsigned (no DS at the parent); bogus (altered after signing); expired (signed for last year). */
  readonly dnssec: 'signed' | 'unsigned' | 'bogus' | 'expired'
  readonly records: readonly string[]
}

const www = [`A ${SERVERS.www.v4}`, `AAAA ${SERVERS.www.v6}`]
const site = (name: string) => www.map((record) => `${name} ${record}`)

/** Every zone of the lab's Internet, parents after their children, so that DS records exist when needed. */
export const ZONES: readonly Zone[] = [
  {
    name: 'rebind.example.org',
    server: 'dns',
    dnssec: 'signed',
    // Names of the outside that point inside: what rebinding protection is for.
    records: [
      'home A 10.0.0.1',
      'ten A 10.1.2.3',
      'private A 192.168.1.1',
      'twelve A 172.16.0.1',
      'linklocal A 169.254.1.1',
      'loopback A 127.0.0.1',
      'ula AAAA fd00::1',
      'mapped AAAA ::ffff:10.0.0.1',
      'mixed A 203.0.113.80',
      'mixed A 10.0.0.1',
    ],
  },
  {
    name: 'example.org',
    server: 'dns',
    dnssec: 'signed',
    records: [
      ...site('@'),
      ...site('www'),
      `www HTTPS 1 . alpn="h2,http/1.1" ipv4hint=${SERVERS.www.v4} ipv6hint=${SERVERS.www.v6}`,
      '@ HTTPS 0 www.example.org.',
      '@ MX 10 mail.example.org.',
      'web CNAME www.example.org.',
      'alias CNAME www.example.net.',
      ...site('*.wild'),
      `v4only A ${SERVERS.www.v4}`,
      `v6only AAAA ${SERVERS.www.v6}`,
      `mail A ${SERVERS.www2.v4}`,
      // Larger than any UDP answer: the client must come back over TCP (RFC 7766).
      ...Array.from({ length: 40 }, (_, i) => `big TXT "${String(i).padStart(3, '0')}${'x'.repeat(180)}"`),
    ],
  },
  {
    name: 'example.net',
    server: 'dns',
    dnssec: 'signed',
    records: [
      `www A ${SERVERS.www2.v4}`,
      `www AAAA ${SERVERS.www2.v6}`,
      `ntp A ${SERVERS.ntp.v4}`,
      `ntp AAAA ${SERVERS.ntp.v6}`,
      `root.ns A ${SERVERS.root.v4}`,
      `root.ns AAAA ${SERVERS.root.v6}`,
      `tld.ns A ${SERVERS.tld.v4}`,
      `tld.ns AAAA ${SERVERS.tld.v6}`,
      `dns.ns A ${SERVERS.dns.v4}`,
      `dns.ns AAAA ${SERVERS.dns.v6}`,
    ],
  },
  { name: 'bogus.example.net', server: 'dns', dnssec: 'bogus', records: [...site('www')] },
  { name: 'expired.example.net', server: 'dns', dnssec: 'expired', records: [...site('www')] },
  { name: 'example.com', server: 'dns', dnssec: 'unsigned', records: [...site('@'), ...site('www')] },
  // The pool that Debian's chrony asks when nobody tells it otherwise lives under here.
  {
    name: 'pool.ntp.org',
    server: 'dns',
    dnssec: 'unsigned',
    records: ['@', '0', '1', '2', '3', '2.debian', '0.debian', '1.debian', '3.debian'].flatMap((name) => [
      `${name} A ${SERVERS.ntp.v4}`,
      `${name} AAAA ${SERVERS.ntp.v6}`,
    ]),
  },
  {
    name: '113.0.203.in-addr.arpa',
    server: 'dns',
    dnssec: 'signed',
    records: ['80 PTR www.example.org.', '81 PTR www.example.net.', '123 PTR ntp.example.net.'],
  },
  { name: 'org', server: 'tld', dnssec: 'signed', records: [] },
  { name: 'net', server: 'tld', dnssec: 'signed', records: [] },
  { name: 'com', server: 'tld', dnssec: 'signed', records: [] },
  // RFC 8375 section 7: home.arpa is delegated without a DS record.
  { name: 'arpa', server: 'tld', dnssec: 'signed', records: ['home NS blackhole.example.net.'] },
  { name: '', server: 'root', dnssec: 'signed', records: [] },
].sort((a, b) => labels(b.name) - labels(a.name)) as readonly Zone[]

function labels(name: string): number {
  return name === '' ? 0 : name.split('.').length
}

/** The zone that delegates to this one. */
export function parentOf(zone: Zone): Zone | undefined {
  return ZONES.filter(
    (other) => other !== zone && (other.name === '' || zone.name.endsWith(`.${other.name}`)),
  ).sort((a, b) => b.name.length - a.name.length)[0]
}

/** The zone's text in master file format (RFC 1035 section 5), with delegations, glue and its children's DS. */
export function zoneText(zone: Zone, ds: ReadonlyMap<string, string>): string {
  const server = (kind: Zone['server']) => `${kind}.ns.example.net.`
  const children = ZONES.filter((child) => parentOf(child) === zone)
  const lines = [
    `$ORIGIN ${zone.name}.`,
    '$TTL 300',
    `@ SOA ${server(zone.server)} hostmaster.example.net. 1 3600 900 604800 60`,
    `@ NS ${server(zone.server)}`,
    ...zone.records,
    ...children.flatMap((child) => [`${child.name}. NS ${server(child.server)}`, ds.get(child.name) ?? '']),
    ...glue(zone, children),
  ]
  return `${lines.filter((line) => line !== '').join('\n')}\n`
}

/** Addresses of name servers, where a resolver could not learn them without asking those very servers. */
function glue(zone: Zone, children: readonly Zone[]): string[] {
  const needed = new Set([zone, ...children].map((each) => each.server))
  if (zone.name !== '' && zone.name !== 'net') return []
  return [...needed].flatMap((kind) => [
    `${kind}.ns.example.net. A ${SERVERS[kind].v4}`,
    `${kind}.ns.example.net. AAAA ${SERVERS[kind].v6}`,
  ])
}

/** The root hints a resolver in this lab needs (RFC 8109). */
export function rootHints(): string {
  return [
    '. 3600000 NS root.ns.example.net.',
    `root.ns.example.net. 3600000 A ${SERVERS.root.v4}`,
    `root.ns.example.net. 3600000 AAAA ${SERVERS.root.v6}`,
    '',
  ].join('\n')
}

/** The provider's own resolver, which its DHCP hands out. */
export function providerResolverConfig(): string {
  return `server:
  interface: ${WAN.resolver4}
  interface: ${WAN.resolver6}
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  chroot: ""
  username: unbound
  directory: /var/lib/unbound
  pidfile: /run/unbound-provider.pid
  use-syslog: no
  root-hints: /srv/dns/root.hints
  trust-anchor-file: /srv/dns/root.key
  module-config: "validator iterator"
  local-zone: "113.0.203.in-addr.arpa." nodefault
remote-control:
  control-enable: no
`
}
