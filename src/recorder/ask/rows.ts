import type { JS } from '@duckdb/node-api'
import type { Session } from '../query/session.ts'

export type Answer = Readonly<Record<string, JS>>

/** The rows of a statement of ours, which are few. */
export function rowsOf(session: Session, views: readonly string[], sql: string): Promise<Answer[]> {
  return session.run(views, sql, (result) => result.getRowObjectsJS())
}

export function number(value: JS | undefined): number {
  return typeof value === 'bigint' || typeof value === 'number' ? Number(value) : 0
}

export function text(value: JS | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** A list of texts, nulls left out. */
export function texts(value: JS | undefined): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}

/** Milliseconds since 1970; undefined for null. */
export function moment(value: JS | undefined): number | undefined {
  return value instanceof Date ? value.getTime() : undefined
}
