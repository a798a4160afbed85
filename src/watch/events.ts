import type { EventRecord } from '../recorder/records/event.ts'
import { type HeldBack, OnceAnHour } from './once-an-hour.ts'

const ICMP = [1, 58]
const DNS_PORT = 53

/** Of a DNS transaction, what the events need. */
export interface DnsView {
  /** Milliseconds since 1970. */
  readonly timeMs: number
  readonly client: string
  readonly server: string
  /** Whether the server is this router; undefined when that is not known. */
  readonly local: boolean | undefined
  readonly name?: string
  /** "answered", "timeout" or "unasked". */
  readonly status: string
}

/** Of a connection, what the events need. */
export interface FlowView {
  readonly timeMs: number
  readonly client: string
  readonly destination: string
  readonly port?: number | undefined
  /** IANA's number. */
  readonly protocol: number
  /** destinationNameStatus of the record. */
  readonly status: string | undefined
  readonly destinationZone?: string | undefined
}

export interface EventsOptions {
  /** Takes an event as a line of NDJSON of the kind "events". */
  readonly emit: (epochMs: number, line: string) => void
  /** Whether an address is a client's in one of our networks, and not this router's. */
  readonly isOwnClient: (address: string) => boolean
  /** Whether clients were told of it by ourselves: the WAN's gateway, servers that DHCP hands out. */
  readonly isKnown?: (address: string) => boolean
}

/**
 * Tells what clients do past the router: "dns.bypass", a client asked another resolver, and "egress.unresolved", a client
 * connected to an address outside that no answer of DNS gave it. Of each client and server there is one event an hour at
 * most, which says how often it was held back (`heldBack`). Pure and bounded: time is that of what is seen.
 */
export class WatchEvents {
  readonly #options: EventsOptions
  readonly #bypass: OnceAnHour
  readonly #unresolved: OnceAnHour

  constructor(options: EventsOptions) {
    this.#options = options
    this.#bypass = new OnceAnHour((held) => this.#tellHeld('dns.bypass', 'serverAddress', held))
    this.#unresolved = new OnceAnHour((held) =>
      this.#tellHeld('egress.unresolved', 'destinationAddress', held),
    )
  }

  dns({ timeMs, client, server, local, name, status }: DnsView): void {
    const { isOwnClient, isKnown } = this.#options
    // A response without a question may be anybody's invention.
    if (local !== false || status === 'unasked' || !isOwnClient(client) || isKnown?.(server)) return
    const heldBack = this.#bypass.admit(client, server, timeMs)
    if (heldBack === undefined) return
    this.#tell(timeMs, 'dns.bypass', client, {
      serverAddress: server,
      queryName: name,
      status,
      heldBack: heldBack || undefined,
    })
  }

  flow({ timeMs, client, destination, port, protocol, status, destinationZone }: FlowView): void {
    const { isOwnClient, isKnown } = this.#options
    if (status !== 'none' || (destinationZone !== undefined && destinationZone !== 'wan')) return
    // Questions past the router are told as such, and what is no connection has nothing to resolve.
    if (ICMP.includes(protocol) || port === DNS_PORT || isNoHost(destination)) return
    if (!isOwnClient(client) || isOwnClient(destination) || isKnown?.(destination)) return
    const heldBack = this.#unresolved.admit(client, destination, timeMs)
    if (heldBack === undefined) return
    this.#tell(timeMs, 'egress.unresolved', client, {
      destinationAddress: destination,
      destinationTransportPort: port,
      protocolIdentifier: protocol,
      heldBack: heldBack || undefined,
    })
  }

  /** To be called now and then: tells what was held back in hours that are over. */
  tick(nowMs: number): void {
    this.#bypass.tick(nowMs)
    this.#unresolved.tick(nowMs)
  }

  /** Tells what was held back so far, before the end. */
  end(): void {
    this.#bypass.end()
    this.#unresolved.end()
  }

  /** Not told and not counted in any event, for want of room. */
  get refused(): number {
    return this.#bypass.refused + this.#unresolved.refused
  }

  #tellHeld(tag: string, key: string, { client, other, count, lastMs }: HeldBack): void {
    this.#tell(lastMs, tag, client, { [key]: other, heldBack: count })
  }

  #tell(timeMs: number, tag: string, senderAddress: string, record: EventRecord['record']): void {
    const event = { time: new Date(timeMs).toISOString(), tag, senderAddress, record } satisfies EventRecord
    this.#options.emit(timeMs, JSON.stringify(event))
  }
}

/** Whether an address, in its usual text, is no single host elsewhere: multicast, broadcast, link-local, loopback, none. */
function isNoHost(address: string): boolean {
  if (!address.includes(':')) {
    const [first = 0, second = 0] = address.split('.').map(Number)
    return first === 0 || first === 127 || first >= 224 || (first === 169 && second === 254)
  }
  return address === '::' || address === '::1' || /^(?:ff|fe[89ab])[0-9a-f]{0,2}:/.test(address)
}
