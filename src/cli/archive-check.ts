import { Command } from 'commander'
import { checkBucket } from '../recorder/archive/s3/check.ts'
import { readCredentials } from '../recorder/archive/s3/credentials.ts'
import { QueryProblem } from '../recorder/query/problem.ts'
import { bucketOf } from './bucket-of.ts'
import { answering } from './query-options.ts'

/** `sekisho archive check`: whether the recorder's key can do at the bucket what it has to. Exit 0, or 1. */
export function archiveCheck(): Command {
  return new Command('check')
    .description("write, read back and list at the bucket with the recorder's key")
    .option('-f, --file <file>', 'the router.yaml')
    .action((options: { file?: string }) =>
      answering(async () => {
        const s3 = await bucketOf(options.file)
        if (!s3) return
        const credentials = await readCredentials(
          s3.hostCredentialsFile ?? s3.credentialsFile,
          process.env,
        ).catch((error: unknown) => {
          throw new QueryProblem(
            `${(error as Error).message}. Fix: write the access key into the file that credentials_file names`,
          )
        })
        const results = await checkBucket(s3, credentials)
        for (const { what, problem } of results)
          process.stdout.write(problem === undefined ? `  ok  ${what}\n` : `  !   ${what}: ${problem}\n`)
        if (results.some(({ problem }) => problem !== undefined)) process.exitCode = 1
      }),
    )
}
