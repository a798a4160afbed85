/*
 * DNS messages and packets as bytes, for tests and benchmarks: what they say is put together here and nowhere near the code
 * that reads it.
 */

export const CLASS_IN = 1

/** A resource record; its name may be written already, e.g. as a pointer. */
export interface WireRecord {
  readonly name: string | Buffer
  readonly type: number
  readonly class?: number
  readonly ttl?: number
  readonly data: Buffer
}

export interface WireMessage {
  readonly id?: number
  readonly flags?: number
  readonly questions?: readonly {
    readonly name: string | Buffer
    readonly type: number
    readonly class?: number
  }[]
  readonly answers?: readonly WireRecord[]
  readonly authorities?: readonly WireRecord[]
  readonly additionals?: readonly WireRecord[]
}

/** Where the first question's name is. */
export const FIRST_NAME = Buffer.from([0xc0, 0x0c])
export const RESPONSE = 0x8180
export const QUERY = 0x0100

export function u8(...values: number[]): Buffer {
  return Buffer.from(values)
}

export function u16(...values: number[]): Buffer {
  return Buffer.from(values.flatMap((value) => [(value >> 8) & 255, value & 255]))
}

export function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, i * 4)
  return bytes
}

/** Labels with dots between; "." and "" are the root. */
export function name(text: string): Buffer {
  const labels = text.split('.').filter((label) => label !== '')
  return Buffer.concat([
    ...labels.flatMap((label) => {
      const bytes = Buffer.from(label, 'latin1')
      return [u8(bytes.length), bytes]
    }),
    u8(0),
  ])
}

export function message(parts: WireMessage): Buffer {
  const { id = 1, flags = QUERY, questions = [], answers = [], authorities = [], additionals = [] } = parts
  return Buffer.concat([
    u16(id, flags, questions.length, answers.length, authorities.length, additionals.length),
    ...questions.flatMap((question) => [
      nameBytes(question.name),
      u16(question.type, question.class ?? CLASS_IN),
    ]),
    ...[...answers, ...authorities, ...additionals].flatMap((record) => [
      nameBytes(record.name),
      u16(record.type, record.class ?? CLASS_IN),
      u32(record.ttl ?? 300),
      u16(record.data.length),
      record.data,
    ]),
  ])
}

function nameBytes(text: string | Buffer): Buffer {
  return typeof text === 'string' ? name(text) : text
}

/** EDNS (RFC 6891). */
export function opt(options: readonly (readonly [code: number, value: Buffer])[] = [], ttl = 0): WireRecord {
  const data = Buffer.concat(options.flatMap(([code, value]) => [u16(code, value.length), value]))
  return { name: '.', type: 41, class: 1232, ttl, data }
}

export function ipv4(text: string): Buffer {
  return Buffer.from(text.split('.').map(Number))
}

export function ipv6(text: string): Buffer {
  const [head = '', tail] = text.split('::')
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((hex) => parseInt(hex, 16))
  const [front, back] = [groups(head), groups(tail ?? '')]
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - front.length - back.length }, () => 0)
  return u16(...front, ...zeros, ...back)
}

export interface Ends {
  readonly from: string
  readonly to: string
  readonly fromPort: number
  readonly toPort: number
}

const UDP = 17
const TCP = 6

/** An IP packet with a UDP datagram, without checksum where that is allowed to be. */
export function udp(ends: Ends, payload: Buffer): Buffer {
  return ip(ends, UDP, Buffer.concat([u16(ends.fromPort, ends.toPort, 8 + payload.length, 0), payload]))
}

export interface TcpPart {
  readonly sequence: number
  readonly acknowledged?: number
  /** FIN 1, SYN 2, RST 4, PSH 8, ACK 16. */
  readonly flags?: number
  readonly payload?: Buffer
}

export function tcp(ends: Ends, { sequence, acknowledged = 0, flags = 0x18, payload }: TcpPart): Buffer {
  return ip(
    ends,
    TCP,
    Buffer.concat([
      u16(ends.fromPort, ends.toPort),
      u32(sequence, acknowledged),
      u8(0x50, flags),
      u16(65_535, 0, 0),
      payload ?? Buffer.alloc(0),
    ]),
  )
}

/** A message as it stands in a TCP stream (RFC 1035 section 4.2.2). */
export function framed(bytes: Buffer): Buffer {
  return Buffer.concat([u16(bytes.length), bytes])
}

export interface IpOptions {
  readonly identification?: number
  /** Bytes of the payload before this part. */
  readonly offset?: number
  readonly more?: boolean
}

/** An IPv4 or IPv6 packet; a part of one where `options` says so. */
export function ip(
  { from, to }: Pick<Ends, 'from' | 'to'>,
  protocol: number,
  payload: Buffer,
  options?: IpOptions,
): Buffer {
  const { identification = 0, offset = 0, more = false } = options ?? {}
  if (from.includes(':')) {
    const fragment = options ? [u8(protocol, 0), u16(offset | (more ? 1 : 0)), u32(identification)] : []
    const body = Buffer.concat([...fragment, payload])
    return Buffer.concat([
      u32(0x60000000),
      u16(body.length),
      u8(options ? 44 : protocol, 64),
      ipv6(from),
      ipv6(to),
      body,
    ])
  }
  const header = Buffer.concat([
    u8(0x45, 0),
    u16(20 + payload.length, identification, (more ? 0x2000 : 0) | (offset >> 3)),
    u8(64, protocol),
    u16(0),
    ipv4(from),
    ipv4(to),
  ])
  let sum = 0
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  header.writeUInt16BE(~sum & 0xffff, 10)
  return Buffer.concat([header, payload])
}

/** An Ethernet frame, with VLAN tags (the outermost first). */
export function ethernet(packet: Buffer, ...vlans: number[]): Buffer {
  const type = (packet[0] ?? 0) >> 4 === 4 ? 0x0800 : 0x86dd
  const tags = vlans.flatMap((vlan, i) => [u16(i === 0 && vlans.length > 1 ? 0x88a8 : 0x8100, vlan)])
  return Buffer.concat([Buffer.from('020000000001020000000002', 'hex'), ...tags, u16(type), packet])
}

export interface Captured {
  readonly bytes: Buffer
  readonly micros: number
  /** Where the capture kept only the beginning. */
  readonly length?: number
}

/** A pcap file (little-endian, microseconds). */
export function pcap(packets: readonly Captured[], linkType = 1): Buffer {
  return Buffer.concat([pcapHeader(linkType), ...packets.map(pcapRecord)])
}

export function pcapHeader(linkType: number): Buffer {
  const header = Buffer.alloc(24)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(262_144, 16)
  header.writeUInt32LE(linkType, 20)
  return header
}

export function pcapRecord({ bytes, micros, length }: Captured): Buffer {
  const header = Buffer.alloc(16)
  header.writeUInt32LE(Math.floor(micros / 1_000_000), 0)
  header.writeUInt32LE(micros % 1_000_000, 4)
  header.writeUInt32LE(bytes.length, 8)
  header.writeUInt32LE(length ?? bytes.length, 12)
  return Buffer.concat([header, bytes])
}
