import { place } from './location.ts'
import { FILTERS, type ListQuery } from './reads.ts'
import { spanOf } from './span.ts'

const ROWS = 100

/** What the address asks of a list. */
export function listQuery(sinceByDefault: string): ListQuery {
  const { query } = place.value
  const filters = FILTERS.flatMap((name) => {
    const value = query.get(name)
    return value === null || value === '' ? [] : [[name, value] as const]
  })
  return { ...spanOf(query, Date.now(), sinceByDefault), ...Object.fromEntries(filters), limit: ROWS }
}

/** Without its place in the list, for a summary of all. */
export function withoutCursor(query: ListQuery): ListQuery {
  const { cursor, ...rest } = query
  return cursor === undefined ? query : rest
}
