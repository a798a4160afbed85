import { Command } from 'commander'
import { runTests } from '../testing/run.ts'

/** `sekisho test [NAME...]`: every test, or the parts named. */
export function testCommand(): Command {
  return new Command('test')
    .description(
      'run the tests: all of them, or the parts named (lint, unit, parts, lab, vm, or part of a file name)',
    )
    .argument('[name...]')
    .option(
      '--full',
      'with all tests of the virtual machine, and large counts of the others: many restarts, applies and boots',
    )
    .action(async (names: string[], options: { full?: boolean }) => {
      process.exitCode = await runTests({ names, full: options.full === true })
    })
}
