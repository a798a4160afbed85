import type { Issue } from './issue.ts'

/** An issue before it has its place: `at: 'key'` points at the key itself and not at its value. */
export interface Finding extends Omit<Issue, 'location'> {
  readonly at?: 'key'
}

export type Path = readonly (string | number)[]

/** A value of the file for a message: quoted, short, and never more than one line. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  const text = typeof value === 'string' ? JSON.stringify(value) : plain(value)
  return text.length > 60 ? `${text.slice(0, 57)}…${typeof value === 'string' ? '"' : ''}` : text
}

/** A number or a truth value as it is written; YAML knows no other scalars. */
export function plain(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint'
    ? `${value}`
    : '…'
}

/** "a", "a or b", "a, b or c". */
export function either(words: readonly string[], word = 'or'): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} ${word} ${words.at(-1)}`
}
