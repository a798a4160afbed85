import { type Client, condition, type Filter, heldBy } from '../query/filter.ts'
import type { Session } from '../query/session.ts'
import { endsSql, NAME, NOTE, type Note, PORT, withDevice } from './ends.ts'
import { number, rowsOf, text } from './rows.ts'

export const TOP_BY = ['device', 'name', 'address', 'port', 'zone'] as const
export type TopBy = (typeof TOP_BY)[number]

export interface TopOptions {
  readonly by: TopBy
  readonly span: Pick<Filter, 'fromMs' | 'toMs'>
  readonly client?: Client
  readonly limit: number
  /** This router's addresses. */
  readonly own?: readonly string[]
}

/** What one device, name, address, port or zone had of all connections. Bytes of IP packets, from our devices' side. */
export interface TopRow {
  /** A device's name, a domain name, an address, "tcp 443" or a zone. */
  readonly key: string
  /** Why a name's key is an address. */
  readonly note?: Note
  /** The name that has most of an address, and the zone of a device. */
  readonly of?: string
  readonly down: number
  readonly up: number
  readonly connections: number
  /** How many of our devices there were. */
  readonly devices: number
}

export interface Top {
  readonly rows: readonly TopRow[]
  /** Of all, those included for which there was no room. */
  readonly total: {
    readonly keys: number
    readonly down: number
    readonly up: number
    readonly connections: number
  }
}

/** SQL for each way to look at `ends`: the key, whether a key is one of several kinds, and what else is told of it. */
const KEYS: Readonly<Record<TopBy, { readonly key: string; readonly note?: string; readonly of?: string }>> =
  {
    device: { key: 'device', of: 'arg_max(zone, "time")' },
    name: { key: NAME, note: NOTE },
    address: { key: 'peer', of: 'arg_max(name, up + down)' },
    port: { key: PORT, of: 'any_value(applicationName)' },
    zone: { key: `coalesce(zone, 'unknown')` },
  }

/** Who, or what, used how much: the most bytes first. */
export async function topOf(session: Session, options: TopOptions): Promise<Top> {
  const { by, span, client, limit, own } = options
  const { key, note = `''`, of = 'NULL' } = KEYS[by]
  // A connection between two devices is each one's, and once a name's.
  const each = client ? heldBy('address', client) : by === 'device' || by === 'zone' ? 'true' : 'NOT "second"'
  const ends = withDevice(`SELECT * FROM ${endsSql(condition('flows', span))} WHERE ${each}`, own)
  const rows = await rowsOf(
    session,
    ['flows', 'devices'],
    `SELECT *, count(*) OVER () AS "keys", sum(down) OVER () AS allDown, sum(up) OVER () AS allUp, sum(connections) OVER () AS allConnections
      FROM (SELECT ${key} AS "key", ${note} AS note, ${of} AS "of", sum(down) AS down, sum(up) AS up,
        count(DISTINCT flowId) AS connections, count(DISTINCT device) AS devices
        FROM ${ends} GROUP BY 1, 2)
      ORDER BY down + up DESC, connections DESC, "key" LIMIT ${limit}`,
  )
  const [first] = rows
  return {
    total: {
      keys: number(first?.keys),
      down: number(first?.allDown),
      up: number(first?.allUp),
      connections: number(first?.allConnections),
    },
    rows: rows.map((row) => {
      const [noted, its] = [text(row.note), text(row.of)]
      return {
        key: text(row.key) ?? '',
        ...(noted && { note: noted as Note }),
        ...(its !== undefined && { of: its }),
        down: number(row.down),
        up: number(row.up),
        connections: number(row.connections),
        devices: number(row.devices),
      }
    }),
  }
}
