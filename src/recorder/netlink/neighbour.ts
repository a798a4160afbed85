import { ipv4Text, ipv6Text } from '../records/address.ts'
import { type NetlinkMessage, parseAttributes } from './message.ts'

/* linux/rtnetlink.h, linux/neighbour.h */
export const RTM_NEWNEIGH = 28
export const RTM_GETNEIGH = 30
const AF_INET = 2
const AF_INET6 = 10
const NDMSG_BYTES = 12
const NDA_DST = 1
const NDA_LLADDR = 2
const NDA_CACHEINFO = 3
/** REACHABLE, STALE, DELAY, PROBE and PERMANENT: the kernel would send there. Multicast is NOARP. */
const VALID = 0x02 | 0x04 | 0x08 | 0x10 | 0x80
/** The kernel counts in clock ticks of user space, 100 a second on every machine. */
const TICK_MS = 10

/** An entry of the kernel's neighbour table that maps an address to a MAC address. */
export interface NeighbourEntry {
  readonly interfaceIndex: number
  readonly address: string
  readonly macAddress: string
  /** Milliseconds since the neighbour last proved to be there. */
  readonly confirmedAgo: number
}

/** The entry in a message of RTM_NEWNEIGH; undefined for any other, and for one without a MAC address in use. */
export function decodeNeighbour({ type, payload }: NetlinkMessage): NeighbourEntry | undefined {
  if (type !== RTM_NEWNEIGH || payload.length < NDMSG_BYTES) return undefined
  const family = payload.readUInt8(0)
  if ((payload.readUInt16LE(8) & VALID) === 0) return undefined
  const attributes = parseAttributes(payload.subarray(NDMSG_BYTES))
  const address = addressOf(family, attributes.get(NDA_DST))
  const hardware = attributes.get(NDA_LLADDR)
  // The low bit of the first byte is a group's (IEEE 802-2014 section 8.2.2): no device.
  if (address === undefined || hardware?.length !== 6 || (hardware.readUInt8(0) & 1) !== 0) return undefined
  const cache = attributes.get(NDA_CACHEINFO)
  return {
    interfaceIndex: payload.readInt32LE(4),
    address,
    macAddress: macText(hardware),
    confirmedAgo: cache && cache.length >= 4 ? cache.readUInt32LE(0) * TICK_MS : 0,
  }
}

function addressOf(family: number, bytes: Buffer | undefined): string | undefined {
  if (family === AF_INET && bytes?.length === 4) return ipv4Text(bytes)
  if (family === AF_INET6 && bytes?.length === 16) return ipv6Text(bytes)
  return undefined
}

/** The text of a MAC address's six bytes, "02:00:5e:10:00:01". */
function macText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/(..)(?!$)/g, '$1:')
}
