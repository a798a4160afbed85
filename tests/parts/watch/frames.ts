/* Ethernet frames, made piece by piece. */

const SOURCE = Buffer.from('02005e000002', 'hex')
const DESTINATION = Buffer.from('ffffffffffff', 'hex')

export function ethernet(
  type: number,
  payload: Buffer,
  ...tags: readonly (readonly [number, number])[]
): Buffer {
  const words = [...tags.flat(), type].map((word) => uint16(word))
  return Buffer.concat([DESTINATION, SOURCE, ...words, payload])
}

/** RFC 768 and RFC 9293: all the filter looks at are the ports. */
export function udp(sourcePort: number, destinationPort: number, payload: Buffer = Buffer.alloc(2)): Buffer {
  return Buffer.concat([
    uint16(sourcePort),
    uint16(destinationPort),
    uint16(8 + payload.length),
    uint16(0),
    payload,
  ])
}

export function tcp(sourcePort: number, destinationPort: number): Buffer {
  return Buffer.concat([uint16(sourcePort), uint16(destinationPort), Buffer.alloc(16)])
}

/**
 * RFC 791, from 10.0.0.2 to 10.0.0.1, or back; `fragment` is the field of flags and offset.
 */
export function ipv4(protocol: number, payload: Buffer, options = 0, fragment = 0, back = false): Buffer {
  const header = Buffer.alloc(20 + options)
  header.writeUInt8(0x40 | (header.length / 4), 0)
  header.writeUInt16BE(header.length + payload.length, 2)
  header.writeUInt16BE(fragment, 6)
  header.writeUInt8(64, 8)
  header.writeUInt8(protocol, 9)
  header.set([10, 0, 0, back ? 1 : 2, 10, 0, 0, back ? 2 : 1], 12)
  return Buffer.concat([header, payload])
}

/** RFC 8200. */
export function ipv6(nextHeader: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(40)
  header.writeUInt8(0x60, 0)
  header.writeUInt16BE(payload.length, 4)
  header.writeUInt8(nextHeader, 6)
  header.writeUInt8(64, 7)
  header.set([0xfd, 2], 8)
  header.set([0xfd, 1], 24)
  return Buffer.concat([header, payload])
}

/** An extension header of options, of 8 * (units + 1) bytes. */
export function options(nextHeader: number, payload: Buffer, units = 0): Buffer {
  const header = Buffer.alloc(8 * (units + 1))
  header.set([nextHeader, units])
  return Buffer.concat([header, payload])
}

/** The fragment header; `offset` in units of 8 bytes. */
export function fragment(nextHeader: number, offset: number, more: boolean, payload: Buffer): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt8(nextHeader, 0)
  header.writeUInt16BE((offset << 3) | (more ? 1 : 0), 2)
  return Buffer.concat([header, payload])
}

function uint16(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeUInt16BE(value)
  return buffer
}
