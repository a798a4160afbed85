import { ipv4Text, ipv6Text } from '../../recorder/records/address.ts'

const TAGS = [0x8100, 0x88a8, 0x9100]

/** The address that an Ethernet frame's packet comes from, behind up to two VLAN tags; undefined when it has none. */
export function sourceAddress(frame: Buffer): string | undefined {
  let at = 12
  if (frame.length < at + 2) return undefined
  let type = frame.readUInt16BE(at)
  for (let tags = 0; tags < 2 && TAGS.includes(type) && frame.length >= at + 6; tags++) {
    at += 4
    type = frame.readUInt16BE(at)
  }
  // Behind the type: RFC 791 section 3.1, RFC 8200 section 3.
  if (type === 0x0800 && frame.length >= at + 18) return ipv4Text(frame, at + 14)
  if (type === 0x86dd && frame.length >= at + 26) return ipv6Text(frame, at + 10)
  return undefined
}
