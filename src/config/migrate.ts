import { type Document, isMap, isScalar, parseDocument } from 'yaml'
import { decodeText } from './decode-text.ts'
import type { Issue } from './issue.ts'
import { locateRange } from './locate.ts'
import { latestVersion, MIGRATIONS, type Migration } from './migrations/migrations.ts'
import { MAX_BYTES } from './parse.ts'

/** A router.yaml in the current version, or what stands against it. */
export type Migrated =
  | {
      readonly ok: true
      /** The file as it came when nothing had to change. */
      readonly text: string | Uint8Array
      /** Absent when the file is of the current version, or too wrong to say of which. */
      readonly migration?: {
        readonly from: number
        readonly to: number
        readonly text: string
        /** What each step changed. */
        readonly says: readonly string[]
      }
    }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/**
 * Brings a router.yaml of an earlier version to the current one in memory, its comments and order kept. What cannot be
 * read comes back as it is: the checks that follow say why. Never throws.
 */
export function migrate(
  input: string | Uint8Array,
  file: string,
  migrations: readonly Migration[] = MIGRATIONS,
): Migrated {
  const unchanged = { ok: true, text: input } as const
  const decoded = decodeText(input, file, MAX_BYTES)
  if (!decoded.ok) return unchanged
  const { text } = decoded
  const document = read(text)
  if (document === undefined || !isMap(document.contents)) return unchanged
  const node = document.contents.get('version', true)
  const from = isScalar(node) ? node.value : undefined
  if (typeof from !== 'number' || !Number.isSafeInteger(from) || from < 1) return unchanged
  const to = latestVersion(migrations)
  if (from === to) return unchanged
  const refuse = (message: string, fix: string): Migrated => {
    const [start, end] = node?.range ?? [0, 0]
    return {
      ok: false,
      issues: [{ path: ['version'], message, fix, location: locateRange(file, text, start, end) }],
    }
  }
  if (from > to)
    return refuse(
      `this file is of version ${from}, and this Sekisho knows versions up to ${to}`,
      'upgrade Sekisho, or take the file from before its upgrade (router.yaml.v…)',
    )
  const says: string[] = []
  for (let version = from; version < to; version++) {
    const step = migrations.find((one) => one.from === version)
    if (!step) throw new Error(`no migration leads on from version ${version}`)
    try {
      step.migrate(document)
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error)
      return refuse(
        `this file cannot be brought from version ${step.from} to ${step.to}: ${words}`,
        `mend it with the Sekisho that it was written for, or write it anew as version ${to}`,
      )
    }
    document.set('version', step.to)
    says.push(step.says)
  }
  const migrated = document.toString({ lineWidth: 0 })
  return { ok: true, text: migrated, migration: { from, to, text: migrated, says } }
}

function read(text: string): Document | undefined {
  try {
    const document = parseDocument(text, {
      version: '1.2',
      schema: 'core',
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'error',
    })
    return document.errors.length === 0 ? document : undefined
  } catch {
    // Absurd nesting; the parser that follows says so.
    return undefined
  }
}
