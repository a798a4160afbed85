import type { DuckDBInstance } from '@duckdb/node-api'
import type { Place } from '../recorder/query/place.ts'
import { Session, type SessionOptions } from '../recorder/query/session.ts'

let started: Promise<DuckDBInstance> | undefined

/** Gives the next session a DuckDB that was started before. */
export function useEngine(starting: Promise<DuckDBInstance>): void {
  started = starting
  // Where nobody asks for it after all, its failure is nobody's.
  starting.catch(() => undefined)
}

/** Opens a session over the records. */
export function openSession(place: Place, options: SessionOptions): Promise<Session> {
  const starting = started
  started = undefined
  return Session.open(place, options, starting)
}
