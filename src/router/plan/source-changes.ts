import { type Change, configChanges } from '../../config/changes.ts'
import { configOf } from '../../config/config-of.ts'
import type { GenerationOnDisk } from '../inventory.ts'

/**
 * What a router.yaml says otherwise than that of the generation in use; all of it is new when there is none. Comments
 * and the order of keys are no change.
 */
export function sourceChanges(current: GenerationOnDisk | undefined, source: string): readonly Change[] {
  if (current?.source === source) return []
  const after = configOf(source)
  if (after === undefined) return []
  if (current === undefined) return configChanges(undefined, after)
  const before = current.source === undefined ? undefined : configOf(current.source)
  if (before !== undefined) return configChanges(before, after)
  const says = `what router.yaml said in generation ${current.number} cannot be read by this release`
  return [{ path: [], kind: 'changed', says }]
}
