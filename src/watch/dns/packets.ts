import { u16, u32 } from './bytes.ts'
import type { DnsCounts } from './counts.ts'
import { Flow } from './flow.ts'
import { Fragments } from './fragments.ts'
import { findIp } from './link.ts'
import { Message } from './message.ts'
import { type Direction, Streams } from './streams.ts'

const TCP = 6
const UDP = 17
const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const AUTHENTICATION = 51
const DESTINATION = 60
const MOBILITY = 135
const MAX_EXTENSIONS = 16
const DNS_PORT = 53
const IPV4_HEADER = 20
const IPV6_HEADER = 40
const UDP_HEADER = 8
const TCP_HEADER = 20
const MAX_MESSAGE = 65_535

/** Takes each message as it is found; message and flow are those of the moment, and others after it. */
export type TakeDns = (message: Message, flow: Flow) => void

/**
 * Finds the DNS messages in captured packets: UDP and TCP with port 53 on one side, over IPv4 (RFC 791) or IPv6
 * (RFC 8200), in datagrams that may be fragmented. Never throws: what cannot be read is counted.
 */
export class DnsPackets {
  readonly #message = new Message()
  readonly #flow = new Flow()
  readonly #counts: DnsCounts
  readonly #take: TakeDns
  readonly #fragments: Fragments
  readonly #streams: Streams
  #direction: Direction = 0

  constructor(counts: DnsCounts, take: TakeDns) {
    this.#counts = counts
    this.#take = take
    this.#fragments = new Fragments(counts)
    this.#streams = new Streams(counts, (bytes, start, end, direction) => {
      // An acknowledgement may show that a message of the other side is whole.
      if (direction !== this.#direction) this.#flow.reverse()
      this.#dns(bytes, start, end, end - start)
      if (direction !== this.#direction) this.#flow.reverse()
    })
  }

  /** The packet in `bytes` from `start` to `end`, with its link layer. */
  packet(
    bytes: Buffer,
    start: number,
    end: number,
    linkType: number,
    timeMicros: number,
    interfaceName: string | undefined,
  ): void {
    this.#counts.packets += 1
    const flow = this.#flow
    flow.timeMicros = timeMicros
    flow.interfaceName = interfaceName
    const at = findIp(bytes, start, end, linkType)
    const version = at < 0 || at >= end ? 0 : (bytes[at] ?? 0) >> 4
    if (version === 4) this.#ipv4(bytes, at, end)
    else if (version === 6) this.#ipv6(bytes, at, end)
    else this.#counts.otherPackets += 1
  }

  #ipv4(bytes: Buffer, at: number, captured: number): void {
    const headerBytes = ((bytes[at] ?? 0) & 15) * 4
    // Zero where the network card was to cut a larger packet into pieces.
    const total = u16(bytes, at + 2) || captured - at
    if (headerBytes < IPV4_HEADER || total < headerBytes || at + headerBytes > captured) {
      this.#counts.otherPackets += 1
      return
    }
    const protocol = bytes[at + 9] ?? 0
    if (protocol !== UDP && protocol !== TCP) {
      this.#counts.otherPackets += 1
      return
    }
    const payload = at + headerBytes
    const stop = at + total
    const fragment = u16(bytes, at + 6)
    // More fragments, or not the first.
    if ((fragment & 0x3fff) !== 0) {
      this.#flow.setAddresses(bytes, at + 12, 4)
      const key = `${bytes.toString('latin1', at + 12, at + 20)}${bytes.toString('latin1', at + 4, at + 6)}${protocol}`
      const more = (fragment & 0x2000) !== 0
      this.#fragment(key, (fragment & 0x1fff) * 8, more, protocol, bytes, payload, stop, captured)
      return
    }
    this.#transport(protocol, bytes, payload, stop, captured, at + 12, 4)
  }

  #ipv6(bytes: Buffer, start: number, captured: number): void {
    if (start + IPV6_HEADER > captured) {
      this.#counts.otherPackets += 1
      return
    }
    const payloadBytes = u16(bytes, start + 4)
    const stop = payloadBytes === 0 ? captured : start + IPV6_HEADER + payloadBytes
    let protocol = bytes[start + 6] ?? 0
    let at = start + IPV6_HEADER
    for (let i = 0; i < MAX_EXTENSIONS && isExtension(protocol) && at + 8 <= Math.min(stop, captured); i++) {
      const next = bytes[at] ?? 0
      if (protocol === FRAGMENT) {
        const offset = u16(bytes, at + 2)
        if ((offset & 0xfff9) !== 0) {
          this.#flow.setAddresses(bytes, start + 8, 16)
          const key =
            bytes.toString('latin1', start + 8, start + 40) + bytes.toString('latin1', at + 4, at + 8)
          this.#fragment(key, offset & 0xfff8, (offset & 1) !== 0, next, bytes, at + 8, stop, captured)
          return
        }
        at += 8
      } else {
        // The authentication header counts in units of 4 bytes (RFC 4302), the others of 8.
        const length = bytes[at + 1] ?? 0
        at += protocol === AUTHENTICATION ? (length + 2) * 4 : (length + 1) * 8
      }
      protocol = next
    }
    this.#transport(protocol, bytes, at, stop, captured, start + 8, 16)
  }

  #fragment(
    key: string,
    offset: number,
    more: boolean,
    protocol: number,
    bytes: Buffer,
    at: number,
    stop: number,
    captured: number,
  ): void {
    if (stop > captured) {
      this.#counts.cutOff += 1
      return
    }
    if (at >= stop) {
      this.#counts.malformed += 1
      return
    }
    const { timeMicros } = this.#flow
    const whole = this.#fragments.add({ key, offset, more, protocol, timeMicros }, bytes.subarray(at, stop))
    if (!whole) return
    // In IPv6, headers may follow in the part that was fragmented; none of them is used with DNS.
    this.#transport(whole.protocol, whole.bytes, 0, whole.bytes.length, whole.bytes.length, -1, 0)
  }

  /** `stop` is where the packet ended on the wire, `captured` where the capture does. */
  #transport(
    protocol: number,
    bytes: Buffer,
    at: number,
    stop: number,
    captured: number,
    addressesAt: number,
    addressBytes: number,
  ): void {
    const end = Math.min(stop, captured)
    const isDns =
      (protocol === UDP || protocol === TCP) &&
      at + 4 <= end &&
      (u16(bytes, at) === DNS_PORT || u16(bytes, at + 2) === DNS_PORT)
    if (!isDns) {
      this.#counts.otherPackets += 1
      return
    }
    const flow = this.#flow
    if (addressesAt >= 0) flow.setAddresses(bytes, addressesAt, addressBytes)
    flow.sourcePort = u16(bytes, at)
    flow.destinationPort = u16(bytes, at + 2)
    flow.tcp = protocol === TCP
    if (flow.tcp) this.#tcp(bytes, at, stop, captured)
    else this.#udp(bytes, at, stop, end)
  }

  #udp(bytes: Buffer, at: number, stop: number, end: number): void {
    const payload = at + UDP_HEADER
    // Zero for what is longer than the field can say (RFC 2675 section 4), or was to be cut into pieces.
    const said = u16(bytes, at + 4)
    const length = (said === 0 ? stop - at : said) - UDP_HEADER
    if (payload > end) {
      this.#counts.cutOff += 1
      return
    }
    if (length < 0 || payload + length > stop) {
      this.#counts.malformed += 1
      if (length < 0) return
    }
    this.#dns(bytes, payload, Math.min(end, payload + length), Math.min(length, MAX_MESSAGE))
  }

  #tcp(bytes: Buffer, at: number, stop: number, captured: number): void {
    if (at + TCP_HEADER > captured) {
      this.#counts.cutOff += 1
      return
    }
    const start = at + ((bytes[at + 12] ?? 0) >> 4) * 4
    if (start < at + TCP_HEADER || start > stop) {
      this.#counts.malformed += 1
      return
    }
    // The rest is missing as if the packet had been lost.
    if (stop > captured) this.#counts.cutOff += 1
    const { source, destination, sourcePort, destinationPort, addressBytes, timeMicros } = this.#flow
    const here = source.toString('latin1', 0, addressBytes) + sourcePort
    const there = destination.toString('latin1', 0, addressBytes) + destinationPort
    this.#direction = here < there ? 0 : 1
    const segment = {
      key: here < there ? `${here} ${there}` : `${there} ${here}`,
      direction: this.#direction,
      sequence: u32(bytes, at + 4),
      acknowledged: u32(bytes, at + 8),
      flags: bytes[at + 13] ?? 0,
      timeMicros,
    }
    this.#streams.segment(segment, bytes, Math.min(start, captured), Math.min(stop, captured))
  }

  #dns(bytes: Buffer, start: number, end: number, length: number): void {
    const message = this.#message
    const stop = Math.min(end, start + MAX_MESSAGE)
    if (!message.read(bytes, start, stop, length)) {
      if (length > stop - start) this.#counts.cutOff += 1
      else this.#counts.malformed += 1
      return
    }
    this.#counts.messages += 1
    if (length > stop - start) this.#counts.cutOff += 1
    else if (message.malformed) this.#counts.malformed += 1
    this.#take(message, this.#flow)
  }
}

function isExtension(protocol: number): boolean {
  switch (protocol) {
    case HOP_BY_HOP:
    case ROUTING:
    case FRAGMENT:
    case AUTHENTICATION:
    case DESTINATION:
    case MOBILITY:
      return true
    default:
      return false
  }
}
