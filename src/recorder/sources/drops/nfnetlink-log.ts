/** Numbers of linux/netfilter/nfnetlink_log.h and nfnetlink.h. */
export const NETLINK_NETFILTER = 12
export const MSG_PACKET = (4 << 8) | 0
export const MSG_CONFIG = (4 << 8) | 1

export const ATTRIBUTE = {
  packetHeader: 1,
  timestamp: 3,
  ingressIndex: 4,
  egressIndex: 5,
  ingressPhysical: 6,
  egressPhysical: 7,
  hardwareAddress: 8,
  payload: 9,
  prefix: 10,
  sequence: 12,
  vlan: 20,
} as const

export const CONFIG = { command: 1, mode: 2, bufferBytes: 3, timeout: 4, threshold: 5, flags: 6 } as const
export const COMMAND_BIND = 1
export const COPY_PACKET = 2
/** Number the messages, so that lost ones can be counted. */
export const FLAG_SEQUENCE = 1
/** Bytes of nfgenmsg: family, version, group in network order. */
export const NFGEN_BYTES = 4
