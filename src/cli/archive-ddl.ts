import { Command } from 'commander'
import { athenaDdl } from '../recorder/query/ddl-athena.ts'
import { duckdbDdl } from '../recorder/query/ddl-duckdb.ts'
import { findPlace } from '../recorder/query/place.ts'
import { QueryProblem } from '../recorder/query/problem.ts'
import { answering, writeOut } from './query-options.ts'

interface Options {
  readonly engine: string
  readonly location?: string
}

const ENGINES: Readonly<Record<string, (location: string) => string>> = {
  duckdb: duckdbDdl,
  athena: athenaDdl,
}

/** `sekisho archive ddl`: table definitions with which other engines read the archive where it is. */
export function archiveDdl(): Command {
  return new Command('ddl')
    .description('SQL that defines the archive as tables of another engine')
    .requiredOption('--engine <engine>', `${Object.keys(ENGINES).join(' or ')} (Trino reads Athena's)`)
    .option('--location <location>', "s3://bucket/prefix or a directory; default: this router's bucket")
    .action(({ engine, location }: Options) =>
      answering(async () => {
        const write = Object.hasOwn(ENGINES, engine) ? ENGINES[engine] : undefined
        if (!write)
          throw new QueryProblem(
            `there is no engine "${engine}". Fix: choose ${Object.keys(ENGINES).join(' or ')}`,
          )
        await writeOut(write((location ?? ownLocation()).replace(/\/+$/, '')))
      }),
    )
}

function ownLocation(): string {
  const { s3 } = findPlace(undefined)
  if (!s3)
    throw new QueryProblem('this router has no bucket. Fix: name one with --location s3://bucket/prefix')
  return `s3://${s3.bucket}/${s3.prefix}`
}
