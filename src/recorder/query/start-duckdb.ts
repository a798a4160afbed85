import { DuckDBInstance } from '@duckdb/node-api'

/** Starts DuckDB in memory, in another thread: there is time to load the rest meanwhile. Database.open locks it up. */
export function startDuckDb(): Promise<DuckDBInstance> {
  return DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
  })
}
