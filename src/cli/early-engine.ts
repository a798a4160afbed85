import { startDuckDb } from '../recorder/query/start-duckdb.ts'
import { useEngine } from './open-session.ts'

/*
 * To be imported first by what will ask DuckDB: it starts in another thread while the rest is loaded. Help needs none.
 */

if (!process.argv.some((argument) => argument === '-h' || argument === '--help')) useEngine(startDuckDb())
