import type { DesiredState } from '../desired.ts'
import { isNothing } from '../desired.ts'
import {
  desiredOf,
  generationPath,
  generationTarget,
  linkedGeneration,
  writeGeneration,
} from '../generation/generation.ts'
import { healGenerations } from '../generation/heal.ts'
import { summaryOf } from '../generation/meta.ts'
import { type GenerationBudget, pruneGenerations } from '../generation/prune.ts'
import { awaitHealthy, healthyNow, type Probe } from '../health/probe.ts'
import type { Host } from '../host.ts'
import type { Inventory, LiveRecord } from '../inventory.ts'
import { observeNft } from '../nft-state.ts'
import { observe, observeServices, textsOf } from '../observe.ts'
import { PATHS } from '../paths.ts'
import type { Plan } from '../plan/plan.ts'
import { plan } from '../plan/plan.ts'
import type { Step } from '../plan/step.ts'
import { runChecks } from './checks.ts'
import { restore } from './fall-back.ts'
import {
  arm,
  disarm,
  disarmApplying,
  type GuardState,
  keepPushing,
  now,
  readGuard,
  writeGuard,
} from './guard.ts'
import type { Session } from './session.ts'
import type { EnsureImages, StepContext } from './step.ts'
import { detailsOf, execute, messageOf, StepError } from './step.ts'
import { executeAll, wayBack } from './undo.ts'

export interface ApplyOptions {
  readonly host: Host
  readonly desired: DesiredState
  /** Text of router.yaml, kept with the generation. */
  readonly source: string
  /** Who applies, for the list of generations. */
  readonly author?: string
  /** What the generations may take; without, none goes. */
  readonly budget?: GenerationBudget
  readonly ensureImages: EnsureImages
  readonly onProgress?: (line: string) => void
  /** Sees the plan before anything is touched; a string is why not to go on. */
  readonly onPlan?: (plan: Plan) => Promise<string | undefined>
  /** Seconds to wait for another apply to end; default 120. */
  readonly lockSecs?: number
  /** Seconds that containers have to become healthy; default 120. */
  readonly healthSecs?: number
  /** What a router with a state must do for people; what did it before must do it again. Default: nothing. */
  readonly probes?: (desired: DesiredState) => readonly Probe[]
  /** Seconds in which what was healthy before must be so again; default 30. */
  readonly againSecs?: number
  /** The command that goes back to the confirmed generation, for the timer; without, none is armed. */
  readonly guard?: readonly string[]
  /** Do not confirm: it is undone unless somebody does within this time. Needs `guard`. */
  readonly confirm?: {
    readonly secs: number
    readonly session: Session
    readonly tokenHash: string
  }
  /** It is a rollback: router.yaml becomes this generation's when it is confirmed. */
  readonly restoresYaml?: boolean
}

export type ApplyResult =
  | {
      readonly ok: true
      readonly changed: boolean
      readonly plan: Plan
      /** It is in use and healthy, and undone unless it is confirmed in time. */
      readonly waiting?: true
    }
  | {
      readonly ok: false
      /** Where it ended: before 'apply' nothing was touched. */
      readonly stage: 'lock' | 'unconfirmed' | 'plan' | 'write' | 'check' | 'apply'
      readonly message: string
      readonly details: readonly string[]
      /** After a failure in 'apply': what could not be put back; empty when everything is as before. */
      readonly unrestored: readonly string[]
      readonly plan?: Plan
    }

/**
 * Makes the machine what `desired` says, or leaves it as it was. Nothing is touched before the new generation is on
 * the disk and judged good, and a timer is armed that undoes it should we die; a failure after that is undone by the
 * same steps inverted.
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
  const waiting = await readGuard(host)
  if (waiting?.phase === 'waiting' && now() < (waiting.deadline ?? 0)) {
    const left = Math.ceil((waiting.deadline ?? 0) - now())
    const message = `generation ${waiting.to} waits to be confirmed, for ${left} s more. Fix: sekisho confirm keeps it, sekisho rollback gives it up`
    return { ok: false, stage: 'unconfirmed', message, details: [], unrestored: [] }
  }
  const context: StepContext = { host, ensureImages, healthSecs }
  // A first apply that died is undone before another begins: only its own steps say what there was.
  if (waiting?.journal && (await linkedGeneration(host, PATHS.confirmed)) === undefined) {
    const { failures } = await restore(context, { base: undefined, confirmed: undefined }, onProgress)
    if (failures.length > 0)
      return {
        ok: false,
        stage: 'apply',
        message: 'an apply before this one died, and could not be undone',
        details: failures,
        unrestored: failures,
      }
    await disarm(host)
  }
  const inventory = await observe(host, desired)
  const planned = plan(inventory, desired, { source: options.source })
  const refuse = (stage: 'plan' | 'write' | 'check', message: string, details: readonly string[] = []) =>
    ({ ok: false, stage, message, details, unrestored: [], plan: planned }) as const
  if (planned.blockers.length > 0) return refuse('plan', 'this machine is not ready', planned.blockers)
  const veto = await options.onPlan?.(planned)
  if (veto !== undefined) return refuse('plan', veto)
  if (planned.steps.length === 0) {
    if (inventory.confirmed !== planned.to) await setConfirmed(host, planned.to)
    if (waiting) await disarm(host)
    return { ok: true, changed: false, plan: planned }
  }

  const leaves = isNothing(desired)
  const fresh = !leaves && planned.to !== planned.from
  const steps = planned.steps.filter((step) => step.do !== 'images' && step.do !== 'file')
  let wanted: readonly Probe[]
  let guard: Guard
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
        await discard(options, planned.to)
        return refuse('check', 'the new configuration was refused; nothing was changed', findings)
      }
    }
    wanted = await whatWorks(options, inventory)
    guard = await startGuard(options, planned, inventory, steps)
  } catch (error) {
    if (fresh) await discard(options, planned.to)
    await disarm(host).catch(() => {})
    return refuse('write', messageOf(error), detailsOf(error))
  }

  const confirm = fresh ? options.confirm : undefined
  let begun = 0
  try {
    for (const step of steps) {
      onProgress(step.says)
      begun++
      await guard.begins(begun)
      await execute(step, context)
    }
    await verifyUnits(host, desired)
    await verifyHealth(wanted, options)
    if (!leaves) await recordLive(host, planned.to)
    if (confirm) await guard.waits(confirm)
    else await setConfirmed(host, planned.to)
  } catch (error) {
    onProgress(`${messageOf(error)}: going back`)
    const unrestored = await goBack(
      { steps, begun, base: planned.to, confirmed: inventory.confirmed },
      context,
      onProgress,
    )
    await setConfirmed(host, inventory.confirmed)
    if (fresh && unrestored.length === 0) await discard(options, planned.to)
    await guard.ends().catch(() => {})
    return {
      ok: false,
      stage: 'apply',
      message: messageOf(error),
      details: detailsOf(error),
      unrestored,
      plan: planned,
    }
  }
  if (confirm) return { ok: true, changed: true, plan: planned, waiting: true }
  // It is confirmed: a timer that stays finds nothing to do.
  await guard.ends().catch((error: unknown) => onProgress(messageOf(error)))
  await healGenerations(host, planned.to, inventory.current?.drift ?? [])
    .then(() => options.budget && pruneGenerations(host, options.budget))
    .catch((error: unknown) => onProgress(`old generations stay as they are: ${messageOf(error)}`))
  return { ok: true, changed: true, plan: planned }
}

/** Those probes of the new state that the router passes now: they must be passed again. */
async function whatWorks(
  { desired, probes, onProgress }: ApplyOptions,
  { current }: Inventory,
): Promise<readonly Probe[]> {
  // Before the first apply nothing is promised to anyone.
  if (!probes || !current) return []
  const before = probes(desiredOf(current))
  onProgress?.(`looks at what works now: ${before.map(({ name }) => name).join(', ')}`)
  const healthy = await healthyNow(before)
  const ill = before.filter(({ name }) => !healthy.has(name)).map(({ name }) => name)
  if (ill.length > 0) onProgress?.(`what does not work is not waited for: ${ill.join(', ')}`)
  return probes(desired).filter(({ name }) => healthy.has(name))
}

async function verifyHealth(
  wanted: readonly Probe[],
  { onProgress, againSecs = 30 }: ApplyOptions,
): Promise<void> {
  if (wanted.length === 0) return
  onProgress?.(`waits until all of it works again, ${againSecs} s at most`)
  const ill = await awaitHealthy(wanted, againSecs)
  if (ill.length > 0)
    throw new StepError(`what worked before does not work again within ${againSecs} s`, [
      ...ill,
      'Fix: mend router.yaml; or give it more time with --deadline, or go on without with --no-health',
    ])
}

/** The dead man's switch, for the time of one apply. */
interface Guard {
  /** The n-th step begins. */
  begins(n: number): Promise<void>
  /** All is done: the switch is set to the time that people have to confirm, counted from now. */
  waits(confirm: NonNullable<ApplyOptions['confirm']>): Promise<void>
  ends(): Promise<void>
}

async function startGuard(
  { host, guard, restoresYaml }: ApplyOptions,
  planned: Plan,
  inventory: Inventory,
  steps: readonly Step[],
): Promise<Guard> {
  if (!guard) {
    const nothing = async () => {}
    return { begins: nothing, waits: nothing, ends: nothing }
  }
  const state: GuardState = { version: 1, phase: 'applying', to: planned.to }
  // Without a generation to go back to, the steps themselves say what there was.
  const first = inventory.confirmed === undefined
  const journal = (begun: number) => (first ? { ...state, journal: { steps: [...steps], begun } } : state)
  await writeGuard(host, journal(0))
  await arm(host, 'applying', guard)
  const stop = keepPushing(host)
  return {
    async begins(n) {
      if (first) await writeGuard(host, journal(n))
    },
    async waits({ secs, session, tokenHash }) {
      // Before the timer: when it fires, the time is over. After it: a state that waits has its timer.
      const deadline = now() + secs
      await arm(host, 'waiting', guard, secs)
      await writeGuard(host, {
        ...journal(steps.length),
        phase: 'waiting',
        deadline,
        tokenHash,
        session: { ...session, anchors: [...session.anchors] },
        ...(restoresYaml && { restoresYaml }),
      })
      stop()
      await disarmApplying(host)
    },
    async ends() {
      stop()
      await disarm(host)
    },
  }
}

interface Begun {
  readonly steps: readonly Step[]
  readonly begun: number
  readonly base: number
  readonly confirmed: number | undefined
}

/** Undoes what was begun. What fails on the way is tried once more, from what is observed. */
async function goBack(
  { steps, begun, base, confirmed }: Begun,
  context: StepContext,
  onProgress: (line: string) => void,
): Promise<readonly string[]> {
  const failures = await executeAll(wayBack(steps, begun), context, onProgress)
  if (failures.length === 0 || confirmed === undefined) return failures
  onProgress(`${failures.join('; ')}: tries again`)
  try {
    return (await restore(context, { base, confirmed }, onProgress)).failures
  } catch (error) {
    return [...failures, messageOf(error)]
  }
}

async function setConfirmed(host: Host, confirmed: number | undefined): Promise<void> {
  if (!confirmed) await host.remove(PATHS.confirmed)
  else await host.symlink(generationTarget(confirmed), PATHS.confirmed)
}

/** Takes a generation away that was never in use, and what it alone held. */
async function discard({ host, budget }: ApplyOptions, number: number): Promise<void> {
  await host.removeTree(generationPath(number)).catch(() => {})
  await host.removeEmpty(PATHS.generations).catch(() => {})
  await budget?.onDropped?.([number]).catch(() => {})
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
