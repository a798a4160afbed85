import { Command } from 'commander'
import { type Comparison, compareGenerations } from '../router/compare-generations.ts'
import { changeLines, diffLinesOf } from '../router/describe.ts'
import { linkedGeneration, listGenerations, readGeneration } from '../router/generation.ts'
import { createHost, type Host } from '../router/host.ts'
import type { GenerationOnDisk } from '../router/inventory.ts'
import { PATHS } from '../router/paths.ts'
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
      const [before, after] = [await named(host, from), await named(host, to)]
      for (const problem of [before, after].filter((one) => typeof one === 'string'))
        process.stderr.write(`${problem}\n`)
      if (typeof before === 'string' || typeof after === 'string') {
        process.exitCode = 1
        return
      }
      const compared = compareGenerations(before, after)
      process.stdout.write(
        options.json ? `${JSON.stringify(compared, null, 2)}\n` : inWords(compared, options.full === true),
      )
      process.exitCode = compared.files.length + (compared.changes?.length ?? 1) > 0 ? 2 : 0
    })
}

/** The generation that a word of the command line means, or why there is none. */
async function named(host: Host, word: string): Promise<GenerationOnDisk | string> {
  const link = { current: PATHS.current, confirmed: PATHS.confirmed }[word]
  const number =
    link !== undefined
      ? await linkedGeneration(host, link)
      : /^\d{1,9}$/.test(word)
        ? Number(word)
        : undefined
  const found = number === undefined ? undefined : await readGeneration(host, number)
  if (found) return found
  const there = (await listGenerations(host)).join(', ')
  return `there is no generation ${JSON.stringify(word)}. Fix: ${there === '' ? 'apply first' : `name one of ${there}`}`
}

function inWords({ from, to, changes, files }: Comparison, full: boolean): string {
  const options = terminalOptions()
  if (files.length === 0 && changes?.length === 0) return `Generations ${from} and ${to} are the same.\n`
  const lines = [`From generation ${from} to ${to}:`, '']
  if (changes === undefined) lines.push('  The router.yaml of one of them cannot be read by this release.')
  else if (changes.length === 0) lines.push('  router.yaml says the same.')
  else lines.push(...changeLines(changes, options))
  if (full) for (const file of files) lines.push('', ...diffLinesOf(file, options))
  else if (files.length > 0)
    lines.push(
      '',
      `${files.length} generated file${files.length > 1 ? 's differ' : ' differs'}; "--full" shows the lines.`,
    )
  return `${lines.join('\n')}\n`
}
