import { u16 } from './bytes.ts'

/* Link layers by LINKTYPE (https://www.tcpdump.org/linktypes.html). */

const NULL = 0
const ETHERNET = 1
const PPP = 9
/** Raw IP's number where captures are written with BSD's own. */
const DLT_RAW = 12
const DLT_RAW_OPENBSD = 14
const PPP_HDLC = 50
const PPP_ETHER = 51
const RAW = 101
const LOOP = 108
const LINUX_SLL = 113
const RAW_IPV4 = 228
const RAW_IPV6 = 229
const LINUX_SLL2 = 276

const KNOWN: ReadonlySet<number> = new Set([
  NULL,
  ETHERNET,
  PPP,
  DLT_RAW,
  DLT_RAW_OPENBSD,
  PPP_HDLC,
  PPP_ETHER,
  RAW,
  LOOP,
  LINUX_SLL,
  RAW_IPV4,
  RAW_IPV6,
  LINUX_SLL2,
])

const ETHERTYPE_IPV4 = 0x0800
const ETHERTYPE_IPV6 = 0x86dd
const ETHERTYPE_PPPOE_SESSION = 0x8864
/** 802.1Q, 802.1ad, and what came before it. */
const VLAN: readonly number[] = [0x8100, 0x88a8, 0x9100]
const MAX_TAGS = 8
/** Below it, Ethernet's type is 802.3's length. */
const MIN_ETHERTYPE = 0x0600
const PPP_IPV4 = 0x0021
const PPP_IPV6 = 0x0057

export function isKnownLinkType(linkType: number): boolean {
  return KNOWN.has(linkType)
}

/** Where the IP packet of a frame begins; -1 when there is none. Beyond `end` when the capture is cut off before it. */
export function findIp(bytes: Uint8Array, start: number, end: number, linkType: number): number {
  switch (linkType) {
    case ETHERNET:
      return afterEthertype(bytes, start + 14, u16(bytes, start + 12), end)
    case LINUX_SLL:
      return afterEthertype(bytes, start + 16, u16(bytes, start + 14), end)
    case LINUX_SLL2:
      return afterEthertype(bytes, start + 20, u16(bytes, start), end)
    case RAW:
    case RAW_IPV4:
    case RAW_IPV6:
    case DLT_RAW:
    case DLT_RAW_OPENBSD:
      return start
    case NULL:
    case LOOP:
      // The address family has another number on each system: the packet's own version tells.
      return start + 4
    case PPP:
    case PPP_HDLC:
      return afterPpp(bytes, start, end)
    case PPP_ETHER:
      return afterPppoe(bytes, start, end)
    default:
      return -1
  }
}

function afterEthertype(bytes: Uint8Array, from: number, first: number, end: number): number {
  let at = from
  let type = first
  for (let tags = 0; VLAN.includes(type); tags++) {
    if (tags === MAX_TAGS || at + 4 > end) return -1
    type = u16(bytes, at + 2)
    at += 4
  }
  if (type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6) return at
  if (type === ETHERTYPE_PPPOE_SESSION) return afterPppoe(bytes, at, end)
  if (type < MIN_ETHERTYPE) return afterSnap(bytes, at, end)
  return -1
}

/** 802.2 with SNAP (RFC 1042): aa aa 03, an organisation of zeros, an Ethernet type. */
function afterSnap(bytes: Uint8Array, at: number, end: number): number {
  const snap = u16(bytes, at) === 0xaaaa && u16(bytes, at + 2) === 0x0300 && u16(bytes, at + 4) === 0
  const type = u16(bytes, at + 6)
  return snap && at + 8 <= end && (type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6) ? at + 8 : -1
}

/** RFC 2516 section 4: version and type 1, code 0 for a session's data, session, length. */
function afterPppoe(bytes: Uint8Array, at: number, end: number): number {
  return bytes[at] === 0x11 && bytes[at + 1] === 0 ? afterPppProtocol(bytes, at + 6, end) : -1
}

/** RFC 1662 section 3.1: address and control may have been left out. */
function afterPpp(bytes: Uint8Array, at: number, end: number): number {
  return afterPppProtocol(bytes, u16(bytes, at) === 0xff03 ? at + 2 : at, end)
}

/** RFC 1661 sections 2 and 6.5: two bytes, or one where they compress it. */
function afterPppProtocol(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return -1
  const compressed = ((bytes[at] ?? 0) & 1) === 1
  const protocol = compressed ? (bytes[at] ?? 0) : u16(bytes, at)
  return protocol === PPP_IPV4 || protocol === PPP_IPV6 ? at + (compressed ? 1 : 2) : -1
}
