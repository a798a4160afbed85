import { type Change, configChanges } from '../../config/changes.ts'
import { configOf } from '../../config/config-of.ts'
import { unifiedDiff } from '../../lib/diff-lines.ts'
import type { GenerationOnDisk } from '../inventory.ts'

/** A file that differs between two generations. */
export interface FileChange {
  readonly path: string
  readonly owner: string
  readonly kind: Change['kind']
  readonly secret: boolean
  /** Hunks of a unified diff; none for a secret, whose text nobody is shown, or where only the mode differs. */
  readonly hunks: readonly string[]
}

export interface Comparison {
  readonly from: number
  readonly to: number
  /** Undefined when the router.yaml of one of the two cannot be read by this release. */
  readonly changes: readonly Change[] | undefined
  readonly files: readonly FileChange[]
}

/** What differs between two generations, as they are on the disk. */
export function compareGenerations(before: GenerationOnDisk, after: GenerationOnDisk): Comparison {
  const [one, two] = [before, after].map(({ source }) =>
    source === undefined ? undefined : configOf(source),
  )
  const changes =
    before.source === after.source
      ? []
      : one === undefined || two === undefined
        ? undefined
        : configChanges(one, two)
  return { from: before.number, to: after.number, changes, files: fileChanges(before, after) }
}

function fileChanges(before: GenerationOnDisk, after: GenerationOnDisk): FileChange[] {
  const one = new Map(before.manifest.files.map((file) => [file.path, file]))
  const two = new Map(after.manifest.files.map((file) => [file.path, file]))
  return [...new Set([...one.keys(), ...two.keys()])].sort().flatMap((path): FileChange[] => {
    const [was, is] = [one.get(path), two.get(path)]
    if (was?.sha256 === is?.sha256 && was?.mode === is?.mode) return []
    const secret = was?.secret === true || is?.secret === true
    return [
      {
        path,
        owner: is?.owner ?? was?.owner ?? 'core',
        kind: was === undefined ? 'added' : is === undefined ? 'removed' : 'changed',
        secret,
        hunks: secret ? [] : unifiedDiff(before.files[path]?.text ?? '', after.files[path]?.text ?? ''),
      },
    ]
  })
}
