/**
 * A DNS transaction (kind "dns"), in the words of RFC 9499: a query with its response, a query that had none in time, or a
 * response to a query that was not seen. Names are in lower case, without the root's dot ("." is the root), with RFC 1035
 * section 5.1's escapes ("\032", "\.") for what is no letter, digit, "-", "_" or other printable ASCII.
 */
export interface DnsRecord {
  /** RFC 3339, UTC, microseconds: of the query, or of the response where no query was seen. */
  readonly time: string
  readonly clientAddress: string
  readonly clientPort: number
  readonly serverAddress: string
  /** The server is this router. */
  readonly localResolver?: boolean
  readonly transport: 'udp' | 'tcp'
  readonly messageId: number
  /** Where it is not QUERY: "NOTIFY", "UPDATE", "OPCODE7". */
  readonly opcode?: string
  /** Of the first question; absent when there is none. */
  readonly queryName?: string
  /** "A", "HTTPS", "TYPE65280" (RFC 3597). */
  readonly queryType?: string
  /** "IN", "CH", "CLASS7". */
  readonly queryClass?: string
  /** Header bits of the response, or of the query where none came, as dig writes them: "qr aa tc rd ra ad cd". */
  readonly flags?: string
  /** "NOERROR", "NXDOMAIN", "BADVERS" (with EDNS's upper bits), "RCODE17"; absent without a response. */
  readonly responseCode?: string
  readonly status: 'answered' | 'timeout' | 'unasked'
  /** The answer section. */
  readonly answers?: readonly DnsAnswer[]
  /** RFC 7871, e.g. "192.0.2.0/24". */
  readonly ednsClientSubnet?: string
  /** RFC 7873: the query brought a cookie. */
  readonly ednsCookie?: boolean
  /** Bytes of the DNS messages. */
  readonly queryBytes?: number
  readonly responseBytes?: number
  /** From the query to the response. */
  readonly responseTimeMicroseconds?: number
  /** The name of the interface that it was seen at. */
  readonly interface?: string
}

export interface DnsAnswer {
  readonly name: string
  readonly type: string
  readonly ttl: number
  /** In presentation format (RFC 1035 section 5.1 and each type's own), unknown types as RFC 3597's "\# 2 abcd". */
  readonly data: string
}
