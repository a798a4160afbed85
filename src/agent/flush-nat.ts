import { isIPv4 } from 'node:net'
import { buildAttribute, buildMessage, NLM_F_ACK, NLM_F_REQUEST } from '../recorder/netlink/message.ts'
import { NetlinkError, NetlinkSocket } from '../recorder/netlink/socket.ts'
import { conntrackOf } from '../watch/flows/conntrack-decode.ts'
import { listConntrack } from '../watch/flows/conntrack-socket.ts'
import { CT_DELETE, CTA, NETLINK_NETFILTER } from '../watch/flows/ctnetlink.ts'
import { isStale } from './stale-nat.ts'

/*
 * flush-nat ADDRESS…: ends the connections that are translated to or from these addresses, and prints how many. A process
 * of its own, since an address changes once in a while and the agent is always there: netlink would cost it memory.
 */

const RECEIVE_BYTES = 64 * 1024
const NESTED = 0x8000
const ENOENT = 2

const gone = new Set(process.argv.slice(2))
if (gone.size === 0 || ![...gone].every((address) => isIPv4(address))) {
  process.stderr.write('flush-nat: no IPv4 addresses given\n')
  process.exit(64)
}

const stale: Buffer[] = []
await listConntrack((bytes, scan) => {
  const connection = conntrackOf(bytes, scan)
  if (connection === undefined || !isStale(connection, gone)) return
  const tuple = bytes.subarray(scan.originalAt, scan.originalAt + scan.originalLength)
  const id = Buffer.alloc(4)
  id.writeUInt32BE(scan.id)
  const zone = Buffer.alloc(2)
  zone.writeUInt16BE(Math.max(scan.zone, 0))
  stale.push(
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
  for (const [i, payload] of stale.entries()) {
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
process.stdout.write(`${ended}\n`)
