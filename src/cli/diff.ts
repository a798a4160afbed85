import { Command } from 'commander'
import { compareGenerations } from '../router/generation/compare.ts'
import { describeComparison } from '../router/generation/describe-comparison.ts'
import { findGeneration } from '../router/generation/history.ts'
import { createHost } from '../router/host.ts'
import { terminalOptions } from './terminal.ts'

interface Options {
  readonly full?: boolean
  readonly json?: boolean
}

/** `sekisho diff A [B]`: what changed between two generations. Exit 0: nothing; 2: something; 1: there is none such. */
export function diffCommand(): Command {
  return new Command('diff')
    .description('what changed from one generation to another, or to the one in use')
    .argument('<from>', 'a generation: its number, "current" or "confirmed"')
    .argument('[to]', 'the other one', 'current')
    .option('--full', 'with the lines of the generated files and rules that change')
    .option('--json', 'for programs')
    .action(async (from: string, to: string, options: Options) => {
      const host = createHost()
      const [before, after] = [await findGeneration(host, from), await findGeneration(host, to)]
      for (const problem of [before, after].filter((one) => typeof one === 'string'))
        process.stderr.write(`${problem}\n`)
      if (typeof before === 'string' || typeof after === 'string') {
        process.exitCode = 1
        return
      }
      const compared = compareGenerations(before, after)
      process.stdout.write(
        options.json
          ? `${JSON.stringify(compared, null, 2)}\n`
          : describeComparison(compared, { full: options.full === true, ...terminalOptions() }),
      )
      process.exitCode = compared.files.length + (compared.changes?.length ?? 1) > 0 ? 2 : 0
    })
}
