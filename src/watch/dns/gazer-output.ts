import type { EventSink } from './event-sink.ts'
import type { Flow } from './flow.ts'
import { type GazerRecord, gazerRecords } from './gazer.ts'
import { LineWriter } from './line-writer.ts'
import type { Message } from './message.ts'
import type { OpenQueries } from './open-queries.ts'
import type { Transaction } from './pairs.ts'
import type { CaptureOutput } from './read-capture.ts'

/** dns-gazer gives a response a minute. */
const GAZER_TIMEOUT_MS = 60_000
const STATUS = { answered: 'success', timeout: 'no_reply', unasked: 'no_query' } as const
const scratch = new LineWriter(128)

/**
 * Writes what dns-gazer (0.1) says, keys in its order: a transaction as `dns-gazer.dns.tx`, and with `records` each
 * question and record of a message as `dns-gazer.dns.record`. IPv6 and TCP, which it leaves out, are in it.
 */
export class GazerOutput implements CaptureOutput {
  readonly timeoutMs: number
  readonly #sink: EventSink
  readonly #records: boolean

  constructor(sink: EventSink, records: boolean, timeoutMs: number = GAZER_TIMEOUT_MS) {
    this.#sink = sink
    this.#records = records
    this.timeoutMs = timeoutMs
  }

  get isFull(): boolean {
    return this.#sink.isFull
  }

  flush(): Promise<void> {
    return this.#sink.flush()
  }

  keep(message: Message): string {
    return JSON.stringify(gazerRecords(message))
  }

  transaction({ status, queries, slot, response, flow }: Transaction): boolean {
    const asked = slot >= 0
    const ends = asked ? endsOfQuery(queries, slot) : endsOfFlow(flow, true)
    const askedMicros = queries.timeMicros[slot] ?? 0
    const query = asked ? `,"query":${String(queries.extra[slot])},"query_ts":${seconds(askedMicros)}` : ''
    const reply =
      status === 'timeout'
        ? ''
        : `,"reply":${JSON.stringify(gazerRecords(response))},"reply_ts":${seconds(flow.timeMicros)}`
    const id = asked ? queries.id[slot] : response.id
    this.#sink.take(
      'dns-gazer.dns.tx',
      status === 'timeout' ? askedMicros : flow.timeMicros,
      `{"client_addr":"${ends.client}","client_port":${ends.clientPort}${query}${reply},"server_addr":"${ends.server}","server_port":${ends.serverPort},"status":"${STATUS[status]}","tx_id":${id}}`,
    )
    return true
  }

  message(message: Message, flow: Flow): void {
    if (!this.#records) return
    const ends = endsOfFlow(flow, message.isResponse)
    for (const record of gazerRecords(message))
      this.#sink.take('dns-gazer.dns.record', flow.timeMicros, recordJson(message, ends, record))
  }
}

function recordJson(message: Message, ends: Ends, { data, name, section, type }: GazerRecord): string {
  return JSON.stringify({
    client_addr: ends.client,
    client_port: ends.clientPort,
    ...(data !== undefined && { data }),
    msg_type: message.isResponse ? 'reply' : 'query',
    name,
    section,
    server_addr: ends.server,
    server_port: ends.serverPort,
    tx_id: message.id,
    type,
  })
}

interface Ends {
  readonly client: string
  readonly clientPort: number
  readonly server: string
  readonly serverPort: number
}

function endsOfQuery(queries: OpenQueries, slot: number): Ends {
  const ipv6 = queries.isIpv6(slot)
  return {
    client: addressText(queries.bytes, queries.clientAt(slot), ipv6),
    clientPort: queries.clientPort(slot),
    server: addressText(queries.bytes, queries.serverAt(slot), ipv6),
    serverPort: queries.serverPort(slot),
  }
}

function endsOfFlow(flow: Flow, response: boolean): Ends {
  const ipv6 = flow.addressBytes === 16
  const [source, destination] = [addressText(flow.source, 0, ipv6), addressText(flow.destination, 0, ipv6)]
  return response
    ? {
        client: destination,
        clientPort: flow.destinationPort,
        server: source,
        serverPort: flow.sourcePort,
      }
    : {
        client: source,
        clientPort: flow.sourcePort,
        server: destination,
        serverPort: flow.destinationPort,
      }
}

function addressText(bytes: Uint8Array, at: number, ipv6: boolean): string {
  scratch.at = 0
  if (ipv6) scratch.ipv6(bytes, at)
  else scratch.ipv4(bytes, at)
  return scratch.text(0)
}

/** Seconds with six digits after the point. */
function seconds(micros: number): string {
  const whole = Math.floor(micros / 1_000_000)
  return `${whole}.${String(Math.floor(micros - whole * 1_000_000)).padStart(6, '0')}`
}
