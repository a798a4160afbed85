import { Command } from 'commander'
import { policyFor } from '../recorder/archive/s3/policy.ts'
import { bucketOf } from './bucket-of.ts'

/** `sekisho archive policy`: the least rights that the recorder's access key needs, as an IAM policy. */
export function archivePolicy(): Command {
  return new Command('policy')
    .description("the least IAM policy for the recorder's access key, as JSON")
    .option('-f, --file <file>', 'the router.yaml')
    .action(async (options: { file?: string }) => {
      const s3 = await bucketOf(options.file)
      if (s3) process.stdout.write(`${JSON.stringify(policyFor(s3), null, 2)}\n`)
    })
}
