/*
 * The schema of the archive: what a table of each kind of record looks like, everywhere (segments, Parquet, SQL views,
 * `sekisho archive ddl`). Column names are the fields of the records in this folder: RFC 9499's words for DNS, the IPFIX
 * information elements (IANA registry) for packets and flows, RFC 5424's for syslog. An address is one column for both
 * versions: `sourceAddress` is sourceIPv4Address or sourceIPv6Address.
 */

/** A column's type, in DuckDB's words. Times are UTC, microseconds. */
export type ColumnType =
  | 'TIMESTAMP'
  | 'VARCHAR'
  | 'VARCHAR[]'
  | 'BOOLEAN'
  | 'UTINYINT'
  | 'USMALLINT'
  | 'UINTEGER'
  | 'UBIGINT'
  | 'DOUBLE'
  /** Any JSON value, stored as its text. */
  | 'JSON'
  | 'STRUCT("name" VARCHAR, "type" VARCHAR, ttl UINTEGER, "data" VARCHAR)[]'

export interface Kind {
  /** One line for people: what a row is. */
  readonly about: string
  /** In the order of the table; the first is always `time`. */
  readonly columns: Readonly<Record<string, ColumnType>>
  /** How a finished day is sorted: by what people ask for, so that statistics leave most row groups out. */
  readonly sort: readonly string[]
  /** Columns that hold addresses of hosts (what `--address` and `--client` look at), the client's first. */
  readonly addresses: readonly string[]
  /** Columns that hold names (what `--name` looks at). */
  readonly names: readonly string[]
}

const PACKET = {
  ingressInterface: 'VARCHAR',
  egressInterface: 'VARCHAR',
  sourceAddress: 'VARCHAR',
  destinationAddress: 'VARCHAR',
  protocolIdentifier: 'UTINYINT',
  sourceTransportPort: 'USMALLINT',
  destinationTransportPort: 'USMALLINT',
} as const satisfies Kind['columns']

export const KINDS = {
  dns: {
    about: 'A DNS transaction: a question and what was answered',
    columns: {
      /** Of the query; of the response where no query was seen. */
      time: 'TIMESTAMP',
      clientAddress: 'VARCHAR',
      clientPort: 'USMALLINT',
      serverAddress: 'VARCHAR',
      /** The server is this router. */
      localResolver: 'BOOLEAN',
      /** "udp" or "tcp". */
      transport: 'VARCHAR',
      messageId: 'USMALLINT',
      /** Where it is not QUERY. */
      opcode: 'VARCHAR',
      queryName: 'VARCHAR',
      queryType: 'VARCHAR',
      queryClass: 'VARCHAR',
      /** Of the response, or of the query where none came, as dig writes them: "qr rd ra ad". */
      flags: 'VARCHAR',
      responseCode: 'VARCHAR',
      /** "answered", "timeout" (no response) or "unasked" (a response, and no query). */
      status: 'VARCHAR',
      answers: 'STRUCT("name" VARCHAR, "type" VARCHAR, ttl UINTEGER, "data" VARCHAR)[]',
      /** RFC 7871, e.g. "192.0.2.0/24". */
      ednsClientSubnet: 'VARCHAR',
      /** RFC 7873: the query brought a cookie. */
      ednsCookie: 'BOOLEAN',
      queryBytes: 'USMALLINT',
      responseBytes: 'USMALLINT',
      responseTimeMicroseconds: 'UINTEGER',
      /** The interface that it was seen at. */
      interface: 'VARCHAR',
    },
    sort: ['queryName', 'queryType', 'clientAddress', 'time'],
    addresses: ['clientAddress', 'serverAddress'],
    names: ['queryName'],
  },
  flows: {
    about: 'A connection through or to the router, as connection tracking counted it',
    columns: {
      /** When the record was made; a long connection has several, whose counts add up. */
      time: 'TIMESTAMP',
      flowStart: 'TIMESTAMP',
      flowEnd: 'TIMESTAMP',
      /** The same in all records of a connection. */
      flowId: 'UBIGINT',
      ...PACKET,
      icmpTypeCode: 'USMALLINT',
      octetDeltaCount: 'UBIGINT',
      packetDeltaCount: 'UBIGINT',
      reverseOctetDeltaCount: 'UBIGINT',
      reversePacketDeltaCount: 'UBIGINT',
      postNatSourceAddress: 'VARCHAR',
      postNaptSourceTransportPort: 'USMALLINT',
      postNatDestinationAddress: 'VARCHAR',
      postNaptDestinationTransportPort: 'USMALLINT',
      /** 1 idle timeout, 2 active timeout (it goes on), 3 its end was seen, 4 forced, 5 lack of resources. */
      flowEndReason: 'UTINYINT',
      /** Connection tracking's state when the record was made, e.g. "ESTABLISHED". */
      tcpState: 'VARCHAR',
      /** The zones that it came from and went to: a network's name, "wan", "router" or "containers". */
      sourceZone: 'VARCHAR',
      destinationZone: 'VARCHAR',
      /** What the source had asked DNS for when it was given this address. */
      destinationName: 'VARCHAR',
      /** "asked", "expired" (asked longer ago than its TTL allows), "none", or "local" (within the own networks). */
      destinationNameStatus: 'VARCHAR',
      /** "encrypted-dns" where what was asked cannot be seen. */
      applicationName: 'VARCHAR',
    },
    sort: ['sourceAddress', 'destinationAddress', 'time'],
    addresses: ['sourceAddress', 'destinationAddress'],
    names: ['destinationName'],
  },
  netflow: {
    about: 'A flow record that an exporter sent: NetFlow v5, v9 or IPFIX',
    columns: {
      time: 'TIMESTAMP',
      flowStart: 'TIMESTAMP',
      flowEnd: 'TIMESTAMP',
      exporterAddress: 'VARCHAR',
      exportProtocolVersion: 'USMALLINT',
      observationDomainId: 'UINTEGER',
      ...PACKET,
      octetDeltaCount: 'UBIGINT',
      packetDeltaCount: 'UBIGINT',
      tcpControlBits: 'USMALLINT',
      ipClassOfService: 'UTINYINT',
      icmpTypeCode: 'USMALLINT',
      flowEndReason: 'UTINYINT',
      samplingInterval: 'UINTEGER',
      /** Every other information element, by name (or "enterprise/number"). */
      elements: 'JSON',
    },
    sort: ['sourceAddress', 'destinationAddress', 'time'],
    addresses: ['sourceAddress', 'destinationAddress', 'exporterAddress'],
    names: [],
  },
  drops: {
    about: 'A packet that the firewall dropped',
    columns: {
      time: 'TIMESTAMP',
      logPrefix: 'VARCHAR',
      sourceMacAddress: 'VARCHAR',
      dot1qVlanId: 'USMALLINT',
      ipVersion: 'UTINYINT',
      ...PACKET,
      tcpControlBits: 'UTINYINT',
      icmpType: 'UTINYINT',
      icmpCode: 'UTINYINT',
      ipTotalLength: 'UINTEGER',
      ipTTL: 'UTINYINT',
      fragmentOffset: 'USMALLINT',
      ethernetType: 'USMALLINT',
    },
    sort: ['sourceAddress', 'destinationTransportPort', 'time'],
    addresses: ['sourceAddress', 'destinationAddress'],
    names: [],
  },
  syslog: {
    about: 'A syslog message (RFC 5424 or 3164)',
    columns: {
      time: 'TIMESTAMP',
      receivedTime: 'TIMESTAMP',
      facility: 'UTINYINT',
      severity: 'UTINYINT',
      hostname: 'VARCHAR',
      appName: 'VARCHAR',
      procId: 'VARCHAR',
      msgId: 'VARCHAR',
      structuredData: 'JSON',
      msg: 'VARCHAR',
      format: 'VARCHAR',
      truncated: 'BOOLEAN',
    },
    sort: ['time'],
    addresses: [],
    names: ['hostname', 'appName'],
  },
  container: {
    about: 'A line that a container wrote',
    columns: {
      time: 'TIMESTAMP',
      containerName: 'VARCHAR',
      containerId: 'VARCHAR',
      project: 'VARCHAR',
      service: 'VARCHAR',
      module: 'VARCHAR',
      stream: 'VARCHAR',
      log: 'VARCHAR',
      partial: 'BOOLEAN',
      /** Labels and variables that Docker's fluentd driver was told to send along. */
      attributes: 'JSON',
    },
    sort: ['containerName', 'time'],
    addresses: [],
    names: ['containerName', 'service', 'module'],
  },
  dhcp: {
    about: 'A DHCP lease that was given, renewed, released or ran out',
    columns: {
      time: 'TIMESTAMP',
      /** "assigned", "renewed", "released" or "expired". */
      event: 'VARCHAR',
      network: 'VARCHAR',
      address: 'VARCHAR',
      macAddress: 'VARCHAR',
      hostname: 'VARCHAR',
      leaseSeconds: 'UINTEGER',
    },
    sort: ['macAddress', 'time'],
    addresses: ['address'],
    names: ['hostname'],
  },
  events: {
    about: 'An event from a program: its tag and whatever it says',
    columns: {
      time: 'TIMESTAMP',
      tag: 'VARCHAR',
      senderAddress: 'VARCHAR',
      record: 'JSON',
    },
    sort: ['tag', 'time'],
    addresses: ['senderAddress'],
    names: ['tag'],
  },
  devices: {
    about: 'An address that belonged to a device for a while',
    columns: {
      /** From when the address was the device's. */
      time: 'TIMESTAMP',
      /** Until when it was looked at and found so. Of rows with the same address, macAddress and time the latest counts. */
      until: 'TIMESTAMP',
      /** When the device last answered the router, or spoke DHCP. */
      lastSeen: 'TIMESTAMP',
      /** It was still so when the row was written: another row follows. */
      open: 'BOOLEAN',
      address: 'VARCHAR',
      macAddress: 'VARCHAR',
      /** The device's name then: a reservation's, else what it called itself over DHCP. */
      device: 'VARCHAR',
      network: 'VARCHAR',
      vendor: 'VARCHAR',
      /** The MAC address is locally administered: the device made it up (IEEE 802, bit 0x02). */
      randomMac: 'BOOLEAN',
    },
    sort: ['address', 'time'],
    addresses: ['address'],
    names: ['device'],
  },
} as const satisfies Readonly<Record<string, Kind>>

export type KindName = keyof typeof KINDS

export function isKindName(name: string): name is KindName {
  return Object.hasOwn(KINDS, name)
}
