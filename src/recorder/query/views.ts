import { spansSql } from '../devices/spans-sql.ts'
import { KINDS, type Kind, type KindName } from '../records/kinds.ts'
import { identifier, literal } from '../sql.ts'
import { PARTITION_COLUMNS, relation, type Sources } from './relation.ts'
import { summary } from './shown.ts'

/** The view over all kinds: what happened, whatever the kind. */
export const RECORDS = 'records'
export const VIEWS: readonly string[] = [...Object.keys(KINDS), RECORDS]

const RECORDS_COLUMNS = ['kind', 'time', 'text', ...Object.keys(PARTITION_COLUMNS)]

/** The kinds that must be read for a view. */
export function kindsOf(view: string, device: boolean): KindName[] {
  const kinds = Object.keys(KINDS) as KindName[]
  const own = view === RECORDS ? kinds : kinds.filter((kind) => kind === view)
  return device && own.some((kind) => clientColumn(kind) !== undefined) && view !== RECORDS
    ? [...new Set([...own, 'devices' as const])]
    : own
}

/** The columns of a view, for those who got one wrong. */
export function columnsOf(view: string): string[] {
  if (view === RECORDS) return RECORDS_COLUMNS
  const kind = (Object.keys(KINDS) as KindName[]).find((name) => name === view)
  if (!kind) return []
  const device = clientColumn(kind) === undefined ? [] : ['device']
  return [...Object.keys(KINDS[kind].columns), ...Object.keys(PARTITION_COLUMNS), ...device]
}

/** SQL for a view's rows. `device`: with the column of that name, which costs a join. */
export function viewSql(view: string, sources: (kind: KindName) => Sources, device: boolean): string {
  const kinds = Object.keys(KINDS) as KindName[]
  if (view === RECORDS) {
    const each = kinds.map((kind) => {
      const partition = Object.keys(PARTITION_COLUMNS).join(', ')
      return `SELECT ${literal(kind)} AS kind, "time", ${summary(kind)} AS "text", ${partition} FROM (${relation(kind, sources(kind))})`
    })
    return each.join(' UNION ALL ')
  }
  const kind = kinds.find((name) => name === view)
  if (!kind) throw new Error(`no view ${view}`)
  const rows = relation(kind, sources(kind))
  const client = clientColumn(kind)
  if (!device || client === undefined) return rows
  // A device without a name is called by its MAC address.
  return `SELECT r.*, CASE WHEN r."time" < d."to" THEN coalesce(d.device, d.macAddress) END AS device
    FROM (${rows}) r ASOF LEFT JOIN (${spansSql(relation('devices', sources('devices')))}) d
    ON r.${identifier(client)} = d.address AND r."time" >= d."from"`
}

/** The column with the client's address. */
function clientColumn(kind: KindName): string | undefined {
  return kind === 'devices' ? undefined : (KINDS[kind] as Kind).addresses[0]
}
