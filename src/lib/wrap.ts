/** A line broken between words so that none of it is wider than `width`; what follows the first begins with `indent`. */
export function wrap(line: string, width: number, indent = ''): string {
  if (line.length <= width) return line
  const lines: string[] = []
  let at = /^ */.exec(line)?.[0] ?? ''
  let empty = true
  for (const word of line.trimStart().split(' ')) {
    if (!empty && at.length + 1 + word.length > width) {
      lines.push(at)
      at = indent
      empty = true
    }
    at += empty ? word : ` ${word}`
    empty = false
  }
  return [...lines, at].join('\n')
}
