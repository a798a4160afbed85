import { Command } from 'commander'
import { runBenches } from '../testing/bench.ts'

/** `sekisho bench [NAME...]`: every benchmark, or those named. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('run the benchmarks in bench/, or those named, each beside a peer in the same run')
    .argument('[name...]')
    .option('--json', 'a JSON object a table instead of text')
    .action(async (names: string[], options: { json?: boolean }) => {
      process.exitCode = await runBenches({ names, json: options.json === true })
    })
}
