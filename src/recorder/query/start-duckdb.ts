// Not the package's index: that loads and looks through all of it, 20 ms more.
import { DuckDBInstance } from '@duckdb/node-api/lib/DuckDBInstance.js'

/** Starts DuckDB in memory, in another thread: there is time to load the rest meanwhile. Database.open locks it up. */
export function startDuckDb(): Promise<DuckDBInstance> {
  return DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
  })
}
