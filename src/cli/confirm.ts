import { Command } from 'commander'
import { confirm } from '../router/apply/confirm.ts'
import { sessionOf } from '../router/apply/session.ts'
import { createHost } from '../router/host.ts'
import { asRoot } from './report.ts'
import { complain } from './run-apply.ts'

/** `sekisho confirm [TOKEN]`: keeps what `apply --confirm` has made. Exit 0: it is kept; 1: it is not. */
export function confirmCommand(): Command {
  return new Command('confirm')
    .description('keep what "apply --confirm" has made, before its time is over')
    .argument('[token]', 'what apply printed; from the session that applied it is not needed')
    .action(async (token: string | undefined) => {
      if (!asRoot('confirm', 'changes the machine')) return
      const host = createHost()
      const session = await sessionOf(host, process.pid)
      const result = await confirm({ host, session, ...(token !== undefined && { token }) })
      if (!result.ok) {
        process.exitCode = complain(result.message)
        return
      }
      process.stdout.write(`Generation ${result.generation} is confirmed.\n`)
      if (result.keptYaml !== undefined)
        process.stdout.write(`router.yaml is that of then; what was there is kept in ${result.keptYaml}.\n`)
    })
}
