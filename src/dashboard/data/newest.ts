import { type Answer, rowsOf } from '../../recorder/ask/rows.ts'
import type { Session } from '../../recorder/query/session.ts'
import type { KindName } from '../../recorder/records/kinds.ts'
import { identifier } from '../../recorder/sql.ts'
import type { Span } from '../api.ts'
import { DataProblem } from '../data-problem.ts'
import { during, onDates } from './conditions.ts'

export interface Wanted {
  readonly kind: KindName
  readonly span: Span
  /** SQL for the condition. */
  readonly where: string
  /** SQL for the columns. */
  readonly columns: string
  readonly limit: number
  /** Of the page before. */
  readonly cursor?: string | undefined
}

export interface Page {
  readonly rows: readonly Answer[]
  /** For the next page; absent at the end. */
  readonly next?: string
}

const HOUR = 3_600_000
const FIRST_MS = 6 * HOUR
const FACTOR = 4
/** What tells records of the same time apart. It need not be unique, only be the same at the next page. */
const TIES: Readonly<Record<KindName, readonly string[]>> = {
  dns: ['clientAddress', 'clientPort', 'messageId', 'queryName', 'queryType', 'responseTimeMicroseconds'],
  flows: ['flowId', 'sourceAddress', 'destinationAddress', 'octetDeltaCount'],
  netflow: [
    'exporterAddress',
    'sourceAddress',
    'destinationAddress',
    'sourceTransportPort',
    'octetDeltaCount',
  ],
  drops: ['sourceAddress', 'destinationAddress', 'sourceTransportPort', 'destinationTransportPort'],
  syslog: ['hostname', 'appName', 'procId', 'msg'],
  container: ['containerId', 'stream', 'log'],
  dhcp: ['macAddress', 'address', 'event'],
  events: ['tag', 'senderAddress', 'record'],
  devices: ['address', 'macAddress', 'until'],
}

/** A place in a list that has the newest first. */
export interface Cursor {
  /** Microseconds since 1970. */
  readonly micros: bigint
  readonly tie: bigint
}

export function parseCursor(text: string): Cursor {
  const match = /^(\d{1,17})\.(\d{1,20})$/.exec(text)
  if (!match)
    throw new DataProblem(400, 'the cursor is none of ours', 'leave it out, and begin at the beginning')
  return { micros: BigInt(match[1] ?? 0), tie: BigInt(match[2] ?? 0) }
}

/** The place of a row that has the columns of `orderColumns`. */
export function placeIn(row: Answer): Cursor {
  return { micros: bigint(row.micros), tie: bigint(row.tie) }
}

export function cursorText({ micros, tie }: Cursor): string {
  return `${micros}.${tie}`
}

function bigint(value: Answer[string] | undefined): bigint {
  return typeof value === 'bigint' ? value : 0n
}

/** SQL for what of these must be selected, beside the columns, so that rows have an order and pages a cursor. */
export function orderColumns(kind: KindName): string {
  return `epoch_us("time") AS micros, hash(${TIES[kind].map(identifier).join(', ')}) AS tie`
}

/** SQL for what comes after a cursor. */
export function after({ micros, tie }: Cursor, kind: KindName): string {
  const time = `make_timestamp(${micros})`
  return `("time" < ${time} OR ("time" = ${time} AND hash(${TIES[kind].map(identifier).join(', ')}) < ${tie}::UBIGINT))`
}

/**
 * The newest records for which a condition holds. It looks back in steps that grow, and no further than needed: the last
 * hours of a year are all that is read when they have enough.
 */
export async function newest(session: Session, wanted: Wanted): Promise<Page> {
  const { kind, where, columns, span, limit } = wanted
  const cursor = wanted.cursor === undefined ? undefined : parseCursor(wanted.cursor)
  const rows: Answer[] = []
  let end = cursor ? Math.min(span.toMs, Number(cursor.micros / 1000n) + 1) : span.toMs
  for (let step = FIRST_MS; rows.length <= limit && end > span.fromMs; step *= FACTOR) {
    const some = { fromMs: Math.max(span.fromMs, end - step), toMs: end }
    const conditions = [onDates(some), during(kind, some), where, ...(cursor ? [after(cursor, kind)] : [])]
    const found = await rowsOf(
      session,
      [kind],
      `SELECT ${orderColumns(kind)}, ${columns} FROM ${identifier(kind)}
        WHERE ${conditions.map((one) => `(${one})`).join(' AND ')}
        ORDER BY micros DESC, tie DESC LIMIT ${limit + 1 - rows.length}`,
    )
    rows.push(...found)
    end = some.fromMs
  }
  return page(rows, limit)
}

/** Rows of which there may be one too many. */
function page(rows: readonly Answer[], limit: number): Page {
  const last = rows[limit - 1]
  const shown = rows.slice(0, limit)
  return rows.length > limit && last ? { rows: shown, next: cursorText(placeIn(last)) } : { rows: shown }
}
