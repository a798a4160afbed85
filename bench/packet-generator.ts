import { closeSync } from 'node:fs'
import { packet } from '../src/prove/packet.ts'
import { attachXdp, createCounter, insn, load64, loadMapValue, loadXdp, runXdp } from './bpf.ts'

/** The shortest Ethernet frame, 64 bytes with its checksum, which no program sees. */
const FRAME_BYTES = 60
const BATCH = 64
const XDP_DROP = 1
const XDP_PASS = 2
const PORTS = 16_384
/** Odd, so that flows come round one and all, but not in the order of their making, which would suit the caches. */
const SHUFFLE = 0x9e3779b1

/** A packet of every flow: one address and port stay, of the other side the last octet and the port vary. */
export interface Traffic {
  readonly macs: { readonly from: string; readonly to: string }
  readonly from: { readonly address: string; readonly port: number }
  readonly to: { readonly address: string; readonly port: number }
  /** Outwards a flow has its own source port and target address; inwards these are the other way round. */
  readonly direction: 'out' | 'in'
  /** A power of two; the packets go round these flows. */
  readonly flows: number
}

/**
 * Packets that a device seems to receive: the kernel's XDP test run makes frames, a program of a few instructions
 * writes the headers, and the network stack takes them as from a driver. That costs a tenth of a sender with a
 * socket, and it all happens in this thread, whose processor time is then that of the forwarding.
 */
export class PacketGenerator {
  readonly #ifindex: number
  readonly #frame: Buffer
  readonly #descriptors: number[]
  readonly #pass: number
  readonly #drop: number

  /** In the network namespace of the device. */
  constructor(ifindex: number, traffic: Traffic) {
    this.#ifindex = ifindex
    this.#frame = frameOf(traffic)
    const counter = createCounter()
    this.#pass = loadXdp(program(traffic, this.#frame, counter, XDP_PASS))
    this.#drop = loadXdp(program(traffic, this.#frame, counter, XDP_DROP))
    this.#descriptors = [counter, this.#pass, this.#drop]
  }

  /** Processor time in seconds that sending so many packets takes, with all that the kernel then does with them. */
  send(packets: number): number {
    return this.#run(this.#pass, packets)
  }

  /** The same without what the kernel does with them: they are written and thrown away. */
  idle(packets: number): number {
    return this.#run(this.#drop, packets)
  }

  #run(programFd: number, packets: number): number {
    const before = process.threadCpuUsage()
    runXdp(programFd, this.#ifindex, this.#frame, packets, BATCH)
    const { user, system } = process.threadCpuUsage(before)
    return (user + system) / 1e6
  }

  close(): void {
    for (const fd of this.#descriptors) closeSync(fd)
  }
}

/** A veth device takes a generator's frames once it has an XDP program of its own: until the descriptor is closed. */
export function admitFrames(ifindex: number): number {
  const pass = loadXdp(Buffer.concat([insn(0xb7, 0, 0, 0, XDP_PASS), insn(0x95, 0, 0, 0, 0)]))
  const link = attachXdp(pass, ifindex)
  closeSync(pass)
  return link
}

/** The checksum is that of last octet 0 and identification 255: the program keeps the sum of the two. */
function frameOf({ macs, from, to }: Traffic): Buffer {
  const mac = (text: string) => Buffer.from(text.replaceAll(':', ''), 'hex')
  const payload = { kind: 'udp', sport: from.port, dport: to.port, text: 'x'.repeat(18) } as const
  const bytes = packet({ from: from.address, to: to.address, payload })
  // UDP without a checksum (RFC 768): the program would have to count it again for every flow.
  bytes.writeUInt16BE(0, 26)
  const checksum = bytes.readUInt16BE(10) - 255
  bytes.writeUInt16BE(checksum < 0 ? checksum + 0xffff : checksum, 10)
  bytes.writeUInt16BE(255, 4)
  const frame = Buffer.concat([mac(macs.to), mac(macs.from), Buffer.from([8, 0]), bytes])
  if (frame.length !== FRAME_BYTES) throw new Error(`a frame of ${frame.length} bytes`)
  return frame
}

/** Writes the headers for flow number `counter * SHUFFLE & (flows - 1)` into the frame, and counts. */
function program({ direction, flows }: Traffic, frame: Buffer, counter: number, verdict: number): Buffer {
  const [addressAt, portAt] = direction === 'out' ? [33, 34] : [29, 36]
  const identificationAt = 18
  const headers: Buffer[] = []
  // The packet passed the stack before and was rewritten there: every header is new each time.
  for (let at = 0; at < 48; at += 8)
    headers.push(load64(0, frame.readBigInt64LE(at)), insn(0x7b, 7, 0, at, 0))
  const exit = [insn(0xb7, 0, 0, 0, verdict), insn(0x95, 0, 0, 0, 0)]
  const rest = [
    ...headers,
    loadMapValue(8, counter),
    insn(0x79, 9, 8, 0, 0), // r9 = the counter
    insn(0xbf, 0, 9, 0, 0),
    insn(0x07, 0, 0, 0, 1),
    insn(0x7b, 8, 0, 0, 0), // and one more
    insn(0x27, 9, 0, 0, SHUFFLE),
    insn(0x57, 9, 0, 0, flows - 1), // r9 = the flow
    insn(0xbf, 0, 9, 0, 0),
    insn(0x57, 0, 0, 0, PORTS - 1),
    insn(0x07, 0, 0, 0, PORTS),
    insn(0xdc, 0, 0, 0, 16), // network byte order
    insn(0x6b, 7, 0, portAt, 0),
    insn(0x77, 9, 0, 0, Math.log2(PORTS)),
    insn(0x57, 9, 0, 0, 255),
    insn(0x73, 7, 9, addressAt, 0),
    insn(0xa7, 9, 0, 0, 255), // what the sum gains by the octet, the identification loses
    insn(0x73, 7, 9, identificationAt + 1, 0),
    ...exit,
  ]
  const length = Buffer.concat(rest).length / 8
  return Buffer.concat([
    insn(0x61, 7, 1, 0, 0), // r7 = data
    insn(0x61, 2, 1, 4, 0), // r2 = its end
    insn(0xbf, 3, 7, 0, 0),
    insn(0x07, 3, 0, 0, FRAME_BYTES),
    insn(0x2d, 3, 2, length, 0), // too short: to the last exit
    ...rest,
    insn(0xb7, 0, 0, 0, XDP_DROP),
    insn(0x95, 0, 0, 0, 0),
  ])
}
