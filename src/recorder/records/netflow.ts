/** A value of an information element, as its IPFIX data type says; counters beyond 2^53 - 1 are decimal text. */
export type ElementValue = number | string | boolean

/**
 * A flow record that an exporter sent (kind "netflow"). Names are IPFIX information elements (IANA registry); an address
 * is one column for both versions. Counters are as exported: with sampling, `samplingInterval` is what to multiply by.
 */
export interface NetflowRecord {
  /** The flow's end, else its start, else when it was exported; the time of arrival if that is more than a day off. */
  readonly time: string
  readonly flowStart?: string | undefined
  readonly flowEnd?: string | undefined
  readonly exporterAddress: string
  /** 5, 9 or 10 (IPFIX). */
  readonly exportProtocolVersion: number
  /** Source ID in NetFlow v9; engine type * 256 + engine ID in v5. */
  readonly observationDomainId: number
  /** The name, when the exporter told it, else its number. */
  readonly ingressInterface?: string | undefined
  readonly egressInterface?: string | undefined
  readonly sourceAddress?: string | undefined
  readonly destinationAddress?: string | undefined
  readonly protocolIdentifier?: number | undefined
  readonly sourceTransportPort?: number | undefined
  readonly destinationTransportPort?: number | undefined
  readonly octetDeltaCount?: number | string | undefined
  readonly packetDeltaCount?: number | string | undefined
  readonly tcpControlBits?: number | undefined
  readonly ipClassOfService?: number | undefined
  readonly icmpTypeCode?: number | undefined
  readonly flowEndReason?: number | undefined
  /** One of so many packets was seen: from the record, else from the exporter's options. */
  readonly samplingInterval?: number | undefined
  /** Every other element of the record; the values of one that is there more than once are a list. */
  readonly elements?: Readonly<Record<string, ElementValue | readonly ElementValue[]>> | undefined
}
