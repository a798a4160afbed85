import { ipv4, ipv6, name, u8, u16, u32 } from './dns-wire.ts'

/*
 * Record data of each type, and their presentation format, written down from the types' RFCs (with the RFCs' own examples
 * where they have some).
 */

export interface Sample {
  readonly type: string
  readonly number: number
  readonly data: Buffer
  readonly text: string
}

const strings = (...texts: string[]): Buffer =>
  Buffer.concat(texts.flatMap((text) => [u8(Buffer.byteLength(text, 'latin1')), Buffer.from(text, 'latin1')]))
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const parameter = (key: number, value: Buffer): Buffer => Buffer.concat([u16(key, value.length), value])
const KEY = Buffer.from('sixteen bytes it')
const KEY64 = KEY.toString('base64')
const MOMENT = Date.UTC(2026, 10, 23, 1, 2, 3) / 1000

function sample(type: string, number: number, text: string, ...data: Buffer[]): Sample {
  return { type, number, text, data: Buffer.concat(data) }
}

export const SAMPLES: readonly Sample[] = [
  sample('A', 1, '192.0.2.1', ipv4('192.0.2.1')),
  sample('A', 1, '0.10.100.255', ipv4('0.10.100.255')),
  sample('NS', 2, 'ns1.example.org', name('NS1.Example.Org')),
  sample('CNAME', 5, 'example.org', name('example.org')),
  sample('CNAME', 5, '.', name('.')),
  sample(
    'SOA',
    6,
    'ns1.example.org host\\.master.example.org 2026112300 7200 3600 1209600 300',
    name('ns1.example.org'),
    u8(11),
    Buffer.from('host.master'),
    name('example.org'),
    u32(2026112300, 7200, 3600, 1209600, 300),
  ),
  sample('MB', 7, 'mail.example.org', name('mail.example.org')),
  sample('PTR', 12, 'host-7.example.org', name('host-7.example.org')),
  sample('HINFO', 13, '"PC" "Debian 13"', strings('PC', 'Debian 13')),
  sample('MINFO', 14, 'a.example.org b.example.org', name('a.example.org'), name('b.example.org')),
  sample('MX', 15, '10 mail.example.org', u16(10), name('mail.example.org')),
  sample('MX', 15, '0 .', u16(0), name('.')),
  sample('TXT', 16, '"v=spf1 -all"', strings('v=spf1 -all')),
  sample('TXT', 16, '"a" "" "b \\"c\\" \\\\ ;\\000\\255"', strings('a', '', 'b "c" \\ ;\0\xff')),
  sample('RP', 17, 'me.example.org .', name('me.example.org'), name('.')),
  sample('AFSDB', 18, '1 afs.example.org', u16(1), name('afs.example.org')),
  sample('KEY', 25, `256 3 8 ${KEY64}`, u16(256), u8(3, 8), KEY),
  sample('AAAA', 28, '2001:db8::1', ipv6('2001:db8::1')),
  sample('AAAA', 28, '::', ipv6('::')),
  sample('AAAA', 28, '2001:db8:0:1:1:1:1:1', ipv6('2001:db8:0:1:1:1:1:1')),
  sample('AAAA', 28, '2001:0:0:1::1', ipv6('2001:0:0:1:0:0:0:1')),
  // RFC 1876 appendix A's first example.
  sample(
    'LOC',
    29,
    '42 21 54.000 N 71 6 18.000 W -24.00m 30m 10000m 10m',
    hex('00331613'),
    u32(2 ** 31 + 42 * 3_600_000 + 21 * 60_000 + 54_000, 2 ** 31 - (71 * 3_600_000 + 6 * 60_000 + 18_000)),
    u32(10_000_000 - 2400),
  ),
  sample('SRV', 33, '0 5 5060 sip.example.org', u16(0, 5, 5060), name('sip.example.org')),
  // RFC 3403 section 6.2's example.
  sample(
    'NAPTR',
    35,
    '100 50 "s" "http+I2L+I2C+I2R" "" _http._tcp.example.org',
    u16(100, 50),
    strings('s', 'http+I2L+I2C+I2R', ''),
    name('_http._tcp.example.org'),
  ),
  sample('KX', 36, '1 kx.example.org', u16(1), name('kx.example.org')),
  sample('CERT', 37, `1 12345 8 ${KEY64}`, u16(1, 12345), u8(8), KEY),
  sample('DNAME', 39, 'example.net', name('example.net')),
  // RFC 4034 section 5.4's example.
  sample(
    'DS',
    43,
    '60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118',
    u16(60485),
    u8(5, 1),
    hex('2BB183AF5F22588179A53B0A98631FAD1A292118'),
  ),
  sample('SSHFP', 44, '4 2 0123ABCD', u8(4, 2), hex('0123abcd')),
  sample(
    'RRSIG',
    46,
    `A 8 2 300 20261123010203 20261122010203 60485 example.org ${KEY64}`,
    u16(1),
    u8(8, 2),
    u32(300, MOMENT, MOMENT - 86_400),
    u16(60485),
    name('example.org'),
    KEY,
  ),
  // RFC 4034 section 4.3's example.
  sample(
    'NSEC',
    47,
    'host.example.com A MX RRSIG NSEC TYPE1234',
    name('host.example.com'),
    hex('0006 4001 0000 0003'),
    hex('041b'),
    Buffer.alloc(26),
    hex('20'),
  ),
  sample('DNSKEY', 48, `257 3 13 ${KEY64}`, u16(257), u8(3, 13), KEY),
  sample('DHCID', 49, KEY64, KEY),
  // RFC 5155 appendix B: 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example with salt aabbccdd.
  sample(
    'NSEC3',
    50,
    '1 1 12 AABBCCDD 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY NS SOA NSEC3PARAM RRSIG'.replace(
      'MX DNSKEY NS SOA NSEC3PARAM RRSIG',
      'NS SOA MX RRSIG DNSKEY NSEC3PARAM',
    ),
    u8(1, 1),
    u16(12),
    u8(4),
    hex('aabbccdd'),
    u8(20),
    hex('174eb2409fe28bcb4887a1836f957f0a8425e27b'),
    hex('0007 22010000000290'),
  ),
  sample('NSEC3', 50, '1 0 0 - 00000000', u8(1, 0), u16(0), u8(0), u8(5), Buffer.alloc(5)),
  sample('NSEC3PARAM', 51, '1 0 12 AABBCCDD', u8(1, 0), u16(12), u8(4), hex('aabbccdd')),
  sample(
    'TLSA',
    52,
    '3 1 1 D2ABDE240D7CD3EE6B4B28C54DF034B9',
    u8(3, 1, 1),
    hex('d2abde240d7cd3ee6b4b28c54df034b9'),
  ),
  sample('SMIMEA', 53, '3 1 1 D2AB', u8(3, 1, 1), hex('d2ab')),
  sample('CDS', 59, '0 0 0 00', u16(0), u8(0, 0), u8(0)),
  sample('CDNSKEY', 60, '0 3 0 AA==', u16(0), u8(3, 0), u8(0)),
  sample('OPENPGPKEY', 61, KEY64, KEY),
  // RFC 7477 section 2.1's example: A, NS, AAAA.
  sample('CSYNC', 62, '66 3 A NS AAAA', u32(66), u16(3), hex('0004 60000008')),
  sample('ZONEMD', 63, '2018031500 1 1 FEBE3D4C', u32(2018031500), u8(1, 1), hex('febe3d4c')),
  // RFC 9460 appendix D's test vectors.
  sample('HTTPS', 65, '0 foo.example.com', u16(0), name('foo.example.com')),
  sample('SVCB', 64, '1 .', u16(1), name('.')),
  sample('SVCB', 64, '16 foo.example.com port=53', u16(16), name('foo.example.com'), parameter(3, u16(53))),
  sample(
    'SVCB',
    64,
    '1 foo.example.com key667=hello',
    u16(1),
    name('foo.example.com'),
    parameter(667, Buffer.from('hello')),
  ),
  sample(
    'SVCB',
    64,
    '1 foo.example.com key667=hello\\210qoo',
    u16(1),
    name('foo.example.com'),
    parameter(667, Buffer.from('hello\xd2qoo', 'latin1')),
  ),
  sample(
    'SVCB',
    64,
    '1 foo.example.com ipv6hint=2001:db8::1,2001:db8::53:1',
    u16(1),
    name('foo.example.com'),
    parameter(6, Buffer.concat([ipv6('2001:db8::1'), ipv6('2001:db8::53:1')])),
  ),
  sample(
    'SVCB',
    64,
    '16 foo.example.org mandatory=alpn,ipv4hint alpn=h2,h3-19 ipv4hint=192.0.2.1',
    u16(16),
    name('foo.example.org'),
    parameter(0, u16(1, 4)),
    parameter(1, strings('h2', 'h3-19')),
    parameter(4, ipv4('192.0.2.1')),
  ),
  sample(
    'SVCB',
    64,
    '16 foo.example.org alpn=f\\\\\\\\oo\\\\,bar,h2',
    u16(16),
    name('foo.example.org'),
    parameter(1, strings('f\\oo,bar', 'h2')),
  ),
  sample(
    'HTTPS',
    65,
    `1 . alpn=h2 no-default-alpn port=8443 ech=${KEY64} dohpath=/q{?dns} key65535`,
    u16(1),
    name('.'),
    parameter(1, strings('h2')),
    parameter(2, Buffer.alloc(0)),
    parameter(3, u16(8443)),
    parameter(5, KEY),
    parameter(7, Buffer.from('/q{?dns}')),
    parameter(65_535, Buffer.alloc(0)),
  ),
  sample('SPF', 99, '"v=spf1 a -all"', strings('v=spf1 a -all')),
  sample('EUI48', 108, '00-00-5e-00-53-2a', hex('00005e00532a')),
  sample('EUI64', 109, '00-00-5e-ef-10-00-00-2a', hex('00005eef1000002a')),
  sample(
    'URI',
    256,
    '10 1 "ftp://ftp.example.org/public"',
    u16(10, 1),
    Buffer.from('ftp://ftp.example.org/public'),
  ),
  sample(
    'CAA',
    257,
    '0 issue "ca.example.net; policy=ev"',
    u8(0),
    strings('issue'),
    Buffer.from('ca.example.net; policy=ev'),
  ),
  sample('CAA', 257, '128 tbs ""', u8(128), strings('tbs')),
  // RFC 3597 section 5: no such type, or none that this reads.
  sample('NULL', 10, '\\# 2 abcd', hex('abcd')),
  sample('TYPE65280', 65_280, '\\# 0'),
  sample('TYPE65280', 65_280, '\\# 3 0a00ff', hex('0a00ff')),
]

/** Data that are not what their type says: they are kept as unknown ones. */
export const WRONG: readonly Sample[] = [
  sample('A', 1, '\\# 3 c00002', hex('c00002')),
  sample('AAAA', 28, '\\# 4 c0000201', hex('c0000201')),
  sample('NS', 2, '\\# 3 056162', hex('056162')),
  sample('NS', 2, '\\# 2 0000', hex('0000')),
  sample('MX', 15, '\\# 2 000a', u16(10)),
  sample('TXT', 16, '\\# 2 0561', hex('0561')),
  sample('SOA', 6, '\\# 6 000000000001', hex('000000000001')),
  sample('NSEC', 47, '\\# 4 00000021', hex('00000021')),
  sample('NSEC', 47, '\\# 7 00000140000140', hex('00000140 000140')),
  sample('CAA', 257, '\\# 4 00022d2d', hex('00022d2d')),
  sample('LOC', 29, '\\# 16 01000000000000000000000000000000', hex('01'), Buffer.alloc(15)),
  // Parameters not in the order of their numbers; a port of three bytes; an empty protocol.
  sample(
    'SVCB',
    64,
    '\\# 13 0001000003000200350001'.concat('0000'),
    u16(1),
    u8(0),
    parameter(3, u16(53)),
    parameter(1, Buffer.alloc(0)),
  ),
  sample('SVCB', 64, '\\# 10 00010000030003003500', u16(1), u8(0), parameter(3, hex('003500'))),
  sample('SVCB', 64, '\\# 8 0001000001000100', u16(1), u8(0), parameter(1, hex('00'))),
]
