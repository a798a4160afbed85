/**
 * A packet that the firewall dropped (kind "drops"). Names are IPFIX information elements (IANA registry), with
 * these differences: interfaces carry their names, because an index means nothing after a restart, an address or an
 * ICMP type is one field for both IP versions, and `logPrefix` is the prefix of the nft rule that dropped the packet.
 */
export interface DropRecord {
  readonly time: string
  readonly logPrefix: string
  readonly ingressInterface?: string
  readonly egressInterface?: string
  readonly sourceMacAddress?: string
  readonly dot1qVlanId?: number
  readonly ipVersion?: 4 | 6
  /** sourceIPv4Address or sourceIPv6Address, and so on: one field for both versions. */
  readonly sourceAddress?: string
  readonly destinationAddress?: string
  readonly protocolIdentifier?: number
  readonly sourceTransportPort?: number
  readonly destinationTransportPort?: number
  /** The low 8 bits of the TCP flags: 2 is SYN. */
  readonly tcpControlBits?: number
  /** icmpTypeIPv4 or icmpTypeIPv6, icmpCodeIPv4 or icmpCodeIPv6: `ipVersion` says which. */
  readonly icmpType?: number
  readonly icmpCode?: number
  /** Bytes, from the IP header. */
  readonly ipTotalLength?: number
  /** TTL, or the hop limit of IPv6. */
  readonly ipTTL?: number
  /** In units of 8 bytes; set for fragments only. Those after the first have no ports. */
  readonly fragmentOffset?: number
  /** EtherType when the packet is not IP. */
  readonly ethernetType?: number
}
