import { setTimeout as sleep } from 'node:timers/promises'
import * as libc from '../src/recorder/netlink/libc.ts'

/*
 * Short connections past a router as both of its sides would send them, in frames: `flow-load.ts CLIENT-DEVICE SERVER-DEVICE
 * CLIENT-MAC SERVER-MAC TCP UDP PER-SECOND`. Whole handshakes and ends of TCP, a question and an answer of UDP, each
 * connection from a port of its own. Prints how long it took, in seconds.
 */

const AF_PACKET = 17
const SOCK_RAW = 3
const FIRST_PORT = 10_000
const CHUNK = 16
const ETHERNET = 14
const IP = 20
export const CLIENT = '10.9.0.2'
export const SERVER = '203.0.113.9'
const ROUTER = '203.0.113.1'
const [SYN, SYN_ACK, ACK, FIN_ACK] = [0x02, 0x12, 0x10, 0x11]
/** IP bytes that a connection's client and server send. */
export const BYTES = { tcp: [160, 80], udp: [60, 130] } as const

/** A frame that is sent with other ports each time; `from` is the side that sends it. */
interface Frame {
  readonly from: 'client' | 'server'
  readonly bytes: Buffer
}

class Sender {
  readonly #fd: number
  readonly #address = Buffer.alloc(20)

  constructor(device: string) {
    this.#fd = libc.socket(AF_PACKET, SOCK_RAW, 0)
    this.#address.writeUInt16LE(AF_PACKET, 0)
    this.#address.writeInt32LE(libc.ifNameToIndex(device), 4)
  }

  send(bytes: Buffer): void {
    const sent = libc.sendto(this.#fd, bytes, bytes.length, 0, this.#address, this.#address.length)
    if (sent !== bytes.length) throw new Error(`sendto: errno ${libc.errno()}`)
  }
}

if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2))

async function main(argv: readonly string[]): Promise<void> {
  const [clientDevice = '', serverDevice = '', clientMac = '', serverMac = '', ...figures] = argv
  const [tcp = 0, udp = 0, perSecond = 1] = figures.map(Number)
  const senders = { client: new Sender(clientDevice), server: new Sender(serverDevice) }
  const macs = { client: clientMac, server: serverMac }
  const plans = { tcp: tcpFrames(macs), udp: udpFrames(macs) }
  const chunks: { kind: 'tcp' | 'udp'; from: number; to: number }[] = []
  for (let at = 0; at < Math.max(tcp, udp); at += CHUNK) {
    if (at < tcp) chunks.push({ kind: 'tcp', from: at, to: Math.min(tcp, at + CHUNK) })
    if (at < udp) chunks.push({ kind: 'udp', from: at, to: Math.min(udp, at + CHUNK) })
  }
  const start = performance.now()
  let sent = 0
  for (const { kind, from, to } of chunks) {
    while (sent > ((performance.now() - start) / 1000) * perSecond) await sleep(1)
    for (const frame of plans[kind]) {
      const portAt = ETHERNET + IP + (frame.from === 'client' ? 0 : 2)
      for (let i = from; i < to; i++) {
        frame.bytes.writeUInt16BE(FIRST_PORT + i, portAt)
        senders[frame.from].send(frame.bytes)
      }
    }
    sent += to - from
  }
  console.log((performance.now() - start) / 1000)
}

type Macs = Readonly<Record<'client' | 'server', string>>

function tcpFrames(macs: Macs): Frame[] {
  const segment = (from: Frame['from'], flags: number, sequence: number, acknowledged: number): Frame => {
    const header = Buffer.alloc(20)
    ports(header, from, 80)
    header.writeUInt32BE(sequence, 4)
    header.writeUInt32BE(acknowledged, 8)
    header.writeUInt8(0x50, 12)
    header.writeUInt8(flags, 13)
    header.writeUInt16BE(65_535, 14)
    return frame(macs, from, 6, header)
  }
  return [
    segment('client', SYN, 100, 0),
    segment('server', SYN_ACK, 900, 101),
    segment('client', ACK, 101, 901),
    segment('client', FIN_ACK, 101, 901),
    segment('server', FIN_ACK, 901, 102),
    segment('client', ACK, 102, 902),
  ]
}

function udpFrames(macs: Macs): Frame[] {
  const datagram = (from: Frame['from'], length: number): Frame => {
    const bytes = Buffer.alloc(length)
    ports(bytes, from, 53)
    bytes.writeUInt16BE(length, 4)
    return frame(macs, from, 17, bytes)
  }
  return [datagram('client', BYTES.udp[0] - IP), datagram('server', BYTES.udp[1] - IP)]
}

function ports(header: Buffer, from: Frame['from'], server: number): void {
  header.writeUInt16BE(server, from === 'client' ? 2 : 0)
}

/** Checksums of TCP and UDP stay zero: the router does not look at them, and nobody receives this. */
function frame(macs: Macs, from: Frame['from'], protocol: number, payload: Buffer): Frame {
  const ethernet = Buffer.alloc(ETHERNET)
  Buffer.from(macs[from].replaceAll(':', ''), 'hex').copy(ethernet)
  ethernet.writeUInt8(2, 6)
  ethernet.writeUInt16BE(0x0800, 12)
  const ip = Buffer.alloc(IP)
  ip.writeUInt8(0x45, 0)
  ip.writeUInt16BE(IP + payload.length, 2)
  ip.writeUInt8(64, 8)
  ip.writeUInt8(protocol, 9)
  const [source, destination] = from === 'client' ? [CLIENT, SERVER] : [SERVER, ROUTER]
  ip.set(source.split('.').map(Number), 12)
  ip.set(destination.split('.').map(Number), 16)
  let sum = 0
  for (let at = 0; at < IP; at += 2) sum += ip.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  ip.writeUInt16BE(~sum & 0xffff, 10)
  return { from, bytes: Buffer.concat([ethernet, ip, payload]) }
}
