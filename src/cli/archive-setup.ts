import { Command, InvalidArgumentError, Option } from 'commander'
import { shellQuote } from '../lib/shell-quote.ts'
import { readCredentials } from '../recorder/archive/s3/credentials.ts'
import { applyStep, type StepResult } from '../recorder/archive/setup/apply.ts'
import { setupSteps } from '../recorder/archive/setup/steps.ts'
import { QueryProblem } from '../recorder/query/problem.ts'
import { bucketOf } from './bucket-of.ts'
import { answering } from './query-options.ts'

interface Options {
  readonly file?: string
  readonly apply?: boolean
  readonly credentials?: string
  readonly user?: string
  readonly expireDays?: number
  readonly iamEndpoint?: string
}

/** `sekisho archive setup`: how the bucket, its lifecycle and the key's rights are to be; with --apply, makes them so. */
export function archiveSetup(): Command {
  return new Command('setup')
    .description("the bucket, its lifecycle and the rights of the recorder's key: as commands, or done")
    .option('-f, --file <file>', 'the router.yaml')
    .option('--apply', 'do it, with the access key of somebody who may')
    .option('--credentials <file>', 'that access key, in the format of AWS; default: from the environment')
    .option('--user <name>', 'the IAM user whose key the recorder has: gets the policy', userName)
    .addOption(
      new Option('--expire-days <days>', 'delete records after so many days; default: never').argParser(days),
    )
    .option('--iam-endpoint <url>', "where another service than Amazon's answers for IAM", address)
    .action((options: Options) => answering(() => run(options)))
}

async function run({ file, apply, credentials, user, expireDays, iamEndpoint }: Options): Promise<void> {
  const s3 = await bucketOf(file)
  if (!s3) return
  const steps = setupSteps(s3, {
    ...(user !== undefined && { user }),
    ...(expireDays !== undefined && { expireDays }),
  })
  if (!apply) {
    const lines = steps.flatMap(({ what, command }) => [`# ${what}`, command.map(shellQuote).join(' ')])
    process.stdout.write(`${lines.join('\n')}\n`)
    return
  }
  const key = await readCredentials(credentials, process.env).catch((error: unknown) => {
    throw new QueryProblem(
      `${(error as Error).message}. Fix: name a file with --credentials, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`,
    )
  })
  for (const step of steps) {
    const result = await applyStep(step, {
      settings: s3,
      credentials: key,
      ...(user !== undefined && { user }),
      ...(iamEndpoint !== undefined && { iamEndpoint }),
    })
    process.stdout.write(`${line(result)}\n`)
    if (result.state !== 'failed') continue
    process.exitCode = 1
    // Without a bucket nothing else can be done.
    if (step.kind === 'create') return
  }
}

function line({ step, state, note }: StepResult): string {
  const words = { done: 'done ', there: 'there', left: 'left ', failed: '!    ' }
  return `  ${words[state]}  ${step.what}${note === undefined ? '' : `: ${note}`}`
}

function days(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 36_500)
    throw new InvalidArgumentError('Fix: give whole days, like 3650.')
  return value
}

/** IAM's own rule for names (IAM User Guide, "IAM name requirements"). */
function userName(text: string): string {
  if (!/^[\w+=,.@-]{1,64}$/.test(text)) throw new InvalidArgumentError("Fix: give an IAM user's name.")
  return text
}

function address(text: string): string {
  const url = URL.parse(text)
  if (!url || !['http:', 'https:'].includes(url.protocol))
    throw new InvalidArgumentError('Fix: give an address like https://iam.example.org.')
  return url.href
}
