import { setTimeout as sleep } from 'node:timers/promises'
import { spansSql } from '../devices/spans-sql.ts'
import type { Client } from '../query/filter.ts'
import type { Session } from '../query/session.ts'
import { Tail } from '../query/tail.ts'
import type { DnsRecord } from '../records/dns.ts'
import type { FlowRecord } from '../records/flow.ts'
import { THIS_ROUTER } from './ends.ts'
import { rowsOf, text } from './rows.ts'
import type { Screen } from './screen.ts'
import { dnsLine, flowLine, type Holder, type HolderOf, ourDestination } from './watch-line.ts'

export const WATCHED = ['dns', 'flows'] as const
export type Watched = (typeof WATCHED)[number]

export interface WatchOptions {
  /** The recorder's data directory. */
  readonly data: string
  readonly kinds: readonly Watched[]
  readonly client?: Client
  readonly screen: Screen
  readonly write: (text: string) => Promise<void>
  /** Goes on until this. */
  readonly signal: AbortSignal
  /** This router's addresses. */
  readonly own: ReadonlySet<string>
}

const POLL_MS = 250
/** How often it is looked who has which address. */
const HOLDERS_MS = 15_000
/** So many lines of the past come first. */
const PAST = 10
/** The newest may have just begun. */
const PAST_SEGMENTS = 2

interface Line {
  readonly time: string
  readonly text: string
}

/** Writes a line for each DNS transaction and each connection as it is recorded, the last few first. */
export async function watch(session: Session, options: WatchOptions): Promise<void> {
  const { data, kinds, write, signal } = options
  // Opened before anything else is looked at, and read from there on.
  const tails = kinds.map((kind) => ({ kind, tail: new Tail(data, kind) }))
  for (const { tail } of tails) tail.skipOlder(PAST_SEGMENTS)
  try {
    let holders = await holdersNow(session, options.own)
    let looked = performance.now()
    let past = true
    while (!signal.aborted) {
      const lines: Line[] = []
      for (const { kind, tail } of tails) {
        const { lines: records } = await tail.lines()
        const all = records.toString().split('\n').slice(0, -1)
        // Of a log of minutes only the end is to be shown: the rest need not be looked at, unless it is filtered.
        const some = past && !options.client ? all.slice(-PAST) : all
        lines.push(...some.flatMap((record) => lineOf(kind, record, holders, options)))
      }
      lines.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
      const shown = past ? lines.slice(-PAST) : lines
      past = false
      if (shown.length > 0) await write(shown.map((line) => `${line.text}\n`).join(''))
      if (performance.now() - looked >= HOLDERS_MS) {
        holders = await holdersNow(session, options.own)
        looked = performance.now()
      }
      await sleep(POLL_MS, undefined, { signal }).catch(() => undefined)
    }
  } finally {
    for (const { tail } of tails) tail.close()
  }
}

async function holdersNow(session: Session, own: ReadonlySet<string>): Promise<HolderOf> {
  const rows = await rowsOf(
    session,
    ['devices'],
    `SELECT s.address, s.macAddress, coalesce(n.device, s.macAddress) AS device
      FROM (SELECT address, arg_max(macAddress, "to") AS macAddress FROM (${spansSql('SELECT * FROM devices')})
        WHERE "to" > make_timestamp(${Date.now() * 1000}) GROUP BY 1) s
      JOIN (SELECT macAddress, arg_max(device, "until") AS device FROM devices GROUP BY 1) n
      ON n.macAddress = s.macAddress`,
  )
  const holders = new Map(
    rows.map((row): [string, Holder] => [
      text(row.address) ?? '',
      { device: text(row.device) ?? '', macAddress: text(row.macAddress) ?? '' },
    ]),
  )
  return (address) => holders.get(address) ?? { device: own.has(address) ? THIS_ROUTER : address }
}

function lineOf(kind: Watched, json: string, holderOf: HolderOf, { client, screen }: WatchOptions): Line[] {
  const record = parsed(json)
  if (!record) return []
  const time = record.time ?? ''
  const isWanted = (address: string | undefined): boolean =>
    client === undefined || (address !== undefined && isOf(client, address, holderOf))
  if (kind === 'dns') {
    const { clientAddress } = record
    return isWanted(clientAddress) ? [{ time, text: dnsLine(screen, record, holderOf) }] : []
  }
  const outward = record.sourceZone !== 'wan' && isWanted(record.sourceAddress)
  if (!outward && !isWanted(ourDestination(record))) return []
  return [{ time, text: flowLine(screen, record, holderOf, !outward) }]
}

function isOf({ macs, holdings }: Client, address: string, holderOf: HolderOf): boolean {
  const { macAddress } = holderOf(address)
  if (macAddress !== undefined) return macs.includes(macAddress)
  return macs.length === 0 && holdings.some((holding) => holding.address === address)
}

function parsed(json: string): (Partial<DnsRecord> & Partial<FlowRecord>) | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
