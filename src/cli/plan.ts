import { Command } from 'commander'
import { describe, describeJson } from '../router/describe.ts'
import { createHost } from '../router/host.ts'
import { observe } from '../router/observe.ts'
import { plan } from '../router/plan.ts'
import { loadOrReport } from './report.ts'
import { terminalOptions } from './terminal.ts'

/** `sekisho plan [FILE]`: what apply would change. Exit 0: nothing; 2: changes; 1: the file is wrong. */
export function planCommand(): Command {
  return new Command('plan')
    .description('what apply would change, and what you would notice')
    .argument('[file]', 'the router.yaml')
    .option('--full', 'every step, with the lines of the generated files and rules that change')
    .option('--json', 'for programs')
    .action(async (file: string | undefined, options: { full?: boolean; json?: boolean }) => {
      const loaded = await loadOrReport(file, options.json === true)
      if (!loaded) return
      const planned = plan(
        await observe(createHost(), loaded.desired),
        loaded.desired,
        undefined,
        loaded.text,
      )
      process.stdout.write(
        options.json
          ? `${JSON.stringify(describeJson(planned), null, 2)}\n`
          : describe(planned, { full: options.full === true, ...terminalOptions() }),
      )
      process.exitCode = planned.blockers.length > 0 ? 1 : planned.steps.length > 0 ? 2 : 0
    })
}
