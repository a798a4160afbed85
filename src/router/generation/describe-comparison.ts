import { createColors } from 'picocolors'
import { printableLine } from '../../lib/printable.ts'
import { changeLines, type DescribeOptions, paintOf } from '../describe.ts'
import type { Comparison, FileChange } from './compare.ts'

/** What differs between two generations, for the terminal; in full with the lines of the generated files. */
export function describeComparison(
  { from, to, changes, files }: Comparison,
  options: DescribeOptions = {},
): string {
  if (files.length === 0 && changes?.length === 0) return `Generations ${from} and ${to} are the same.\n`
  const lines = [`From generation ${from} to ${to}:`, '']
  if (changes === undefined) lines.push('  The router.yaml of one of them cannot be read by this release.')
  else if (changes.length === 0) lines.push('  router.yaml says the same.')
  else lines.push(...changeLines(changes, options))
  if (options.full) for (const file of files) lines.push('', ...fileLines(file, options))
  else if (files.length > 0)
    lines.push(
      '',
      `${files.length} generated file${files.length > 1 ? 's differ' : ' differs'}; "--full" shows the lines.`,
    )
  return `${lines.join('\n')}\n`
}

/** A changed file as a unified diff (POSIX diff -u). */
function fileLines(file: FileChange, options: DescribeOptions): string[] {
  const { bold, dim, cyan, green, red } = createColors(options.color ?? false)
  const side = (absent: FileChange['kind']) => (file.kind === absent ? '/dev/null' : file.path)
  return [
    bold(`--- ${side('added')}`),
    bold(`+++ ${side('removed')}`),
    ...(file.secret ? [dim('(a secret, which nobody is shown)')] : []),
    ...(file.hunks.length === 0 && !file.secret ? [dim('(the same text with another mode)')] : []),
    ...file.hunks.map((line) => paintOf(line, { cyan, green, red })(printableLine(line))),
  ]
}
