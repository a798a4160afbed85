/* Names of numbers, from IANA's registry "Domain Name System (DNS) Parameters". */

export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  SVCB: 64,
  HTTPS: 65,
  IXFR: 251,
  AXFR: 252,
} as const

const TYPES: readonly (readonly [first: number, names: string])[] = [
  [
    1,
    'A NS MD MF CNAME SOA MB MG MR NULL WKS PTR HINFO MINFO MX TXT RP AFSDB X25 ISDN RT NSAP NSAP-PTR SIG KEY',
  ],
  [
    26,
    'PX GPOS AAAA LOC NXT EID NIMLOC SRV ATMA NAPTR KX CERT A6 DNAME SINK OPT APL DS SSHFP IPSECKEY RRSIG',
  ],
  [47, 'NSEC DNSKEY DHCID NSEC3 NSEC3PARAM TLSA SMIMEA'],
  [55, 'HIP NINFO RKEY TALINK CDS CDNSKEY OPENPGPKEY CSYNC ZONEMD SVCB HTTPS DSYNC HHIT BRID'],
  [99, 'SPF UINFO UID GID UNSPEC NID L32 L64 LP EUI48 EUI64'],
  [128, 'NXNAME'],
  [249, 'TKEY TSIG IXFR AXFR MAILB MAILA ANY URI CAA AVC DOA AMTRELAY RESINFO WALLET CLA IPN'],
  [32_768, 'TA DLV'],
]

const CLASSES: readonly (readonly [first: number, names: string])[] = [
  [1, 'IN'],
  [3, 'CH HS'],
  [254, 'NONE ANY'],
]

const RCODES: readonly (readonly [first: number, names: string])[] = [
  [0, 'NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE DSOTYPENI'],
  // 16 is BADSIG as well, in TSIG's own field only.
  [16, 'BADVERS BADKEY BADTIME BADMODE BADNAME BADALG BADTRUNC BADCOOKIE'],
]

const OPCODES = ['QUERY', 'IQUERY', 'STATUS', undefined, 'NOTIFY', 'UPDATE', 'DSO'] as const

const types = numbered(TYPES)
const classes = numbered(CLASSES)
const rcodes = numbered(RCODES)

function numbered(runs: readonly (readonly [first: number, names: string])[]): ReadonlyMap<number, string> {
  return new Map(
    runs.flatMap(([first, names]) => names.split(' ').map((name, i): [number, string] => [first + i, name])),
  )
}

/** "A", or "TYPE65280" (RFC 3597 section 5). */
export function typeName(type: number): string {
  return types.get(type) ?? `TYPE${type}`
}

/** "IN", or "CLASS7" (RFC 3597 section 5). */
export function className(number: number): string {
  return classes.get(number) ?? `CLASS${number}`
}

/** "NXDOMAIN", or "RCODE17" for what has no name, EDNS's upper bits included (RFC 6891 section 6.1.3). */
export function rcodeName(rcode: number): string {
  return rcodes.get(rcode) ?? `RCODE${rcode}`
}

export function opcodeName(opcode: number): string {
  return OPCODES[opcode] ?? `OPCODE${opcode}`
}
