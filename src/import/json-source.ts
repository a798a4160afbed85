import type { Issue } from '../config/issue.ts'
import { type Source as Parsed, parse } from '../config/parse.ts'
import type { Source } from './source.ts'

export type Read =
  | { readonly ok: true; readonly source: Parsed }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/**
 * Reads JSON, comments and a comma too many included: YAML 1.2 is JSON with more, and its parser knows the places. What
 * is wrong is said without a word of the file, which may hold secrets.
 */
export function readJson({ file, text }: Source): Read {
  const { source, issues } = parse(text, file)
  if (source && issues.length === 0) return { ok: true, source }
  return { ok: false, issues: issues.slice(0, 5).map((issue) => worded(issue)) }
}

function worded(issue: Issue): Issue {
  const known = /is given twice|control character|not UTF-8|bytes; at most|nested too deeply/.test(
    issue.message,
  )
  const { location } = issue
  const place = location && { location }
  if (known) return { path: [], message: issue.message, fix: issue.fix, ...place }
  return {
    path: [],
    message: 'this is no JSON here, or not a mapping of keys',
    fix: 'look for a comma, a quote or a bracket that is missing, here or in the line before',
    ...place,
  }
}

/** Comments as Kea writes them in its JSON (// and between slash and star) made blank: places stay what they are. */
export function withoutComments(text: string): string {
  let out = ''
  for (let at = 0; at < text.length; ) {
    const end = partEnd(text, at)
    const part = text.slice(at, end)
    out += part.startsWith('//') || part.startsWith('/*') ? part.replace(/[^\n]/g, ' ') : part
    at = end
  }
  return out
}

/** Where a string, a comment or a single sign ends. A string ends with its line at the latest. */
function partEnd(text: string, at: number): number {
  if (text.startsWith('//', at)) return endOr(text.indexOf('\n', at), text)
  if (text.startsWith('/*', at)) {
    const end = text.indexOf('*/', at + 2)
    return end < 0 ? text.length : end + 2
  }
  if (text[at] !== '"') return at + 1
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '"') return i + 1
    else if (text[i] === '\n') return i
  }
  return text.length
}

function endOr(end: number, text: string): number {
  return end < 0 ? text.length : end
}

export function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
