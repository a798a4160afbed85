import { Command } from 'commander'
import { createHost } from '../router/host.ts'
import { describeStatus } from '../status/describe-status.ts'
import { routerStatus } from '../status/status.ts'
import { loadOrReport } from './report.ts'

/** `sekisho status`: what runs on this router now. Exit 0 when all is well, 3 when something is not. */
export function statusCommand(): Command {
  return new Command('status')
    .description('links, addresses, services and records of this router')
    .option('-f, --file <file>', 'the router.yaml')
    .option('--json', 'for programs')
    .action(async (options: { file?: string; json?: boolean }) => {
      if (process.getuid?.() !== 0) {
        process.stderr.write('sekisho status asks the kernel and Docker. Fix: run it as root\n')
        process.exitCode = 1
        return
      }
      const loaded = await loadOrReport(options.file, options.json === true)
      if (!loaded) return
      const status = await routerStatus(createHost(), loaded.router, loaded.desired)
      process.stdout.write(options.json ? `${JSON.stringify(status, null, 2)}\n` : describeStatus(status))
      process.exitCode = status.ok ? 0 : 3
    })
}
