import type { DesiredState } from '../desired.ts'
import { desiredOf, generationPath, linkedGeneration, readGeneration } from '../generation/generation.ts'
import { markUndone } from '../generation/undone.ts'
import type { Host } from '../host.ts'
import { observe, presume } from '../observe.ts'
import { PATHS } from '../paths.ts'
import { plan } from '../plan/plan.ts'
import type { Step } from '../plan/step.ts'
import { disarm, now, readFellBack, readGuard, writeGuard } from './guard.ts'
import type { StepContext } from './step.ts'
import { executeAll, wayBack } from './undo.ts'

export interface FallBackOptions {
  readonly context: StepContext
  readonly onProgress?: (line: string) => void
  /** Seconds to wait for an apply that is alive. */
  readonly lockSecs: number
  /** Also when the time of an unconfirmed generation is not over: somebody asks for it. */
  readonly early?: boolean
  /** For the history: why the generation is given up. */
  readonly why?: string
}

export type FallBackResult =
  | { readonly did: 'locked' | 'nothing' }
  /** An unconfirmed generation still has so many seconds. */
  | { readonly did: 'not yet'; readonly leftSecs: number }
  | {
      readonly did: 'back'
      readonly from: number | undefined
      /** Undefined when there was no generation before: the machine is as we found it. */
      readonly to: number | undefined
      /** What could not be put back, in words; empty when all is as the confirmed generation says. */
      readonly failures: readonly string[]
    }

/**
 * Goes back to the confirmed generation when an apply died or was not confirmed: by a plan from what is observed,
 * whatever the apply had come to. It needs no network. Links and firewall come first, and nobody waits for what they
 * do not need. Done again, it goes on where it ended.
 */
export async function fallBack(options: FallBackOptions): Promise<FallBackResult> {
  const { context, lockSecs } = options
  const release = await context.host.lock(PATHS.lock, lockSecs)
  if (!release) return { did: 'locked' }
  try {
    return await fallBackLocked(options)
  } finally {
    await release()
  }
}

async function fallBackLocked({
  context,
  onProgress = () => {},
  early = false,
  why,
}: FallBackOptions): Promise<FallBackResult> {
  const { host } = context
  const state = (await readGuard(host)) ?? (await readFellBack(host))
  const current = await linkedGeneration(host, PATHS.current)
  const confirmed = await linkedGeneration(host, PATHS.confirmed)
  if (!state && current === confirmed) return { did: 'nothing' }
  // Once it has begun, going back is not left at half.
  if (state?.phase === 'waiting' && state.base === undefined) {
    if (current === confirmed) {
      // It was confirmed, and whoever did it died before it had stopped us.
      await disarm(host)
      return { did: 'nothing' }
    }
    const leftSecs = (state.deadline ?? 0) - now()
    if (!early && leftSecs > 0) return { did: 'not yet', leftSecs }
  }
  const dropped = state?.to ?? current
  const base = state?.base ?? current
  if (state && base !== state.base && base !== undefined) await writeGuard(host, { ...state, base })
  const { failures, desired } = await restore(context, { base, confirmed }, onProgress)
  if (dropped !== undefined && dropped !== confirmed) {
    await removeVolumes(host, dropped, desired)
    // One that was never written to its end is no history.
    if (await readGeneration(host, dropped))
      await markUndone(host, dropped, why ?? state?.why ?? reasonOf(state?.phase)).catch(() => {})
    else await host.removeTree(generationPath(dropped)).catch(() => {})
  }
  if (failures.length === 0) await disarm(host)
  return { did: 'back', from: dropped, to: confirmed, failures }
}

function reasonOf(phase: 'applying' | 'waiting' | undefined): string {
  return phase === 'waiting' ? 'it was not confirmed in time' : 'its apply ended before it was done'
}

/**
 * Makes the machine what the confirmed generation says, or what it was before there was one. First come the steps
 * that the difference to `base` asks for, as the generations say it: nobody waits until all has been looked at. Then
 * what is observed to be amiss still.
 */
export async function restore(
  context: StepContext,
  { base, confirmed }: { readonly base: number | undefined; readonly confirmed: number | undefined },
  onProgress: (line: string) => void,
): Promise<{ failures: string[]; desired?: DesiredState }> {
  const { host } = context
  if (confirmed === undefined) {
    const journal = (await readGuard(host))?.journal
    const steps = journal ? wayBack(journal.steps, journal.begun) : []
    return { failures: await executeAll(steps, context, onProgress) }
  }
  const generation = await readGeneration(host, confirmed)
  if (!generation) return { failures: [`generation ${confirmed} cannot be read`] }
  const desired = desiredOf(generation)
  const left = base === undefined || base === confirmed ? undefined : await readGeneration(host, base)
  const failures = left
    ? await hurry(
        plan(await presume(host, left, desired), desired, { target: confirmed }).steps,
        context,
        onProgress,
      )
    : []
  const planned = plan(await observe(host, desired), desired, { target: confirmed })
  // What would hold up a way forward does not hold up the way back.
  return { failures: [...failures, ...(await executeAll(planned.steps, context, onProgress))], desired }
}

/** Links and firewall before all else, then services of the host beside containers, which take the longest. */
async function hurry(
  steps: readonly Step[],
  context: StepContext,
  onProgress: (line: string) => void,
): Promise<string[]> {
  const units: readonly Step['do'][] = ['stop', 'restart', 'start']
  const containers: readonly Step['do'][] = ['docker-start', 'docker-restart', 'compose']
  const some = (which: (step: Step) => boolean) => executeAll(steps.filter(which), context, onProgress)
  const isOf = (kinds: readonly Step['do'][]) => (step: Step) => kinds.includes(step.do)
  const failures = await some((step) => !isOf([...units, ...containers, 'sweep'])(step))
  const both = await Promise.all([some(isOf(containers)), some(isOf(units))])
  return [...failures, ...both.flat(), ...(await some(isOf(['sweep'])))]
}

/** Data directories that the dropped generation brought and nobody has written into. */
async function removeVolumes(host: Host, dropped: number, desired: DesiredState | undefined): Promise<void> {
  const kept = new Set((desired?.volumes ?? []).map(({ path }) => path))
  const generation = await readGeneration(host, dropped)
  for (const { path } of generation?.manifest.volumes ?? []) {
    if (kept.has(path)) continue
    await host.removeEmpty(path)
    const parent = path.slice(0, path.lastIndexOf('/'))
    if (parent.startsWith(`${PATHS.data}/`)) await host.removeEmpty(parent)
  }
}
