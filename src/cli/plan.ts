import { Command } from 'commander'
import { describe, describeJson } from '../router/describe.ts'
import { createHost } from '../router/host.ts'
import { observe } from '../router/observe.ts'
import { plan } from '../router/plan/plan.ts'
import { describeProof, proofJson, proofOf } from './proof.ts'
import { loadOrReport } from './report.ts'
import { terminalOptions } from './terminal.ts'

/**
 * `sekisho plan [FILE]`: what apply would change. Exit 0: nothing; 2: changes; 1: the file is wrong; 3: a check of the file
 * does not hold.
 */
export function planCommand(): Command {
  return new Command('plan')
    .description('what apply would change, and what you would notice')
    .argument('[file]', 'the router.yaml')
    .option('--full', 'every step, with the lines of the generated files and rules that change')
    .option('--prove', 'try out the checks of router.yaml with real packets in a network apart')
    .option('--json', 'for programs')
    .action(
      async (file: string | undefined, options: { full?: boolean; json?: boolean; prove?: boolean }) => {
        const loaded = await loadOrReport(file, options.json === true)
        if (!loaded) return
        const planned = plan(await observe(createHost(), loaded.desired), loaded.desired, {
          source: loaded.text,
        })
        const proof = options.prove ? await proofOf(loaded) : undefined
        if (typeof proof === 'string') {
          process.stderr.write(`${proof}\n`)
          process.exitCode = 1
          return
        }
        process.stdout.write(
          options.json
            ? `${JSON.stringify(Object.assign({}, describeJson(planned), proof && { proof: proofJson(proof, loaded) }), null, 2)}\n`
            : describe(planned, { full: options.full === true, ...terminalOptions() }) +
                (proof ? `\n${describeProof(proof, loaded, process.stdout.isTTY)}` : ''),
        )
        const code = planned.blockers.length > 0 ? 1 : planned.steps.length > 0 ? 2 : 0
        process.exitCode = proof?.ok === false ? 3 : code
      },
    )
}
