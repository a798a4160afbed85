/**
 * A connection (kind "flows"), or a part of a long one, as connection tracking counted it. Names are IPFIX information
 * elements (IANA registry), with one field for both IP versions; counts are of IP bytes, exact, since the connection's last
 * record. "reverse" is what came back (RFC 5103).
 */
export interface FlowRecord {
  /** RFC 3339, UTC: when the record was made. */
  readonly time: string
  readonly flowStart: string
  readonly flowEnd: string
  /** The same in all records of a connection. */
  readonly flowId: number
  readonly ingressInterface?: string
  readonly egressInterface?: string
  readonly sourceAddress: string
  readonly destinationAddress: string
  readonly protocolIdentifier: number
  readonly sourceTransportPort?: number
  readonly destinationTransportPort?: number
  /** type * 256 + code, of the first packet. */
  readonly icmpTypeCode?: number
  readonly octetDeltaCount: number
  readonly packetDeltaCount: number
  readonly reverseOctetDeltaCount: number
  readonly reversePacketDeltaCount: number
  /** What the other side saw, where it differs: source NAT (the WAN's address) and destination NAT (a forward). */
  readonly postNatSourceAddress?: string
  readonly postNaptSourceTransportPort?: number
  readonly postNatDestinationAddress?: string
  readonly postNaptDestinationTransportPort?: number
  /** IPFIX element 136: 1 idle timeout, 2 active timeout (it goes on), 3 its end was seen, 4 forced, 5 lack of resources. */
  readonly flowEndReason: number
  /** Connection tracking's state: "SYN_SENT", "ESTABLISHED", "TIME_WAIT", … */
  readonly tcpState?: string
  /** Zones that it came from and went to: a network's name, "wan", "router" or "containers". */
  readonly sourceZone?: string
  readonly destinationZone?: string
  /** What the source had asked DNS for when it was given the destination's address. */
  readonly destinationName?: string
  readonly destinationNameStatus?: 'asked' | 'expired' | 'none' | 'local'
  readonly applicationName?: 'encrypted-dns'
}
