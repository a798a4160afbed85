import type { Place } from '../recorder/query/place.ts'
import type { Session, SessionOptions } from '../recorder/query/session.ts'

/** Opens a session over the records. DuckDB starts while the rest is loaded, and nothing of either before it is asked for. */
export async function openSession(place: Place, options: SessionOptions): Promise<Session> {
  const { startDuckDb } = await import('../recorder/query/start-duckdb.ts')
  const starting = startDuckDb()
  const { Session } = await import('../recorder/query/session.ts')
  return Session.open(place, options, starting)
}
