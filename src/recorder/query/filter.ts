import type { Prefix } from '../../lib/ip.ts'
import { KINDS, type Kind, type KindName } from '../records/kinds.ts'
import { identifier, literal } from '../sql.ts'

/** A while in which an address was a device's; microseconds do not matter. */
export interface Holding {
  readonly address: string
  readonly fromMs: number
  readonly toMs: number
}

export interface Client {
  readonly holdings: readonly Holding[]
  /** MAC addresses, for kinds that have them. */
  readonly macs: readonly string[]
}

/** An address or a prefix; `text` is the address's usual text. */
export interface AddressFilter {
  readonly text: string
  readonly prefix: Prefix
  readonly single: boolean
}

/** What `sekisho logs` looks for. */
export interface Filter {
  readonly fromMs?: number
  readonly toMs?: number
  readonly name?: string
  readonly address?: AddressFilter
  readonly client?: Client
  /** RE2; without capitals it matches them too. */
  readonly grep?: string
}

const MAC_COLUMNS = ['macAddress', 'sourceMacAddress']

/** SQL for the condition; a text if this kind has nothing of what is looked for. */
export function condition(kind: KindName, filter: Filter): string {
  const { columns, names, addresses }: Kind = KINDS[kind]
  const all: string[] = []
  if (filter.fromMs !== undefined) all.push(`"time" >= ${instant(filter.fromMs)}`)
  // Until a millisecond is until its end.
  if (filter.toMs !== undefined) all.push(`"time" < ${instant(filter.toMs + 1)}`)
  const { name, address, client, grep } = filter
  if (name !== undefined) all.push(any(names.map((column) => nameMatch(kind, column, name))))
  if (address !== undefined) all.push(any(addresses.map((column) => addressMatch(column, address))))
  if (client !== undefined) {
    const macs = MAC_COLUMNS.filter((column) => Object.hasOwn(columns, column))
    all.push(
      any([
        ...addresses.map((column) => heldBy(column, client)),
        ...macs.map((column) => isOneOf(column, client.macs)),
      ]),
    )
  }
  if (grep !== undefined) all.push(grepMatch(columns, grep))
  return all.length === 0 ? 'true' : all.map((one) => `(${one})`).join(' AND ')
}

/** Whether this kind has a column for each thing that is looked for; else what it lacks. */
export function missing(kind: KindName, filter: Filter): string | undefined {
  const { names, addresses, columns }: Kind = KINDS[kind]
  if (filter.name !== undefined && names.length === 0) return 'names'
  if (filter.address !== undefined && addresses.length === 0) return 'addresses'
  const macs = MAC_COLUMNS.some((column) => Object.hasOwn(columns, column))
  return filter.client !== undefined && addresses.length === 0 && !macs ? 'addresses of clients' : undefined
}

/** The dates (UTC) under which records of this time are filed. */
export function datesOf({ fromMs, toMs }: Filter): { readonly from?: string; readonly to?: string } {
  const date = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
  return {
    ...(fromMs !== undefined && { from: date(fromMs) }),
    ...(toMs !== undefined && { to: date(toMs) }),
  }
}

/**
 * A domain is itself and everything below it; with "*" the whole name must match. Domain names are compared in lower case
 * (RFC 4343), and with or without the root's dot; the log's own names of hosts and programs as they are, capitals aside.
 */
export function nameMatch(kind: KindName, column: string, name: string): string {
  const wanted = name.toLowerCase().replace(/\.$/, '')
  // The watchers write lower case: without lower() the archive's statistics leave most of it unread.
  const watched = kind === 'dns' || kind === 'flows'
  const quoted = watched ? identifier(column) : `lower(${identifier(column)})`
  if (wanted.includes('*')) return `rtrim(${quoted}, '.') LIKE ${literal(globPattern(wanted))} ESCAPE '\\'`
  const spellings = [wanted, `${wanted}.`]
  return [
    `${quoted} IN (${spellings.map(literal).join(', ')})`,
    ...spellings.map((spelling) => `suffix(${quoted}, ${literal(`.${spelling}`)})`),
  ].join(' OR ')
}

function globPattern(glob: string): string {
  return glob.replace(/[\\%_]/g, '\\$&').replaceAll('*', '%')
}

export function addressMatch(column: string, { text, prefix, single }: AddressFilter): string {
  const quoted = identifier(column)
  if (single) return `${quoted} = ${literal(text)}`
  const { version, first, last } = prefix
  // How its addresses begin is compared sooner than numbers are made of all others.
  const begins = begin(prefix).map((text) => `starts_with(${quoted}, ${literal(text)})`)
  const exact =
    version === 4
      ? [`NOT contains(${quoted}, ':')`, `${ipv4Number(quoted)} BETWEEN ${first} AND ${last}`]
      : [
          `contains(${quoted}, ':')`,
          `${ipv6Digits(quoted)} BETWEEN ${literal(digits(first))} AND ${literal(digits(last))}`,
        ]
  return `CASE WHEN ${[...begins, ...exact.slice(0, 1)].join(' AND ')} THEN ${exact[1]} ELSE false END`
}

/** With which text all addresses of a prefix begin, and perhaps others: none, or one. */
function begin({ version, length, first }: Prefix): string[] {
  const digitsOf = version === 4 ? 8 : 16
  const bits = version === 4 ? 32 : 128
  const whole = Math.floor(length / digitsOf)
  const groups = Array.from({ length: whole }, (_, i) => {
    const shift = BigInt(bits - (i + 1) * digitsOf)
    return (first >> shift) & ((1n << BigInt(digitsOf)) - 1n)
  })
  // RFC 5952: zeros may be left out, and nothing else.
  const zero = version === 4 ? -1 : groups.indexOf(0n)
  const sure = zero === -1 ? groups : groups.slice(0, zero)
  if (sure.length === 0) return []
  const [radix, separator] = version === 4 ? [10, '.'] : [16, ':']
  const text = sure.map((group) => group.toString(radix)).join(separator)
  return [sure.length === bits / digitsOf ? text : `${text}${separator}`]
}

/** SQL for an IPv4 address in its usual text as a number. */
function ipv4Number(column: string): string {
  const byte = (n: number): string => `try_cast(split_part(${column}, '.', ${n}) AS UBIGINT)`
  return `(${byte(1)} * 16777216 + ${byte(2)} * 65536 + ${byte(3)} * 256 + ${byte(4)})`
}

/** SQL for an IPv6 address of RFC 5952 as its 32 hexadecimal digits. */
function ipv6Digits(column: string): string {
  const groups = (part: number): string =>
    `list_filter(string_split(split_part(${column}, '::', ${part}), ':'), lambda g: g <> '')`
  const zeros = `list_transform(range(8 - len(${groups(1)}) - len(${groups(2)})), lambda i: '0')`
  const whole = `list_concat(list_concat(${groups(1)}, ${zeros}), ${groups(2)})`
  return `array_to_string(list_transform(${whole}, lambda g: lpad(g, 4, '0')), '')`
}

function digits(value: bigint): string {
  return value.toString(16).padStart(32, '0')
}

/** SQL for whether the address was a client's at the record's time. */
export function heldBy(column: string, { holdings }: Client): string {
  if (holdings.length === 0) return 'false'
  const quoted = identifier(column)
  const addresses = [...new Set(holdings.map(({ address }) => address))]
  // The first condition is what the archive's statistics understand.
  const one = isOneOf(column, addresses)
  if (holdings.length > MOST_WHILES) {
    const rows = holdings.map(
      ({ address, fromMs, toMs }) => `(${literal(address)}, ${instant(fromMs)}, ${instant(toMs)})`,
    )
    return `${one} AND EXISTS (SELECT 1 FROM (VALUES ${rows.join(', ')}) held(held_address, held_from, held_to)
      WHERE held_address = ${quoted} AND "time" BETWEEN held_from AND held_to)`
  }
  const whiles = holdings.map(
    ({ address, fromMs, toMs }) =>
      `(${quoted} = ${literal(address)} AND "time" BETWEEN ${instant(fromMs)} AND ${instant(toMs)})`,
  )
  return `${one} AND (${whiles.join(' OR ')})`
}

/** A phone has some new addresses each day (RFC 8981): more than these cost less in a join than one after the other. */
const MOST_WHILES = 8

/** SQL for whether a column is one of some texts. */
export function isOneOf(column: string, values: readonly string[]): string {
  return values.length === 0 ? 'false' : `${identifier(column)} IN (${values.map(literal).join(', ')})`
}

function grepMatch(columns: Kind['columns'], pattern: string): string {
  const texts = Object.entries(columns).filter(([, type]) => !/^(TIMESTAMP|BOOLEAN|U|DOUBLE)/.test(type))
  const options = pattern === pattern.toLowerCase() ? 'i' : 'c'
  return any(
    texts.map(([name]) => `regexp_matches(${identifier(name)}::VARCHAR, ${literal(pattern)}, '${options}')`),
  )
}

function any(conditions: readonly string[]): string {
  return conditions.length === 0 ? 'false' : conditions.map((one) => `(${one})`).join(' OR ')
}

function instant(ms: number): string {
  return `make_timestamp(${BigInt(Math.round(ms)) * 1000n})`
}
