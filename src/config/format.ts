import { createColors } from 'picocolors'
import { printable, printableChar } from '../lib/printable.ts'
import type { Issue, Location } from './issue.ts'

/**
 * Issues for people: one line each as `file:line:column path: message. Fix: …`, then the line of the source and a
 * caret below the place. Whatever the file holds, the result has no control characters but newlines and colours.
 */
export function formatIssues(
  issues: readonly Issue[],
  text: string,
  options: { readonly color: boolean },
): string {
  const colors = createColors(options.color)
  const lines = text.replace(/^\ufeff/, '').split('\n')
  return issues
    .map((issue) => {
      const { location } = issue
      const warning = issue.severity === 'warning'
      const paint = warning ? colors.yellow : colors.red
      const where = location
        ? `${colors.bold(printable(`${location.file}:${location.line}:${location.column}`))} `
        : ''
      const path = issue.path.length > 0 ? `${printable(pathText(issue.path))}: ` : ''
      const head = `${where}${warning ? paint('warning: ') : ''}${path}${sentence(issue.message)} ${colors.cyan('Fix:')} ${sentence(issue.fix)}`
      const line = location && lines[location.line - 1]
      if (!location || line === undefined) return `${head}\n`
      const shown = excerpt(line.replace(/\r$/, ''), location)
      return `${head}\n  ${shown.source}\n  ${shown.indent}${paint(shown.caret)}\n`
    })
    .join('')
}

/** The path as one writes it: "firewall.forwards[0].to". */
function pathText(path: Issue['path']): string {
  return path
    .map((step, i) => {
      if (typeof step === 'number') return `[${step}]`
      const plain = /^[\p{L}\p{N}_-]{1,40}$/u.test(step)
      return `${i > 0 ? '.' : ''}${plain ? step : JSON.stringify(step.slice(0, 40))}`
    })
    .join('')
}

/** Issues for programs; the strings are as the file has them, JSON escapes what must be. */
export function issuesJson(issues: readonly Issue[]): object[] {
  return issues.map(({ path, message, fix, severity = 'error', location }) => ({
    severity,
    path: pathText(path),
    message,
    fix,
    ...(location && { location }),
  }))
}

function sentence(text: string): string {
  const shown = printable(text)
  return /[.?!…]$/.test(shown) ? shown : `${shown}.`
}

const MAX_COLUMNS = 120
const BEFORE_CARET = 60

/** The part of a line around the place, as it is printed, and the caret line's two parts. */
function excerpt(
  line: string,
  { column, width }: Location,
): { source: string; indent: string; caret: string } {
  const chars = [...line]
  const start = Math.min(column - 1, chars.length)
  const from = start > BEFORE_CARET && chars.length > MAX_COLUMNS ? start - BEFORE_CARET : 0
  const to = Math.min(chars.length, from + MAX_COLUMNS)
  const cut = from > 0 ? '…' : ''
  const source = `${cut}${printed(chars.slice(from, to))}${to < chars.length ? '…' : ''}`
  const indent = ' '.repeat(cells(`${cut}${printed(chars.slice(from, start))}`))
  const caret = '^'.repeat(Math.max(1, cells(printed(chars.slice(start, Math.min(start + width, to))))))
  return { source, indent, caret }
}

function printed(chars: readonly string[]): string {
  return chars.map((char) => (char === '\t' ? '  ' : printableChar(char))).join('')
}

/** Terminal columns: East Asian wide characters and emoji take two, combining marks none. */
function cells(text: string): number {
  let count = 0
  for (const char of text) {
    if (/\p{M}/u.test(char)) continue
    const wide =
      /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(
        char,
      ) || /\p{Emoji_Presentation}/u.test(char)
    count += wide ? 2 : 1
  }
  return count
}
