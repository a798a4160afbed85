import { type ColumnType, KINDS } from '../records/kinds.ts'

const DATABASE = 'sekisho'
/** Before the first recorder: partition projection wants a beginning. */
const FIRST_DATE = '2026-01-01'

/**
 * External tables for Amazon Athena, which Trino reads from the same catalogue. Partitions are projected: their names
 * follow from the query, so nothing has to be crawled or added each day, and a query names its `site`. Athena's names
 * are in lower case and are matched with the files' whatever their case. `location` is s3://bucket/prefix.
 */
export function athenaDdl(location: string): string {
  const tables = Object.entries(KINDS).map(([kind, { about, columns }]) => {
    const lines = Object.entries(columns).map(
      ([name, type]) => `  \`${name.toLowerCase()}\` ${athenaType(type)}`,
    )
    return `-- ${about}
CREATE EXTERNAL TABLE IF NOT EXISTS \`${DATABASE}\`.\`${kind}\` (
${lines.join(',\n')}
)
PARTITIONED BY (\`site\` string, \`date\` date)
STORED AS PARQUET
LOCATION '${quoted(location)}/'
TBLPROPERTIES (
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.site.type' = 'injected',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '${FIRST_DATE},NOW+1DAY',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = '${quoted(location)}/site=\${site}/kind=${kind}/date=\${date}'
);
`
  })
  return `-- The archive of sekisho as tables of Amazon Athena (run one statement at a time); Trino reads the same catalogue.
-- Name the site in each query: SELECT count(*) FROM dns WHERE site = 'home' AND date = DATE '2026-11-23'
CREATE DATABASE IF NOT EXISTS \`${DATABASE}\`;

${tables.join('\n')}`
}

/**
 * Athena's type for what our Parquet files hold: it reads an unsigned integer of up to 16 bits as a signed one of 32, and
 * has none that holds 64 unsigned bits, which no count here reaches.
 */
function athenaType(type: ColumnType): string {
  switch (type) {
    case 'TIMESTAMP':
      return 'timestamp'
    case 'VARCHAR':
    case 'JSON':
      return 'string'
    case 'VARCHAR[]':
      return 'array<string>'
    case 'BOOLEAN':
      return 'boolean'
    case 'UTINYINT':
    case 'USMALLINT':
      return 'int'
    case 'UINTEGER':
    case 'UBIGINT':
      return 'bigint'
    case 'DOUBLE':
      return 'double'
    case 'STRUCT("name" VARCHAR, "type" VARCHAR, ttl UINTEGER, "data" VARCHAR)[]':
      return 'array<struct<`name`:string,`type`:string,ttl:bigint,data:string>>'
  }
}

function quoted(text: string): string {
  return text.replaceAll("'", "''")
}
