import type { DnsRecord } from '../src/recorder/records/dns.ts'
import {
  DnsTransactions,
  type DnsTransactionsOptions,
  type TransactionView,
} from '../src/watch/dns/transactions.ts'
import { type Ends, ethernet, udp } from './dns-wire.ts'

export const ETHERNET = 1
export const CLIENT: Ends = { from: '192.0.2.10', to: '192.0.2.53', fromPort: 40_000, toPort: 53 }
/** 2026-11-23T00:00:00Z. */
export const START = Date.UTC(2026, 10, 23) * 1000

export function back({ from, to, fromPort, toPort }: Ends): Ends {
  return { from: to, to: from, fromPort: toPort, toPort: fromPort }
}

/** A watcher of DNS that remembers what it said. */
export class DnsReader {
  readonly records: DnsRecord[] = []
  readonly views: TransactionView[] = []
  readonly transactions: DnsTransactions

  constructor(options: Omit<DnsTransactionsOptions, 'emit'> = {}) {
    this.transactions = new DnsTransactions({
      ...options,
      emit: (line, view) => {
        this.records.push(JSON.parse(line) as DnsRecord)
        this.views.push(view)
      },
    })
  }

  get counts() {
    return this.transactions.counts
  }

  /** An IP packet in an Ethernet frame, so many microseconds after the start. */
  ip(packet: Buffer, afterMicros = 0): void {
    this.transactions.packet(ethernet(packet), ETHERNET, START + afterMicros)
  }

  /** A DNS message over UDP. */
  send(ends: Ends, message: Buffer, afterMicros = 0): void {
    this.ip(udp(ends, message), afterMicros)
  }
}
