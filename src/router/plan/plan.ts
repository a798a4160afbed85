import type { Change } from '../../config/changes.ts'
import { type DesiredState, isNothing } from '../desired.ts'
import { manifestOf } from '../generation/generation.ts'
import type { Inventory, Manifest } from '../inventory.ts'
import { type Drift, driftOf } from './drift.ts'
import { fileSteps, mergeSteps, placeSteps, reloadSteps, volumeSteps } from './file-steps.ts'
import { noticesOf } from './impact.ts'
import {
  downSteps,
  firewallSteps,
  hostnameSteps,
  networkdSteps,
  runSteps,
  sysctlSteps,
  takeoverStep,
} from './machine-steps.ts'
import { inOrder } from './order.ts'
import { composeSteps, dockerSteps, imageSteps, unitSteps } from './service-steps.ts'
import { sourceChanges } from './source-changes.ts'
import type { Step } from './step.ts'

export interface Plan {
  readonly from: number | undefined
  /** The generation it leads to; the same as `from` when only the machine has to be mended; 0 when all of ours goes. */
  readonly to: number
  /** What router.yaml says otherwise than when the generation in use was made. */
  readonly changes: readonly Change[]
  /** What was changed on the machine since then, by something else than apply. */
  readonly drift: readonly Drift[]
  /** The apply that made the generation in use did not come to its end. */
  readonly unfinished: boolean
  readonly steps: readonly Step[]
  /** Made without root: it knows the files, and takes what runs to be as the last apply left it. */
  readonly limited: boolean
  /** Data of modules that leave: it stays on the disk. */
  readonly kept: readonly { readonly owner: string; readonly path: string }[]
  /** Why it cannot be applied, in words with what to do; nothing is touched then. */
  readonly blockers: readonly string[]
}

export interface PlanOptions {
  /** The router.yaml that `desired` was made of: what differs from the current one's is said in words. */
  readonly source?: string
  /** The generation on the disk that holds it already; without, a new one is made when it differs. */
  readonly target?: number
}

/**
 * What has to happen for the machine to become `desired`. Pure; empty steps when it already is.
 */
export function plan(
  inventory: Inventory,
  desired: DesiredState,
  { source, target }: PlanOptions = {},
): Plan {
  const { current } = inventory
  const manifest = manifestOf(desired)
  const fresh =
    current === undefined ||
    current.drift.length > 0 ||
    JSON.stringify(manifest) !== JSON.stringify(current.manifest)
  const leaves = isNothing(desired)
  const to = leaves ? 0 : (target ?? (fresh ? Math.max(0, ...inventory.generations) + 1 : current.number))
  const merges = mergeSteps(inventory, desired)
  const files = fileSteps(inventory, desired)
  const places = placeSteps(inventory, manifest)
  const pointer: Step[] =
    to !== (current?.number ?? 0)
      ? [
          {
            do: 'current',
            ...(current && { before: current.number }),
            ...(!leaves && { after: to }),
            owner: 'core',
            impact: 'none',
            says: leaves ? 'no generation is in use any more' : `generation ${to} becomes current`,
          },
        ]
      : []
  const steps = [
    ...imageSteps(inventory),
    ...volumeSteps(inventory, desired),
    ...downSteps(inventory),
    ...files,
    ...pointer,
    ...places,
    ...merges.steps,
    ...reloadSteps(files, places),
    ...inventory.takeover.map((action) => takeoverStep(action, false)),
    ...inventory.lapsed.toReversed().map((action) => takeoverStep(action, true)),
    ...runSteps(inventory, desired, files),
    ...hostnameSteps(inventory, desired),
    ...networkdSteps(inventory, desired),
    ...firewallSteps(inventory, desired, files),
    ...sysctlSteps(inventory, desired),
    ...dockerSteps(inventory, desired, merges.steps),
    ...unitSteps(inventory, desired, files),
    ...composeSteps(inventory, desired, files),
  ]
  return {
    from: current?.number,
    to,
    changes: source === undefined ? [] : sourceChanges(current, source),
    drift: driftOf(inventory),
    unfinished: current !== undefined && current.live === undefined,
    steps: inOrder(steps).map((step) => ({ ...step, notices: noticesOf(step) })),
    limited: inventory.limited,
    kept: keptData(current?.manifest, desired),
    blockers: [...inventory.blockers, ...merges.blockers],
  }
}

function keptData(previous: Manifest | undefined, desired: DesiredState): Plan['kept'] {
  const wanted = new Set(desired.volumes.map((volume) => volume.path))
  return (previous?.volumes ?? [])
    .filter((volume) => !wanted.has(volume.path))
    .map(({ owner, path }) => ({ owner, path }))
}
