import { Command } from 'commander'
import { describeHistory } from '../router/generation/describe-history.ts'
import { listHistory } from '../router/generation/history.ts'
import { createHost } from '../router/host.ts'
import { terminalOptions } from './terminal.ts'

/** `sekisho generations`: what was applied on this machine, when and by whom, the newest first. */
export function generationsCommand(): Command {
  return new Command('generations')
    .description('what was applied on this machine, when and by whom; * is in use')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => {
      const entries = await listHistory(createHost())
      process.stdout.write(
        options.json ? `${JSON.stringify(entries, null, 2)}\n` : describeHistory(entries, terminalOptions()),
      )
    })
}
