import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { FlowRecord } from '../../recorder/records/flow.ts'
import { dataMessage, type IpfixHeader, templateMessage } from './ipfix-encode.ts'

/** Of at most 150 bytes, so that a message fits into any packet (RFC 7011 section 10.3.3). */
const RECORDS_PER_MESSAGE = 8
const FLUSH_MS = 500
/** Over UDP templates are sent again and again (RFC 7011 section 8.1), since any datagram may be lost. */
const TEMPLATE_MS = 60_000
const DOMAIN = 1
/** What the socket has not taken yet is bounded: a collector costs no memory. */
const MAX_WAITING = 256

/** Tells a collector of connections over UDP, which takes them or does not. */
export class IpfixExport {
  readonly #socket: Socket
  readonly #collector: { readonly address: string; readonly port: number }
  readonly #timers: readonly NodeJS.Timeout[]
  #records: FlowRecord[] = []
  #sequence = 0
  #waiting = 0
  dropped = 0

  constructor(collector: { readonly address: string; readonly port: number }) {
    this.#collector = collector
    this.#socket = createSocket(isIPv6(collector.address) ? 'udp6' : 'udp4')
    // Nobody may listen there, now or ever.
    this.#socket.on('error', () => undefined)
    this.#templates()
    this.#timers = [
      setInterval(() => this.#templates(), TEMPLATE_MS),
      setInterval(() => this.#flush(), FLUSH_MS),
    ]
  }

  add(record: FlowRecord): void {
    this.#records.push(record)
    if (this.#records.length >= RECORDS_PER_MESSAGE) this.#flush()
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    this.#flush()
    for (let i = 0; this.#waiting > 0 && i < 100; i++) await new Promise((resolve) => setTimeout(resolve, 10))
    this.#socket.close()
  }

  #templates(): void {
    this.#send(templateMessage(this.#header()))
  }

  #flush(): void {
    const records = this.#records
    if (records.length === 0) return
    this.#records = []
    if (this.#waiting >= MAX_WAITING) this.dropped += records.length
    else this.#send(dataMessage(this.#header(), records))
    // Numbered all the same: the collector sees that they are missing.
    this.#sequence = (this.#sequence + records.length) % 2 ** 32
  }

  #header(): IpfixHeader {
    return { exportSecs: Math.floor(Date.now() / 1000), sequence: this.#sequence, domain: DOMAIN }
  }

  #send(bytes: Buffer): void {
    this.#waiting += 1
    this.#socket.send(bytes, this.#collector.port, this.#collector.address, () => {
      this.#waiting -= 1
    })
  }
}
