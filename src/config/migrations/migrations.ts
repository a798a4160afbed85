import type { Document } from 'yaml'

/**
 * A step from one version of router.yaml to the next, in a file of its own that is named NNN-what-it-does.ts after the
 * version it leads to. Pure but for the document it is given, whose comments and order it keeps; it leaves `version`
 * alone, which is written for it.
 */
export interface Migration {
  readonly from: number
  /** Always the next: from + 1. */
  readonly to: number
  /** What it changes, for the user: "wan.mtu becomes wan.mtu_bytes". */
  readonly says: string
  migrate(document: Document): void
}

/** Every migration there is, in order. Version 1 is the first, and so far the only one. */
export const MIGRATIONS: readonly Migration[] = []

/** The version of router.yaml that a list of migrations leads to. */
export function latestVersion(migrations: readonly Migration[] = MIGRATIONS): number {
  return migrations.at(-1)?.to ?? 1
}
