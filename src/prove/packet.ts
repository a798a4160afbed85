import { isIPv6 } from 'node:net'

/*
 * IP packets by hand, read and written.
 */

export interface Spec {
  readonly from: string
  readonly to: string
  readonly hopLimit?: number
  readonly payload:
    | { readonly kind: 'udp'; readonly sport: number; readonly dport: number; readonly text: string }
    | { readonly kind: 'tcp'; readonly sport: number; readonly dport: number; readonly flags: number }
    | { readonly kind: 'icmpv6'; readonly body: Buffer }
    /** An echo request (RFC 792). */
    | { readonly kind: 'icmp'; readonly id: number }
}

export const TCP = { FIN: 1, SYN: 2, RST: 4, ACK: 16 } as const

/** The bytes of an IPv4 (RFC 791) or IPv6 (RFC 8200) packet with right checksums. */
export function packet(spec: Spec): Buffer {
  const six = isIPv6(spec.from)
  const from = addressBytes(spec.from)
  const to = addressBytes(spec.to)
  const { payload } = spec
  const protocol = { udp: 17, tcp: 6, icmp: 1, icmpv6: 58 }[payload.kind]
  const segment = body(payload)
  const checksumAt = payload.kind === 'udp' ? 6 : payload.kind === 'tcp' ? 16 : 2
  const pseudo = Buffer.alloc(4)
  pseudo.writeUInt16BE(segment.length, 0)
  pseudo.writeUInt16BE(protocol, 2)
  const covered = payload.kind === 'icmp' ? segment : Buffer.concat([from, to, pseudo, segment])
  segment.writeUInt16BE(checksum(covered), checksumAt)
  if (six) {
    const header = Buffer.alloc(8)
    header[0] = 0x60
    header.writeUInt16BE(segment.length, 4)
    header[6] = protocol
    header[7] = spec.hopLimit ?? 64
    return Buffer.concat([header, from, to, segment])
  }
  const header = Buffer.alloc(12)
  header[0] = 0x45
  header.writeUInt16BE(20 + segment.length, 2)
  header[8] = spec.hopLimit ?? 64
  header[9] = protocol
  header.writeUInt16BE(checksum(Buffer.concat([header, from, to])), 10)
  return Buffer.concat([header, from, to, segment])
}

function body(payload: Spec['payload']): Buffer {
  if (payload.kind === 'icmpv6') return Buffer.from(payload.body)
  if (payload.kind === 'icmp') return Buffer.from([8, 0, 0, 0, payload.id >> 8, payload.id & 255, 0, 1])
  const text = payload.kind === 'udp' ? Buffer.from(payload.text) : Buffer.alloc(0)
  const head = Buffer.alloc(payload.kind === 'udp' ? 8 : 20)
  head.writeUInt16BE(payload.sport, 0)
  head.writeUInt16BE(payload.dport, 2)
  if (payload.kind === 'udp') head.writeUInt16BE(8 + text.length, 4)
  else {
    head.writeUInt32BE(1, 4)
    head[12] = 5 << 4
    head[13] = payload.flags
    head.writeUInt16BE(1024, 14)
  }
  return Buffer.concat([head, text])
}

/** RFC 1071. */
export function checksum(data: Buffer): number {
  let sum = 0
  for (let i = 0; i < data.length; i += 2) sum += ((data[i] ?? 0) << 8) | (data[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

export function addressBytes(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number))
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const groups = (part: string | undefined) => (part ? part.split(':') : [])
  const left = groups(head)
  const right = groups(tail)
  const all = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  const bytes = Buffer.alloc(16)
  for (const [i, group] of all.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), i * 2)
  return bytes
}

export interface Seen {
  readonly from: string
  readonly to: string
  readonly protocol: number
  readonly sport: number
  readonly dport: number
  readonly text: string
  readonly flags: number
  /** ICMP type and code. */
  readonly type: number
  readonly code: number
  /** TCP maximum segment size option in bytes (RFC 9293 section 3.7.1), 0 without. */
  readonly mss: number
}

/** Reads an IPv4 or IPv6 packet; undefined for anything else. */
export function parsePacket(data: Buffer): Seen | undefined {
  const version = (data[0] ?? 0) >> 4
  if ((version !== 4 && version !== 6) || data.length < (version === 4 ? 28 : 44)) return undefined
  const start = version === 4 ? ((data[0] ?? 0) & 15) * 4 : 40
  const protocol = data[version === 4 ? 9 : 6] ?? 0
  const l4 = data.subarray(start)
  if (l4.length < 8) return undefined
  const ports = protocol === 6 || protocol === 17
  return {
    from: version === 4 ? [...data.subarray(12, 16)].join('.') : ipv6Text(data.subarray(8, 24)),
    to: version === 4 ? [...data.subarray(16, 20)].join('.') : ipv6Text(data.subarray(24, 40)),
    protocol,
    sport: ports ? l4.readUInt16BE(0) : 0,
    dport: ports ? l4.readUInt16BE(2) : 0,
    text: protocol === 17 ? l4.subarray(8).toString('latin1') : '',
    flags: protocol === 6 ? (l4[13] ?? 0) : 0,
    type: ports ? 0 : (l4[0] ?? 0),
    code: ports ? 0 : (l4[1] ?? 0),
    mss: protocol === 6 ? mssOf(l4) : 0,
  }
}

export function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

function mssOf(tcp: Buffer): number {
  const end = Math.min(((tcp[12] ?? 0) >> 4) * 4, tcp.length)
  for (let i = 20; i < end; ) {
    const kind = tcp[i]
    if (kind === 0) break
    if (kind === 1) {
      i += 1
      continue
    }
    if (kind === 2 && i + 4 <= end) return tcp.readUInt16BE(i + 2)
    i += Math.max(tcp[i + 1] ?? 2, 2)
  }
  return 0
}
