import { KINDS } from '../records/kinds.ts'
import { identifier, literal } from '../sql.ts'

/**
 * Views for DuckDB over the archive in a bucket or a directory. `location` has no slash at its end. A bucket has one
 * object a day, a directory the parts of a day besides.
 */
export function duckdbDdl(location: string): string {
  const remote = location.startsWith('s3://')
  const head = remote
    ? `INSTALL httpfs;
LOAD httpfs;
-- Credentials from the environment or ~/.aws; for another service than Amazon's add ENDPOINT and URL_STYLE.
INSTALL aws;
LOAD aws;
CREATE SECRET IF NOT EXISTS sekisho (TYPE s3, PROVIDER credential_chain);
`
    : ''
  const views = Object.entries(KINDS).map(([kind, { about, columns }]) => {
    const files = literal(`${location}/site=*/kind=${kind}/date=*/*.parquet`)
    const names = [...Object.keys(columns), 'site', 'date'].map((name) => `  ${identifier(name)}`)
    return `-- ${about}
CREATE OR REPLACE VIEW ${identifier(kind)} AS SELECT
${names.join(',\n')}
FROM read_parquet(${files}, union_by_name = true, hive_partitioning = true,
  hive_types = {'site': VARCHAR, 'kind': VARCHAR, 'date': DATE});
`
  })
  return `-- The archive of sekisho as views of DuckDB. A kind that has no files yet has no view: leave it out.\n${head}\n${views.join('\n')}`
}
