import { formatIp, parseIpOrCidr } from '../../lib/ip.ts'
import { type AddressFilter, type Client, condition, heldBy, nameMatch } from '../../recorder/query/filter.ts'
import { findClient } from '../../recorder/query/find-client.ts'
import { QueryProblem } from '../../recorder/query/problem.ts'
import type { Session } from '../../recorder/query/session.ts'
import type { KindName } from '../../recorder/records/kinds.ts'
import { identifier, literal } from '../../recorder/sql.ts'
import type { Outcome, Span } from '../api.ts'

/** SQL for a time, the end not included. */
export function during(kind: KindName, { fromMs, toMs }: Span): string {
  return condition(kind, { fromMs, toMs: toMs - 1 })
}

/** SQL for the days of a time: the archive's files of other days are not even opened. */
export function onDates({ fromMs, toMs }: Span): string {
  const date = (ms: number): string => `DATE ${literal(new Date(ms).toISOString().slice(0, 10))}`
  return `date BETWEEN ${date(fromMs)} AND ${date(Math.max(fromMs, toMs - 1))}`
}

/** SQL for a name that has this text in it; with "*" the whole name must match. Names of DNS are in lower case. */
export function nameHas(kind: 'dns' | 'flows', column: string, text: string): string {
  const wanted = text.toLowerCase().replace(/(?<=.)\.$/, '')
  return wanted.includes('*')
    ? nameMatch(kind, column, wanted)
    : `contains(${identifier(column)}, ${literal(wanted)})`
}

/** SQL for text that has this text in it, capitals aside. */
export function lineHas(column: string, text: string): string {
  return `contains(lower(${identifier(column)}), ${literal(text.toLowerCase())})`
}

/** SQL over questions for what became of them. */
export const OUTCOME = `CASE WHEN status = 'timeout' THEN 'timeout' WHEN responseCode = 'NOERROR' THEN 'answered'
  WHEN responseCode = 'NXDOMAIN' THEN 'nxdomain' ELSE 'failed' END`

export function outcomeIs(outcome: Outcome): string {
  return `(${OUTCOME}) = ${literal(outcome)}`
}

/** SQL over questions: it was asked past our resolver, and not by the router itself. */
export function bypassSql(own: readonly string[]): string {
  const byRouter = own.length === 0 ? 'false' : `clientAddress IN (${own.map(literal).join(', ')})`
  return `(localResolver IS NOT DISTINCT FROM false AND NOT ${byRouter})`
}

/** Zones of flow records that have no devices of ours. */
export const NO_DEVICES: readonly string[] = ['wan', 'router', 'containers']

/** SQL over connections: a device went out with it, to an address that it had not asked for. */
export const UNRESOLVED = `(sourceZone NOT IN (${NO_DEVICES.map(literal).join(', ')}) AND destinationZone IS NOT DISTINCT FROM 'wan' AND destinationName IS NULL AND destinationNameStatus IS DISTINCT FROM 'local')`

/** The address or the prefix that a text is. */
export function addressFilter(text: string): AddressFilter | undefined {
  const cidr = parseIpOrCidr(text)
  if (!cidr) return undefined
  const { ip, prefix } = cidr
  return { text: formatIp(ip), prefix, single: prefix.first === prefix.last }
}

/** Who is meant by a device's id, its name, or an address, with what it had in a time; undefined for nobody. */
export async function clientOf(session: Session, text: string, span: Span): Promise<Client | undefined> {
  try {
    const { holdings, macs } = await findClient(session, text)
    return {
      macs,
      holdings: holdings.filter(({ fromMs, toMs }) => fromMs < span.toMs && toMs >= span.fromMs),
    }
  } catch (error) {
    if (error instanceof QueryProblem && /no device was ever called/.test(error.message)) return undefined
    throw error
  }
}

/** SQL for the records of whom a text means, by one of some columns; none for nobody. */
export async function ofClient(
  session: Session,
  text: string | undefined,
  columns: readonly string[],
  span: Span,
): Promise<string> {
  if (text === undefined) return 'true'
  const client = await clientOf(session, text, span)
  return client ? columns.map((column) => `(${heldBy(column, client)})`).join(' OR ') : 'false'
}
