import { BatchReader } from '../../recorder/netlink/batch-reader.ts'
import { buildMessage, NLM_F_REQUEST, NLMSG_ERROR } from '../../recorder/netlink/message.ts'
import { NetlinkError, NetlinkSocket } from '../../recorder/netlink/socket.ts'
import { type ConntrackScan, newScan, scanConntrack } from './conntrack-scan.ts'
import { CT_DELETE, CT_GET, CT_NEW, GROUPS_NEW_DESTROY, NETLINK_NETFILTER, NFGEN_BYTES } from './ctnetlink.ts'

/*
 * What the kernel must be told (the module's sysctls): net.netfilter.nf_conntrack_acct=1 for counts and
 * nf_conntrack_timestamp=1 for times, both for connections that begin from then on. nf_conntrack_events may stay 2 (there
 * are events while somebody listens) or be 1; a connection that began while nobody listened has no event at its end with
 * 2, so that 1 is better: a restart of the watcher then loses less.
 */

/** The kernel keeps some 1 to 2 KB for each of the messages, most of which come in bursts when it collects what is over. */
const RECEIVE_BYTES = 32 * 1024 * 1024
const DUMP_RECEIVE_BYTES = 1024 * 1024
/** linux/netlink.h: who broadcasts learns that there was no room, and connection tracking tells of an end again. */
const NETLINK_BROADCAST_ERROR = 4
const HEADER_BYTES = 16
const NLM_F_DUMP = 0x300
const NLMSG_DONE = 3
const DUMP_SILENCE_MS = 5000
/** Batches of 64 datagrams before other work gets its turn. */
const TURN = 32

export interface ConntrackEvents {
  created(bytes: Buffer, scan: ConntrackScan): void
  /** `forced` when a program, not the kernel by itself, ended it. */
  destroyed(bytes: Buffer, scan: ConntrackScan, forced: boolean): void
}

/** Hears of connections that begin and end. Needs no capability after `open`. */
export class ConntrackSocket {
  readonly #socket: NetlinkSocket
  readonly #reader: BatchReader
  readonly #scan = newScan()
  events = 0
  malformed = 0
  /** Times that the kernel had no room: ends are told again, beginnings may be missing. */
  overruns = 0

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket
    this.#reader = new BatchReader(socket.fd)
  }

  static open(receiveBytes: number = RECEIVE_BYTES): ConntrackSocket {
    const socket = NetlinkSocket.open(NETLINK_NETFILTER, receiveBytes, GROUPS_NEW_DESTROY)
    try {
      socket.enable(NETLINK_BROADCAST_ERROR)
      return new ConntrackSocket(socket)
    } catch (error) {
      socket.close()
      throw error
    }
  }

  /** Resolves when there is something to read, or after the time; true when there is. */
  wait(timeoutMs: number): Promise<boolean> {
    return this.#socket.wait(timeoutMs)
  }

  /** Reads a turn's worth without waiting; true when nothing was left. */
  read(to: ConntrackEvents): boolean {
    for (let turn = 0; turn < TURN; turn++) {
      const count = this.#reader.read()
      if (count === 'overrun') {
        this.overruns += 1
        continue
      }
      for (let i = 0; i < count; i++) this.#datagram(this.#reader.start(i), this.#reader.length(i), to)
      if (count === 0) return true
    }
    return false
  }

  close(): void {
    this.#socket.close()
  }

  /** A datagram has one message or several (RFC 3549 section 2.2). */
  #datagram(start: number, length: number, to: ConntrackEvents): void {
    const { bytes } = this.#reader
    const end = start + length
    for (let at = start; at < end; ) {
      const size = end - at < HEADER_BYTES ? 0 : bytes.readUInt32LE(at)
      if (size < HEADER_BYTES || size > end - at) {
        this.malformed += 1
        return
      }
      const type = bytes.readUInt16LE(at + 4)
      if (type === CT_NEW || type === CT_DELETE) {
        this.events += 1
        if (!scanConntrack(bytes, at + HEADER_BYTES, at + size, this.#scan)) this.malformed += 1
        else if (type === CT_NEW) to.created(bytes, this.#scan)
        else to.destroyed(bytes, this.#scan, bytes.readUInt32LE(at + 12) !== 0)
      }
      at += (size + 3) & ~3
    }
  }
}

/**
 * Lists every connection of both families, with counts that are left as they are (never IPCTNL_MSG_CT_GET_CTRZERO). Needs
 * CAP_NET_ADMIN. Throws when the kernel refuses or falls silent: the list is then not whole.
 */
export async function listConntrack(each: (bytes: Buffer, scan: ConntrackScan) => void): Promise<void> {
  const socket = NetlinkSocket.open(NETLINK_NETFILTER, DUMP_RECEIVE_BYTES)
  try {
    const scan = newScan()
    // A family of zero is every family.
    socket.send(buildMessage(CT_GET, NLM_F_REQUEST | NLM_F_DUMP, 1, Buffer.alloc(NFGEN_BYTES)))
    for (let heard = performance.now(); ; ) {
      const received = socket.receive()
      if (received.kind === 'overrun') throw new Error('the list of connections has a gap')
      if (received.kind === 'empty') {
        if (performance.now() - heard > DUMP_SILENCE_MS)
          throw new Error('the kernel did not list connections')
        await socket.wait(200)
        continue
      }
      heard = performance.now()
      for (const { type, payload } of received.messages) {
        if (type === NLMSG_DONE) return
        if (type === NLMSG_ERROR) throw new NetlinkError('list of connections', -payload.readInt32LE(0))
        if (type === CT_NEW && scanConntrack(payload, 0, payload.length, scan)) each(payload, scan)
      }
    }
  } finally {
    socket.close()
  }
}
