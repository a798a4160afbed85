import { runChecks } from './apply-checks.ts'
import type { EnsureImages, StepContext } from './apply-step.ts'
import { execute, StepError } from './apply-step.ts'
import type { DesiredState } from './desired.ts'
import { generationPath, generationTarget, writeGeneration } from './generation.ts'
import { healGenerations } from './heal-generations.ts'
import type { Host } from './host.ts'
import type { LiveRecord } from './inventory.ts'
import { summaryOf } from './meta.ts'
import { observeNft } from './nft-state.ts'
import { observe, observeServices, textsOf } from './observe.ts'
import { PATHS } from './paths.ts'
import type { Plan, Step } from './plan.ts'
import { invert, plan } from './plan.ts'
import { type GenerationBudget, pruneGenerations } from './prune-generations.ts'

export interface ApplyOptions {
  readonly host: Host
  readonly desired: DesiredState
  /** Text of router.yaml, kept with the generation. */
  readonly source: string
  /** Who applies, for the list of generations. */
  readonly author?: string
  /** What the generations may take. */
  readonly budget?: GenerationBudget
  readonly ensureImages: EnsureImages
  readonly onProgress?: (line: string) => void
  /** Sees the plan before anything is touched; a string is why not to go on. */
  readonly onPlan?: (plan: Plan) => Promise<string | undefined>
  /** Seconds to wait for another apply to end; default 120. */
  readonly lockSecs?: number
  /** Seconds that containers have to become healthy; default 120. */
  readonly healthSecs?: number
}

export type ApplyResult =
  | { readonly ok: true; readonly changed: boolean; readonly plan: Plan }
  | {
      readonly ok: false
      /** Where it ended: before 'apply' nothing was touched. */
      readonly stage: 'lock' | 'plan' | 'write' | 'check' | 'apply'
      readonly message: string
      readonly details: readonly string[]
      /** After a failure in 'apply': what could not be put back; empty when everything is as before. */
      readonly unrestored: readonly string[]
      readonly plan?: Plan
    }

/**
 * Makes the machine what `desired` says, or leaves it as it was. Nothing is touched before the new generation is on
 * the disk and judged good; a failure after that is undone by the same steps inverted.
 */
export async function apply(options: ApplyOptions): Promise<ApplyResult> {
  const { host, lockSecs = 120 } = options
  const release = await host.lock(PATHS.lock, lockSecs)
  if (!release) {
    const message = `another apply is running, and did not end within ${lockSecs} s. Fix: wait for it, then try again`
    return { ok: false, stage: 'lock', message, details: [], unrestored: [] }
  }
  try {
    return await applyLocked(options)
  } finally {
    await release()
  }
}

async function applyLocked(options: ApplyOptions): Promise<ApplyResult> {
  const { host, desired, onProgress = () => {}, healthSecs = 120, ensureImages } = options
  const inventory = await observe(host, desired)
  const planned = plan(inventory, desired, undefined, options.source)
  const refuse = (stage: 'plan' | 'write' | 'check', message: string, details: readonly string[] = []) =>
    ({ ok: false, stage, message, details, unrestored: [], plan: planned }) as const
  if (planned.blockers.length > 0) return refuse('plan', 'this machine is not ready', planned.blockers)
  const veto = await options.onPlan?.(planned)
  if (veto !== undefined) return refuse('plan', veto)
  if (planned.steps.length === 0) {
    if (inventory.confirmed !== planned.to) await host.symlink(generationTarget(planned.to), PATHS.confirmed)
    return { ok: true, changed: false, plan: planned }
  }

  const context: StepContext = { host, ensureImages, healthSecs }
  const fresh = planned.to !== planned.from
  try {
    const meta = { author: options.author ?? 'unknown', summary: summaryOf(planned) }
    if (fresh) await writeGeneration(host, planned.to, desired, options.source, inventory.current, meta)
    for (const step of planned.steps.filter((s) => s.do === 'images')) {
      onProgress(step.says)
      await execute(step, context)
    }
    if (fresh) {
      const findings = await runChecks(host, desired, planned, textsOf(inventory.current), onProgress)
      if (findings.length > 0) {
        await discard(host, planned.to)
        return refuse('check', 'the new configuration was refused; nothing was changed', findings)
      }
    }
  } catch (error) {
    if (fresh) await discard(host, planned.to)
    return refuse('write', messageOf(error), detailsOf(error))
  }

  const attempted: Step[] = []
  try {
    for (const step of planned.steps.filter((s) => s.do !== 'images' && s.do !== 'file')) {
      onProgress(step.says)
      attempted.push(step)
      await execute(step, context)
    }
    await verifyUnits(host, desired)
    await recordLive(host, planned.to)
    await host.symlink(generationTarget(planned.to), PATHS.confirmed)
  } catch (error) {
    onProgress(`${messageOf(error)}: going back`)
    const late = planned.steps.filter((step) => isUndoneAnyway(step) && !attempted.includes(step))
    const unrestored = await rollBack([...attempted, ...late], context, onProgress)
    await restoreConfirmed(host, inventory.confirmed)
    if (fresh && unrestored.length === 0) await discard(host, planned.to)
    return {
      ok: false,
      stage: 'apply',
      message: messageOf(error),
      details: detailsOf(error),
      unrestored,
      plan: planned,
    }
  }
  await healGenerations(host, planned.to, inventory.current?.drift ?? [])
    .then(() => pruneGenerations(host, options.budget))
    .catch((error: unknown) => onProgress(`old generations stay as they are: ${messageOf(error)}`))
  return { ok: true, changed: true, plan: planned }
}

/** Undoes the steps, each as well as it can be; returns what failed on the way back. */
async function rollBack(
  attempted: readonly Step[],
  context: StepContext,
  onProgress: (line: string) => void,
): Promise<string[]> {
  const failures: string[] = []
  for (const step of invert(attempted)) {
    onProgress(step.says)
    try {
      await execute(step, context)
    } catch (error) {
      failures.push(`${step.says}: ${messageOf(error)}`)
    }
  }
  return failures
}

/** Whether the way back needs this step's inverse though it was not come to, as earlier ones have its effect. */
function isUndoneAnyway(step: Step): boolean {
  // Runtime directories are made early and swept late; a firewall that is stopped takes policies along.
  return step.do === 'sweep' || (step.do === 'takeover' && step.action.kind === 'accept-policy')
}

async function restoreConfirmed(host: Host, confirmed: number | undefined): Promise<void> {
  if (confirmed === undefined) await host.remove(PATHS.confirmed)
  else await host.symlink(generationTarget(confirmed), PATHS.confirmed)
}

async function discard(host: Host, number: number): Promise<void> {
  await host.removeTree(generationPath(number)).catch(() => {})
  await host.removeEmpty(PATHS.generations).catch(() => {})
}

/** A unit that started and died at once is a failure that only shows now. */
async function verifyUnits(host: Host, desired: DesiredState): Promise<void> {
  for (const { name } of desired.units.filter((unit) => unit.enable)) {
    const { stdout } = await host.exec(['systemctl', 'show', '--property=ActiveState,ConditionResult', name])
    const state = /^ActiveState=(.*)$/m.exec(stdout)?.[1] ?? ''
    if (state === 'active' || state === 'reloading') continue
    // A unit that is for another boot says so by a condition: what goes back has nothing to go back to yet.
    if (state === 'inactive' && /^ConditionResult=no$/m.test(stdout)) continue
    const journal = await host.exec([
      'journalctl',
      '--unit',
      name,
      '--lines',
      '15',
      '--no-pager',
      '--output',
      'cat',
    ])
    throw new StepError(`${name} is ${state || 'unknown'} and not running`, journal.stdout.trim().split('\n'))
  }
}

/** Remembers what runs now, so that a later look can tell a change by hand. */
async function recordLive(host: Host, number: number): Promise<void> {
  const nft = await observeNft(host)
  const services = (await observeServices(host))?.services ?? {}
  const record: LiveRecord = {
    ...(nft !== undefined && { nft }),
    services: Object.fromEntries(Object.entries(services).map(([name, live]) => [name, live.configHash])),
  }
  await host.write(`${generationPath(number)}/live.json`, `${JSON.stringify(record, null, 1)}\n`, 0o644)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function detailsOf(error: unknown): readonly string[] {
  return error instanceof StepError ? error.details : []
}
