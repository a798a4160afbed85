import { Command } from 'commander'
import { policyFor } from '../recorder/archive/s3/policy.ts'
import { recorderSettings } from './recorder-settings.ts'

/** `sekisho archive policy`: the least rights that the recorder's access key needs, as an IAM policy. */
export function archivePolicy(): Command {
  return new Command('policy')
    .description("the least IAM policy for the recorder's access key, as JSON")
    .option('-f, --file <file>', 'the router.yaml')
    .action(async (options: { file?: string }) => {
      const settings = await recorderSettings(options.file)
      if (!settings) return
      const { s3 } = settings.archive
      if (s3) process.stdout.write(`${JSON.stringify(policyFor(s3), null, 2)}\n`)
      else {
        process.stderr.write(
          'this router has no bucket. Fix: add archive: { s3: { bucket: …, region: … } } to modules.recorder\n',
        )
        process.exitCode = 1
      }
    })
}
