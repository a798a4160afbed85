/** A netlink message (linux/netlink.h): type and what follows its 16-byte header. */
export interface NetlinkMessage {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  readonly payload: Buffer
}

/** Message types below this are netlink's own. */
export const NLMSG_ERROR = 2
export const NLM_F_REQUEST = 1
export const NLM_F_ACK = 4
const HEADER = 16

/**
 * Splits a datagram into its messages. Header fields are in the host's byte order, which is little-endian on every
 * machine we run on (x86-64, arm64). `rest` are the bytes at the end that are no message, 0 in sound input.
 */
export function parseMessages(datagram: Buffer): {
  readonly messages: NetlinkMessage[]
  readonly rest: number
} {
  const messages: NetlinkMessage[] = []
  let at = 0
  while (datagram.length - at >= HEADER) {
    const length = datagram.readUInt32LE(at)
    if (length < HEADER || length > datagram.length - at) break
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      payload: datagram.subarray(at + HEADER, at + length),
    })
    at = Math.min(datagram.length, at + align(length))
  }
  return { messages, rest: datagram.length - at }
}

/** The attributes of a payload by type (the last of each wins), without the nested and byte-order flags. */
export function parseAttributes(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const attributes = new Map<number, Buffer>()
  let at = 0
  while (bytes.length - at >= 4) {
    const length = bytes.readUInt16LE(at)
    if (length < 4 || length > bytes.length - at) break
    attributes.set(bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length))
    at += align(length)
  }
  return attributes
}

/** Builds a message; the port id is left to the kernel. */
export function buildMessage(type: number, flags: number, sequence: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER)
  header.writeUInt32LE(HEADER + payload.length, 0)
  header.writeUInt16LE(type, 4)
  header.writeUInt16LE(flags, 6)
  header.writeUInt32LE(sequence, 8)
  return Buffer.concat([header, payload])
}

/** Builds an attribute, padded to four bytes. */
export function buildAttribute(type: number, value: Buffer): Buffer {
  const attribute = Buffer.alloc(align(4 + value.length))
  attribute.writeUInt16LE(4 + value.length, 0)
  attribute.writeUInt16LE(type, 2)
  value.copy(attribute, 4)
  return attribute
}

function align(length: number): number {
  return (length + 3) & ~3
}
