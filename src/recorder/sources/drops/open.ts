import { ERRNO } from '../../netlink/libc.ts'
import { buildAttribute, buildMessage, NLM_F_ACK, NLM_F_REQUEST } from '../../netlink/message.ts'
import { NetlinkError, NetlinkSocket } from '../../netlink/socket.ts'
import {
  COMMAND_BIND,
  CONFIG,
  COPY_PACKET,
  FLAG_SEQUENCE,
  MSG_CONFIG,
  NETLINK_NETFILTER,
} from './nfnetlink-log.ts'

const RECEIVE_BYTES = 4 * 1024 * 1024
/** Of a packet: IPv6 with extension headers and TCP fit. */
const COPY_BYTES = 256
const BATCH_MESSAGES = 64
/** Hundredths of a second that the kernel may hold messages back to fill a batch. */
const BATCH_TIME = 10

/**
 * Opens a netlink socket that receives what `log group N` rules send. Needs CAP_NET_ADMIN in the network namespace, from
 * here on no longer. Another process may have the group for a moment after it ended: waits up to 5 seconds.
 */
export async function openNflog(group: number): Promise<NetlinkSocket> {
  const socket = NetlinkSocket.open(NETLINK_NETFILTER, RECEIVE_BYTES)
  try {
    let sequence = 1
    const configure = (type: number, value: Buffer): Promise<void> =>
      socket.request(configMessage(group, sequence++, type, value))
    const deadline = performance.now() + 5000
    for (;;) {
      try {
        await configure(CONFIG.command, Buffer.of(COMMAND_BIND))
        break
      } catch (error) {
        const busy = error instanceof NetlinkError && error.errno === ERRNO.EBUSY
        if (!busy || performance.now() > deadline) throw error
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    }
    await configure(CONFIG.flags, uint16(FLAG_SEQUENCE))
    await configure(CONFIG.timeout, uint32(BATCH_TIME))
    await configure(CONFIG.threshold, uint32(BATCH_MESSAGES))
    await configure(CONFIG.mode, Buffer.concat([uint32(COPY_BYTES), Buffer.of(COPY_PACKET, 0)]))
    return socket
  } catch (error) {
    socket.close()
    throw error
  }
}

function configMessage(group: number, sequence: number, type: number, value: Buffer): Buffer {
  const generic = Buffer.alloc(4)
  generic.writeUInt16BE(group, 2)
  const payload = Buffer.concat([generic, buildAttribute(type, value)])
  return buildMessage(MSG_CONFIG, NLM_F_REQUEST | NLM_F_ACK, sequence, payload)
}

function uint16(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeUInt16BE(value)
  return buffer
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32BE(value)
  return buffer
}
