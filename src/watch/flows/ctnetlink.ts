/** Numbers of linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h and nf_conntrack_tcp.h. */
export const NETLINK_NETFILTER = 12
const SUBSYSTEM = 1 << 8
export const CT_NEW = SUBSYSTEM | 0
export const CT_GET = SUBSYSTEM | 1
export const CT_DELETE = SUBSYSTEM | 2

/** Bits of the groups NFNLGRP_CONNTRACK_NEW (1) and NFNLGRP_CONNTRACK_DESTROY (3) in a socket's address. */
export const GROUPS_NEW_DESTROY = (1 << 0) | (1 << 2)

/** Bytes of nfgenmsg: family, version, resource in network order. */
export const NFGEN_BYTES = 4
export const AF_INET = 2
export const AF_INET6 = 10

export const CTA = {
  tupleOriginal: 1,
  tupleReply: 2,
  status: 3,
  protocolInfo: 4,
  timeout: 7,
  mark: 8,
  countersOriginal: 9,
  countersReply: 10,
  id: 12,
  zone: 18,
  timestamp: 20,
} as const
export const TUPLE = { ip: 1, protocol: 2 } as const
export const IP = { v4Source: 1, v4Destination: 2, v6Source: 3, v6Destination: 4 } as const
export const PROTOCOL = {
  number: 1,
  sourcePort: 2,
  destinationPort: 3,
  icmpId: 4,
  icmpType: 5,
  icmpCode: 6,
  icmpV6Id: 7,
  icmpV6Type: 8,
  icmpV6Code: 9,
} as const
export const PROTOCOL_INFO_TCP = 1
export const TCP_STATE = 1
export const COUNTERS = { packets: 1, bytes: 2 } as const
export const TIMESTAMP = { start: 1, stop: 2 } as const

/** By number; what is missing here has none. */
export const TCP_STATES: readonly (string | undefined)[] = [
  undefined,
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
]
