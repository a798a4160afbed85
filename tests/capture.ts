/*
 * A packet capture as tcpdump would have written it (pcap, Ethernet): some hundred short exchanges over a minute, the
 * same at every call but for the time.
 */

const TCP = 6
const UDP = 17
const ICMP = 1
const ICMP_V6 = 58

interface Packet {
  readonly atMs: number
  readonly bytes: Buffer
}

/** `flows` flows of one to five packets, each of another source port or address: a fifth for each of five protocols. */
export function capture(flows: number, endMs: number): Buffer {
  const packets: Packet[] = []
  for (let i = 0; i < flows; i++) {
    const count = 1 + (i % 5)
    for (let n = 0; n < count; n++) {
      packets.push({ atMs: endMs - 60_000 + i * 100 + n * 700, bytes: ethernet(packet(i, n)) })
    }
  }
  packets.sort((a, b) => a.atMs - b.atMs)
  const header = Buffer.alloc(24)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(65_535, 16)
  header.writeUInt32LE(1, 20)
  return Buffer.concat([header, ...packets.flatMap(({ atMs, bytes }) => [record(atMs, bytes.length), bytes])])
}

function record(atMs: number, length: number): Buffer {
  const head = Buffer.alloc(16)
  head.writeUInt32LE(Math.floor(atMs / 1000), 0)
  head.writeUInt32LE((atMs % 1000) * 1000, 4)
  head.writeUInt32LE(length, 8)
  head.writeUInt32LE(length, 12)
  return head
}

function packet(flow: number, n: number): Buffer {
  const host = 2 + (flow % 250)
  const data = Buffer.alloc((flow * 37 + n * 211) % 1200)
  switch (Math.floor(flow / 5) % 5) {
    case 0:
      return ipv4(host, TCP, ports(20_000 + flow, 443, tcpRest(n === 0 ? 0x02 : 0x18), data))
    case 1:
      return ipv4(host, UDP, ports(20_000 + flow, 53, udpRest(data.length), data))
    case 2:
      return ipv4(host, ICMP, Buffer.concat([Buffer.from([8, 0, 0, 0, 0, 0, 0, 0]), data]))
    case 3:
      return ipv6(flow, TCP, ports(20_000 + flow, 80, tcpRest(0x10), data))
    default:
      return ipv6(flow, ICMP_V6, Buffer.concat([Buffer.from([128, 0, 0, 0, 0, 0, 0, 0]), data]))
  }
}

function ports(source: number, destination: number, rest: Buffer, data: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16BE(source, 0)
  head.writeUInt16BE(destination, 2)
  return Buffer.concat([head, rest, data])
}

function tcpRest(flags: number): Buffer {
  const rest = Buffer.alloc(16)
  rest.writeUInt8(0x50, 8)
  rest.writeUInt8(flags, 9)
  return rest
}

function udpRest(dataBytes: number): Buffer {
  const rest = Buffer.alloc(4)
  rest.writeUInt16BE(8 + dataBytes, 0)
  return rest
}

function ipv4(host: number, protocol: number, payload: Buffer): Buffer {
  const head = Buffer.from([
    0x45,
    0,
    0,
    0,
    0,
    1,
    0,
    0,
    64,
    protocol,
    0,
    0,
    10,
    0,
    0,
    host,
    198,
    51,
    100,
    host,
  ])
  head.writeUInt16BE(head.length + payload.length, 2)
  let sum = 0
  for (let at = 0; at < head.length; at += 2) sum += head.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  head.writeUInt16BE(~sum & 0xffff, 10)
  return Buffer.concat([head, payload])
}

function ipv6(flow: number, protocol: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(40)
  head.writeUInt8(0x60, 0)
  head.writeUInt16BE(payload.length, 4)
  head.writeUInt8(protocol, 6)
  head.writeUInt8(64, 7)
  head.writeUInt32BE(0x20010db8, 8)
  head.writeUInt16BE(flow + 1, 22)
  head.writeUInt32BE(0x20010db8, 24)
  head.writeUInt16BE(1, 28)
  head.writeUInt16BE(protocol, 38)
  return Buffer.concat([head, payload])
}

function ethernet(ip: Buffer): Buffer {
  const head = Buffer.from('0200000000010200000000020000', 'hex')
  head.writeUInt16BE(ip[0] === 0x45 ? 0x0800 : 0x86dd, 12)
  return Buffer.concat([head, ip])
}
