import { uptime } from 'node:os'
import { z } from 'zod'
import type { Host } from '../host.ts'
import { PATHS } from '../paths.ts'
import type { Step } from '../plan/step.ts'

/*
 * The dead man's switch. While an apply is under way, and until it is confirmed, a timer of systemd's is armed that
 * goes back to the confirmed generation. It belongs to systemd: it does not care what becomes of the process that
 * armed it, of the shell or of the network. What it finds under the apply's lock decides, not that it fired.
 */

/** /run/sekisho-guard.json, or PATHS.firstApply: what is under way and not confirmed. Root's alone. */
const GuardState = z.object({
  version: z.literal(1),
  /** 'applying' while steps are done; 'waiting' when all is done and healthy, and only the word is missing. */
  phase: z.enum(['applying', 'waiting']),
  /** The generation that it leads to. */
  to: z.number(),
  /** Seconds since boot at which an unconfirmed generation is given up. */
  deadline: z.number().optional(),
  /** Going back has begun, from this generation: when it ends early, it begins again from there. */
  base: z.number().optional(),
  /** Why it is given up, for the history. */
  why: z.string().optional(),
  tokenHash: z.string().optional(),
  session: z.object({ audit: z.number().optional(), anchors: z.array(z.string()) }).optional(),
  /** The generation's router.yaml becomes the user's with the confirmation: it is a rollback. */
  restoresYaml: z.boolean().optional(),
  /** Before there is a confirmed generation to go back to: the steps, and how many of them were begun. */
  journal: z.object({ steps: z.array(z.custom<Step>()), begun: z.number() }).optional(),
  /** With a journal: the kernel's boot_id. In another boot no time is left. */
  boot: z.string().optional(),
})
export type GuardState = z.output<typeof GuardState>

/** What is under way; undefined when nothing is. */
export async function readGuard(host: Host): Promise<GuardState | undefined> {
  const state = (await readState(host, PATHS.guard)) ?? (await readState(host, PATHS.firstApply))
  const booted = state?.boot !== undefined && state.boot !== (await bootId(host))
  return booted ? { ...state, deadline: 0 } : state
}

/** What boot went back from, and nobody has put right since; undefined when it did not. */
export function readFellBack(host: Host): Promise<GuardState | undefined> {
  return readState(host, PATHS.fellBack)
}

async function readState(host: Host, path: string): Promise<GuardState | undefined> {
  const text = await host.read(path)
  if (text === undefined) return undefined
  const parsed = GuardState.safeParse(parse(text))
  return parsed.success ? parsed.data : undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** One with a journal outlives the boot, since nothing else says then what there was. */
export async function writeGuard(host: Host, state: GuardState): Promise<void> {
  if (!state.journal) return host.write(PATHS.guard, `${JSON.stringify(state)}\n`, 0o600)
  const kept = { ...state, boot: await bootId(host) } satisfies GuardState
  await host.write(PATHS.firstApply, `${JSON.stringify(kept)}\n`, 0o600)
}

/** random(4) */
async function bootId(host: Host): Promise<string> {
  return (await host.read('/proc/sys/kernel/random/boot_id'))?.trim() ?? ''
}

/** Seconds since boot: a clock that is set meanwhile changes nothing. */
export function now(): number {
  return uptime()
}

/** How long an apply may be without a sign of life, in seconds; it gives one three times as often. */
const APPLY_SECS = 15

const UNITS = { applying: 'sekisho-guard', waiting: 'sekisho-guard-confirm' } as const

/**
 * Arms the switch: `command` runs in so many seconds unless it is disarmed. Both timers may be armed at once, so
 * that there is no moment between them in which none is. Throws with systemd's words when it cannot.
 */
export async function arm(
  host: Host,
  phase: keyof typeof UNITS,
  command: readonly string[],
  secs: number = APPLY_SECS,
): Promise<void> {
  const unit = UNITS[phase]
  const argv = [
    'systemd-run',
    '--quiet',
    '--collect',
    `--unit=${unit}`,
    '--description=Sekisho: go back to the confirmed configuration',
    `--on-active=${secs}s`,
    '--timer-property=AccuracySec=100ms',
    // A way back that fails is tried again.
    '--property=Restart=on-failure',
    '--property=RestartSec=3s',
    '--property=StartLimitIntervalSec=1h',
    '--property=StartLimitBurst=100',
    '--',
    ...command,
  ]
  const first = await host.exec(argv)
  if (first.code === 0) return
  // One is there already, of an apply that died: it goes on from now, without a moment in which none is armed.
  if (phase === 'applying' && (await host.exec(['systemctl', 'restart', `${unit}.timer`])).code === 0) return
  // Or it has fired, and waits for the lock that we hold: it looks after us.
  if (phase === 'applying' && (await host.exec(['systemctl', 'is-active', '--quiet', unit])).code === 0)
    return
  if (phase === 'waiting') {
    await stopUnits(host, [`${unit}.timer`])
    if ((await host.exec(argv)).code === 0) return
  }
  throw new Error(`the timer that would undo this could not be armed: ${first.stderr.trim()}`)
}

/**
 * Gives signs of life until the returned function is called: each begins the time anew. systemd does it in one go, so
 * that the timer is armed throughout, whenever we die.
 */
export function keepPushing(host: Host): () => void {
  const push = () =>
    void host.exec(['systemctl', 'restart', `${UNITS.applying}.timer`]).catch(() => undefined)
  const timer = setInterval(push, (APPLY_SECS / 3) * 1000)
  timer.unref()
  return () => clearInterval(timer)
}

/** The apply's own timer is no longer needed: the one of the confirmation is armed. */
export function disarmApplying(host: Host): Promise<void> {
  return stopUnits(host, [`${UNITS.applying}.timer`])
}

/** Forgets what was under way and stops the timers. A timer that stays fires and finds nothing to do. */
export async function disarm(host: Host): Promise<void> {
  for (const path of [PATHS.guard, PATHS.firstApply, PATHS.fellBack]) await host.remove(path)
  await stopUnits(
    host,
    Object.values(UNITS).map((unit) => `${unit}.timer`),
  )
}

async function stopUnits(host: Host, timers: readonly string[]): Promise<void> {
  // A unit that is not there is one that need not be stopped.
  await host.exec(['systemctl', 'stop', ...timers])
}
