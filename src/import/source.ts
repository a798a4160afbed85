import type { Issue } from '../config/issue.ts'

/** A file of the old installation. Texts may hold secrets: nothing quotes them but where a comment says that it may. */
export interface Source {
  readonly file: string
  readonly text: string
}

/** What is so wrong with a file that nothing can be made of it. */
export function troubleAt(file: string, line: number, message: string, fix: string): Issue {
  return { path: [], message, fix, location: { file, line, column: 1, width: 1 } }
}

export interface Line {
  readonly number: number
  readonly text: string
}

/** Lines with their numbers, without line ends. */
export function linesOf(text: string): Line[] {
  return text.split('\n').map((line, i) => ({ number: i + 1, text: line.replace(/\r$/, '') }))
}

/** The same where a backslash at the end joins a line with the next. */
export function joinedLinesOf(text: string): Line[] {
  const lines: Line[] = []
  let open: { number: number; parts: string[] } | undefined
  for (const line of linesOf(text)) {
    open ??= { number: line.number, parts: [] }
    const goesOn = line.text.endsWith('\\')
    open.parts.push(goesOn ? line.text.slice(0, -1) : line.text)
    if (goesOn) continue
    lines.push({ number: open.number, text: open.parts.join(' ') })
    open = undefined
  }
  return open ? [...lines, { number: open.number, text: open.parts.join(' ') }] : lines
}

/**
 * The words of a line as iptables-restore and pppd read them: separated by blanks, "…" and '…' hold blanks, a backslash
 * takes the next sign as it is. Undefined when a quote does not end.
 */
export function wordsOf(line: string): string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let i = 0; i < line.length; i++) {
    const char = line[i] ?? ''
    if (char === '\\' && i + 1 < line.length) {
      word = (word ?? '') + line[++i]
    } else if (quote !== '') {
      if (char === quote) quote = ''
      else word += char
    } else if (char === '"' || char === "'") {
      quote = char
      word ??= ''
    } else if (char === ' ' || char === '\t') {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + char
  }
  if (quote !== '') return undefined
  if (word !== undefined) words.push(word)
  return words
}
