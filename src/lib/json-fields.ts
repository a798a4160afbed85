/*
 * Reads the fields of a JSON file that our own renderer wrote: anything else is a bug, and throws with the field's name. By
 * hand, since a validator costs a process that is always there more memory than all of its settings.
 */

export function record(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error(`${name} is not an object`)
  return value as Record<string, unknown>
}

export function list(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${name} is not a list`)
  return value
}

export function string(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`${name} is not a text`)
  return value
}

export function path(value: unknown, name: string): string {
  const text = string(value, name)
  if (!text.startsWith('/')) throw new Error(`${name} is not an absolute path`)
  return text
}

export function integer(value: unknown, name: string, least = 0): number {
  if (!Number.isSafeInteger(value) || (value as number) < least) throw new Error(`${name} is not a number`)
  return value as number
}
