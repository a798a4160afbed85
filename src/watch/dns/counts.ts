/** What became of packets and messages. They only rise. */
export interface DnsCounts {
  packets: number
  /** Packets that have no DNS in them, as far as can be told. */
  otherPackets: number
  /** DNS messages of which at least the header was read. */
  messages: number
  /** Messages, datagrams and segments that are not as they must be. What of them could be read is in the records. */
  malformed: number
  /** Messages and packets of which the capture has the beginning only. */
  cutOff: number
  /** Queries that were sent again while the first one waited: there is one record, and the first one's time counts. */
  retransmissions: number
  answered: number
  timeouts: number
  unasked: number
  /** Queries that got status "timeout" too soon, for others to have room. */
  crowdedOut: number
  /** Fragmented datagrams given up: overlapping, incomplete for too long, or too many. */
  fragmentsDropped: number
  /** Pieces of TCP streams that were lost, or given up for lack of room. */
  streamGaps: number
}

export function noCounts(): DnsCounts {
  return {
    packets: 0,
    otherPackets: 0,
    messages: 0,
    malformed: 0,
    cutOff: 0,
    retransmissions: 0,
    answered: 0,
    timeouts: 0,
    unasked: 0,
    crowdedOut: 0,
    fragmentsDropped: 0,
    streamGaps: 0,
  }
}
