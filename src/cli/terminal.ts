import type { DescribeOptions } from '../router/describe.ts'

/** How to write to standard output: in colours and within its columns when it is a terminal (no-color.org). */
export function terminalOptions(): Pick<DescribeOptions, 'color' | 'width'> {
  const { isTTY, columns } = process.stdout
  if (!isTTY) return {}
  return { color: !process.env.NO_COLOR, ...(columns >= 40 && { width: columns }) }
}
