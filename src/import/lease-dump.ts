import type { Issue } from '../config/issue.ts'
import { troubleAt } from './source.ts'
import { type SqlToken, statementsOf } from './sql-tokens.ts'

/*
 * The table lease4 of a mysqldump of Kea's database. Whatever the names of clients hold, only statements count.
 */

export interface OldLease {
  /** An IPv4 address as a number. */
  readonly address: number
  /** Lower-case hexadecimal octets with colons; empty for none. */
  readonly mac: string
  readonly clientId: string
  readonly lifetimeSecs: number
  /** Seconds since 1970. */
  readonly expires: number
  /** What the client called itself, in letters, digits, dots and hyphens. */
  readonly hostname: string
  /** 0: in use, 1: declined, 2: expired and reclaimed. */
  readonly state: number
}

export type ReadDump =
  | {
      readonly ok: true
      readonly leases: readonly OldLease[]
      readonly isUtc: boolean
      readonly refused: number
    }
  | { readonly ok: false; readonly issues: readonly Issue[] }

export const MAX_DUMP_BYTES = 16 * 1024 * 1024
const MAX_LEASES = 100_000

/** The columns of Kea's schema, in its order; later versions of it have more after them. */
const COLUMNS =
  'address hwaddr client_id valid_lifetime expire subnet_id fqdn_fwd fqdn_rev hostname state'.split(' ')

/** Reads a dump. Its bytes are one character each: addresses of hardware are binary there. */
export function readDump(bytes: Uint8Array, file: string): ReadDump {
  if (bytes.length > MAX_DUMP_BYTES)
    return trouble(file, 1, `the dump has more than ${MAX_DUMP_BYTES} bytes`, 'dump the table lease4 alone')
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  const lineOf = (at: number) => text.slice(0, at).split('\n').length
  let columns: readonly string[] = COLUMNS
  let isFound = false
  let refused = 0
  const leases = new Map<number, OldLease>()
  const read = statementsOf(text)
  if (read.openAt !== undefined)
    return trouble(
      file,
      lineOf(read.openAt),
      'a text or a comment that begins here does not end: the dump is cut off',
      'make the dump anew',
    )
  for (const tokens of read.statements) {
    const words = tokens.slice(0, 8).map(({ kind, value }) => (kind === 'word' ? value.toUpperCase() : value))
    const [first, second] = words
    if (first === 'CREATE' && second === 'TABLE') {
      const at = words[2] === 'IF' ? 5 : 2
      if (tokens[at]?.value !== 'lease4') continue
      isFound = true
      columns = columnsOf(tokens.slice(at + 1))
    } else if (
      (first === 'INSERT' || first === 'REPLACE') &&
      tokens.some(({ value }) => value === 'lease4')
    ) {
      const at = words[1] === 'IGNORE' ? 3 : 2
      if (tokens[at]?.value !== 'lease4') continue
      isFound = true
      const rows = rowsOf(tokens.slice(at + 1), columns)
      if (typeof rows === 'number')
        return trouble(
          file,
          lineOf(rows),
          'the values of this INSERT are not a list of rows',
          'make the dump anew with mysqldump',
        )
      for (const row of rows) {
        const lease = leaseOf(row)
        if (lease) leases.set(lease.address, lease)
        else refused++
        if (leases.size > MAX_LEASES)
          return trouble(
            file,
            1,
            `there are more than ${MAX_LEASES} leases`,
            'dump those of this router alone',
          )
      }
    }
  }
  if (!isFound) {
    const fix = 'dump it with: mysqldump -u root -p --hex-blob dhcpdb lease4'
    return trouble(file, 1, 'the dump has no table lease4', fix)
  }
  const isUtc = /SET TIME_ZONE\s*=\s*'\+00:00'/.test(text.slice(0, 10_000))
  return { ok: true, leases: [...leases.values()].sort((a, b) => a.address - b.address), isUtc, refused }
}

function trouble(file: string, line: number, message: string, fix: string): ReadDump {
  return { ok: false, issues: [troubleAt(file, line, message, fix)] }
}

/** Names of columns in CREATE TABLE's brackets: those that begin a part and are in quotes, or words that are no key. */
function columnsOf(tokens: readonly SqlToken[]): string[] {
  const names: string[] = []
  let depth = 0
  let isStart = false
  for (const { kind, value } of tokens) {
    if (kind === 'sign' && value === '(') isStart = ++depth === 1
    else if (kind === 'sign' && value === ')') depth--
    else if (kind === 'sign' && value === ',' && depth === 1) isStart = true
    else {
      const isKey =
        kind === 'word' && /^(PRIMARY|KEY|UNIQUE|INDEX|CONSTRAINT|FULLTEXT|FOREIGN|CHECK)$/i.test(value)
      if (isStart && depth === 1 && !isKey) names.push(value.toLowerCase())
      isStart = false
    }
  }
  return names
}

type Row = ReadonlyMap<string, SqlToken>

/** The rows of an INSERT after its table; the place where they are none. */
function rowsOf(tokens: readonly SqlToken[], columns: readonly string[]): Row[] | number {
  let names = columns
  let at = 0
  if (tokens[0]?.value === '(' && tokens[0].kind === 'sign') {
    const end = tokens.findIndex(({ kind, value }) => kind === 'sign' && value === ')')
    names = tokens.slice(1, end).flatMap(({ kind, value }) => (kind === 'sign' ? [] : value.toLowerCase()))
    at = end + 1
  }
  if (!/^VALUES?$/i.test(tokens[at]?.value ?? '')) return tokens[at]?.at ?? 0
  const rows: Row[] = []
  let row: SqlToken[] | undefined
  for (const token of tokens.slice(at + 1)) {
    const sign = token.kind === 'sign' ? token.value : undefined
    if (sign === '(' && row === undefined) row = []
    else if (sign === ')' && row !== undefined) {
      rows.push(new Map(row.slice(0, names.length).map((value, i) => [names[i] ?? '', value])))
      row = undefined
    } else if (sign === ',') continue
    else if (row === undefined || sign !== undefined) return token.at
    // "_binary 'bytes'" says of the text after it what it is.
    else if (!(token.kind === 'word' && token.value.startsWith('_'))) row.push(token)
  }
  return row === undefined ? rows : (row[0]?.at ?? 0)
}

function leaseOf(row: Row): OldLease | undefined {
  const number = (name: string, missing: number) => {
    const value = row.get(name)
    if (value === undefined || /^NULL$/i.test(value.value)) return missing
    return value.kind === 'number' && /^\d{1,10}$/.test(value.value) ? Number(value.value) : Number.NaN
  }
  const bytes = (name: string) => {
    const value = row.get(name)
    return value === undefined || value.kind === 'word' ? '' : value.value
  }
  const address = number('address', Number.NaN)
  const lifetimeSecs = number('valid_lifetime', 4000)
  const state = number('state', 0)
  const mac = hex(bytes('hwaddr'))
  const expires = timeOf(row.get('expire'))
  const isWhole = [address, lifetimeSecs, state].every(
    (value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32,
  )
  if (!isWhole || expires === undefined || bytes('hwaddr').length > 20 || bytes('client_id').length > 255)
    return undefined
  const hostname = bytes('hostname')
    .replace(/[^A-Za-z0-9.-]/g, '-')
    .slice(0, 255)
  return { address, mac, clientId: hex(bytes('client_id')), lifetimeSecs, expires, hostname, state }
}

function hex(bytes: string): string {
  return Buffer.from(bytes, 'latin1')
    .toString('hex')
    .replace(/..(?=.)/g, '$&:')
}

/** Seconds since 1970 of "2018-01-08 04:00:00", in UTC. */
function timeOf(token: SqlToken | undefined): number | undefined {
  if (token?.kind !== 'text') return undefined
  const match = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(\.\d+)?$/.exec(token.value)
  if (!match) return undefined
  const time = Date.parse(`${token.value.slice(0, 10)}T${token.value.slice(11, 19)}Z`)
  return Number.isNaN(time) || time < 0 ? undefined : time / 1000
}
