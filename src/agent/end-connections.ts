import { buildAttribute, buildMessage, NLM_F_ACK, NLM_F_REQUEST } from '../recorder/netlink/message.ts'
import { NetlinkError, NetlinkSocket } from '../recorder/netlink/socket.ts'
import { type Conntrack, conntrackOf } from '../watch/flows/conntrack-decode.ts'
import { listConntrack } from '../watch/flows/conntrack-socket.ts'
import { CT_DELETE, CTA, NETLINK_NETFILTER } from '../watch/flows/ctnetlink.ts'

const RECEIVE_BYTES = 64 * 1024
const NESTED = 0x8000
const ENOENT = 2

/** Makes the kernel forget the connections that are meant; resolves to how many. Needs CAP_NET_ADMIN. */
export async function endConnections(meant: (connection: Conntrack) => boolean): Promise<number> {
  const entries: Buffer[] = []
  await listConntrack((bytes, scan) => {
    const connection = conntrackOf(bytes, scan)
    if (connection === undefined || !meant(connection)) return
    const tuple = bytes.subarray(scan.originalAt, scan.originalAt + scan.originalLength)
    const id = Buffer.alloc(4)
    id.writeUInt32BE(scan.id)
    const zone = Buffer.alloc(2)
    zone.writeUInt16BE(Math.max(scan.zone, 0))
    entries.push(
      Buffer.concat([
        // struct nfgenmsg: family, version, resource.
        Buffer.from([scan.family, 0, 0, 0]),
        buildAttribute(CTA.tupleOriginal | NESTED, tuple),
        // A tuple may be in use again by the time: the id says that it is this one.
        buildAttribute(CTA.id, id),
        ...(scan.zone < 0 ? [] : [buildAttribute(CTA.zone, zone)]),
      ]),
    )
  })
  const socket = NetlinkSocket.open(NETLINK_NETFILTER, RECEIVE_BYTES)
  let ended = 0
  try {
    for (const [i, payload] of entries.entries()) {
      try {
        await socket.request(buildMessage(CT_DELETE, NLM_F_REQUEST | NLM_F_ACK, i + 1, payload))
        ended += 1
      } catch (error) {
        // It ended by itself meanwhile.
        if (!(error instanceof NetlinkError && error.errno === ENOENT)) throw error
      }
    }
  } finally {
    socket.close()
  }
  return ended
}
