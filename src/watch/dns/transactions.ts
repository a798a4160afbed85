import { addressesOf, type TtlAddress } from './addresses.ts'
import { type DnsCounts, noCounts } from './counts.ts'
import { LineWriter } from './line-writer.ts'
import { writeName } from './name.ts'
import { DnsPackets } from './packets.ts'
import { Pairs, type Transaction } from './pairs.ts'
import { RECORD_ROOM, RecordWriter } from './record-writer.ts'

/** What of a transaction others go by, besides the record. */
export interface TransactionView {
  /** Of the query; of the response where no query was seen. */
  readonly timeMs: number
  readonly client: string
  readonly server: string
  /** The server is this router; undefined when nobody can tell. */
  readonly local: boolean | undefined
  /** As in the record. */
  readonly name?: string
  readonly status: Transaction['status']
  /** What the client may now connect to because of it. */
  readonly addresses: readonly TtlAddress[]
}

export interface DnsTransactionsOptions {
  /** `line` is the transaction as a DnsRecord in one line of JSON, all ASCII, without a newline. */
  emit(line: string, transaction: TransactionView): void
  /** Whether an address is this router's; it is asked for each transaction. */
  isLocal?(address: string): boolean
  readonly timeoutMs?: number
  /** How many queries may wait at a time; the oldest has to go when there are more. */
  readonly maxOpen?: number
}

/** From packets as they were captured to records of DNS transactions. Never throws, and takes bounded memory. */
export class DnsTransactions {
  readonly counts: DnsCounts = noCounts()
  readonly #options: DnsTransactionsOptions
  readonly #line = new LineWriter(2 * RECORD_ROOM)
  readonly #record: RecordWriter
  readonly #packets: DnsPackets
  readonly #pairs: Pairs

  constructor(options: DnsTransactionsOptions) {
    this.#options = options
    this.#record = new RecordWriter(
      this.#line,
      options.isLocal && ((address) => options.isLocal?.(address) ?? false),
    )
    const { timeoutMs, maxOpen } = options
    this.#pairs = new Pairs({
      counts: this.counts,
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(maxOpen !== undefined && { maxOpen }),
      over: (transaction) => this.#over(transaction),
    })
    this.#packets = new DnsPackets(this.counts, (message, flow) => this.#pairs.take(message, flow))
  }

  /** Queries that wait for their response. */
  get open(): number {
    return this.#pairs.open
  }

  /** Takes a packet with its link layer (LINKTYPE); `bytes` may be used again afterwards. */
  packet(bytes: Buffer, linkType: number, timeMicros: number, interfaceName?: string): void {
    this.#pairs.expire(timeMicros)
    this.#packets.packet(bytes, 0, bytes.length, linkType, timeMicros, interfaceName)
  }

  /** Time goes on without packets. */
  tick(nowMicros: number): void {
    this.#pairs.expire(nowMicros)
  }

  /** What still waits is a timeout: no more packets will come. */
  end(): void {
    this.#pairs.end()
  }

  #over(transaction: Transaction): void {
    const { status, queries, slot, response, flow } = transaction
    const line = this.#line
    line.at = 0
    if (!this.#record.write(transaction)) this.counts.malformed += 1
    const text = line.text(0)
    const { clientAt, clientEnd, serverAt, serverEnd, local } = this.#record
    const client = line.bytes.toString('latin1', clientAt, clientEnd)
    const server = line.bytes.toString('latin1', serverAt, serverEnd)
    const name = this.#name(transaction)
    this.#options.emit(text, {
      timeMs: Math.floor((slot < 0 ? flow.timeMicros : (queries.timeMicros[slot] ?? 0)) / 1000),
      client,
      server,
      local,
      ...(name !== undefined && { name }),
      status,
      addresses: status === 'timeout' ? [] : addressesOf(response),
    })
  }

  #name({ status, queries, slot, response }: Transaction): string | undefined {
    const asked = slot < 0 ? 0 : queries.questionLength(slot)
    const [bytes, at, length] =
      asked > 0
        ? [queries.bytes, queries.questionAt(slot), asked]
        : [response.question, 0, status === 'timeout' ? 0 : response.questionLength]
    if (length === 0) return undefined
    const line = this.#line
    line.at = 0
    writeName(line, bytes, at, at, at + length)
    const name = line.text(0)
    // It was escaped for JSON.
    return name.includes('\\') ? (JSON.parse(`"${name}"`) as string) : name
  }
}
